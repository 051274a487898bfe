"""What else a scanner might have shown: MONAI's MRI augmentations with one strength each.

Images are robust z-scores with background exactly 0 (see
:func:`fedlab_utils.data.brain.robust_zscore`), slices ``(C, H, W)`` or volumes ``(C, X, Y, Z)``.
Spatial augmentations move the target with the image; intensity augmentations leave the target
and the background alone. The selection follows nnU-Net (Isensee et al., Nature Methods 18, 2021,
doi:10.1038/s41592-020-01008-z) and adds the bias field of an MR coil.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import FedLabError
from fedlab_utils.segmentation.intensity import bias_field, blur, gamma, low_resolution, noise
from fedlab_utils.segmentation.spatial import affine, elastic, flip
from fedlab_utils.segmentation.tensors import untracked

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.tiers import Tier

    Pair = tuple[torch.Tensor, torch.Tensor | None]

AUGMENTATIONS: dict[str, Callable[..., Pair]] = {
    "flip": flip,
    "affine": affine,
    "elastic": elastic,
    "bias field": bias_field,
    "gamma": gamma,
    "noise": noise,
    "blur": blur,
    "low resolution": low_resolution,
}
"""Every augmentation by name: ``f(image, target, strength, seed) -> (image, target)``."""


def augment(
    name: str,
    image: torch.Tensor | np.ndarray,
    target: torch.Tensor | np.ndarray | None = None,
    strength: float = 0.5,
    seed: int = 0,
) -> Pair:
    """Apply one augmentation.

    Parameters
    ----------
    name
        A key of ``AUGMENTATIONS``.
    image
        ``(C, H, W)`` or ``(C, X, Y, Z)`` z-scores, background 0.
    target
        ``(K, H, W)`` or ``(K, X, Y, Z)`` of 0 and 1, or None. Spatial augmentations interpolate
        it with the image and cut at one half: nested regions stay nested, and an outline moves
        by fractions of a voxel where nearest neighbour would jump.
    strength
        0 gives the inputs back unchanged, 1 the strongest effect. One seed keeps its direction
        over all strengths, so that a slider shows one effect growing.
    seed
        The same seed gives the same result.

    Returns
    -------
    image, target : torch.Tensor
        float32 image; target in its own dtype.

    Raises
    ------
    FedLabError
        If there is no such augmentation, or ``strength`` is outside [0, 1].
    """
    import torch

    if name not in AUGMENTATIONS:
        raise FedLabError(name, "is no augmentation", f"Choose one of {', '.join(AUGMENTATIONS)}")
    if not 0 <= strength <= 1:
        raise FedLabError(name, f"strength is {strength}", "Give a number between 0 and 1")
    image = torch.as_tensor(image, dtype=torch.float32)
    target = None if target is None else torch.as_tensor(target)
    if strength == 0:
        return image, target
    with untracked():
        return AUGMENTATIONS[name](image, target, float(strength), seed)


@dataclass(frozen=True)
class TrainingAugmentation:
    """A chain of augmentations, each applied by chance and with a random strength.

    Attributes
    ----------
    steps
        ``(name, probability, largest strength)``, applied in this order.
    seed
        Together with the key of a call it decides everything.
    """

    steps: tuple[tuple[str, float, float], ...]
    seed: int = 0

    def __call__(
        self, image: torch.Tensor, target: torch.Tensor | None, key: tuple[int, ...] = ()
    ) -> Pair:
        """Augment one sample.

        Parameters
        ----------
        image, target
            See :func:`augment`.
        key
            What tells this sample from all others, such as (epoch, index). The same key gives
            the same result, in any order and in any process.
        """
        rng = np.random.default_rng((self.seed, *key))
        for name, probability, strongest in self.steps:
            # Always three draws, so that one step's outcome does not shift the next one's.
            chance, strength, seed = rng.random(), rng.random(), int(rng.integers(2**31))
            if chance < probability:
                image, target = augment(name, image, target, strongest * strength, seed)
        return image, target


def training_augmentation(tier: Tier | None = None, seed: int = 0) -> TrainingAugmentation:
    """Return the augmentation that a network is trained with.

    Parameters
    ----------
    tier
        Default: the current one. Elastic deformation costs little on a slice and a second on a
        128-voxel patch, so that patches get it less often.
    seed
        See :class:`TrainingAugmentation`.
    """
    from fedlab_utils.data.tiers import current_tier

    tier = tier or current_tier()
    return TrainingAugmentation(
        steps=(
            ("flip", 1.0, 1.0),
            ("affine", 0.5, 1.0),
            ("elastic", 0.3 if tier.spatial_dims == 2 else 0.1, 1.0),
            ("bias field", 0.3, 1.0),
            ("gamma", 0.3, 1.0),
            ("noise", 0.3, 0.5),
            ("blur", 0.2, 0.5),
            ("low resolution", 0.2, 0.7),
        ),
        seed=seed,
    )
