"""How much of an image came back: scores against the truth, and what guessing alone scores.

A reconstruction counts as a leak only if it is nearer to the truth than what an attacker has
without the gradient. Two such guesses stand beside it: the mean of public patients, and of all
public patients the one that happens to be nearest (chosen with the truth in hand, so that no
attacker can do better by choosing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError

if TYPE_CHECKING:
    import torch

WINDOW = 11
"""Edge of the window of the structural similarity, in voxels; its weights are a Gaussian's."""

SIGMA = 1.5
"""Deviation of that Gaussian, in voxels."""

MOST_MATCHED = 6
"""Images whose order is sought by trying all."""


@dataclass(frozen=True)
class ImageScores:
    """How near one set of images is to another, per channel and in the mean.

    Attributes
    ----------
    psnr
        Peak signal-to-noise ratio in dB, one per channel, in the mean over images.
    ssim
        Structural similarity, one per channel, likewise; 1 for equal images.
    data_range
        Width of the range of intensities that both count with.
    order
        Which reconstruction was compared with each true image.
    """

    psnr: tuple[float, ...]
    ssim: tuple[float, ...]
    data_range: float
    order: tuple[int, ...]

    @property
    def mean_psnr(self) -> float:
        """Mean of the channels' ratios, in dB."""
        return sum(self.psnr) / len(self.psnr)

    @property
    def mean_ssim(self) -> float:
        """Mean of the channels' similarities."""
        return sum(self.ssim) / len(self.ssim)


def psnr(images: torch.Tensor, truth: torch.Tensor, data_range: float) -> torch.Tensor:
    """Return the peak signal-to-noise ratio of each channel of each image.

    Parameters
    ----------
    images, truth
        ``(B, C, H, W)``.
    data_range
        Width of the range of intensities; there is no natural one for standardised scans.

    Returns
    -------
    torch.Tensor
        ``10 log10(data_range ** 2 / mean squared error)`` in dB, ``(B, C)``; infinite where equal.

    Raises
    ------
    PrivacyError
        If shapes differ or the range is not above 0.
    """
    import torch

    _check(images, truth, data_range)
    error = (images.double() - truth.double()).square().mean((2, 3))
    return 10 * torch.log10(data_range**2 / error)


def ssim(images: torch.Tensor, truth: torch.Tensor, data_range: float) -> torch.Tensor:
    """Return the structural similarity of each channel of each image.

    As Wang et al. 2004 (doi:10.1109/TIP.2003.819861) have it, computed by MONAI: Gaussian windows
    of 11 x 11 voxels with deviation 1.5, constants 0.01 and 0.03, the variances those of the
    weighted window (not divided by n - 1), windows that leave the image not counted.

    Parameters
    ----------
    images, truth
        ``(B, C, H, W)``, edges of at least 11 voxels.
    data_range
        As for :func:`psnr`.

    Returns
    -------
    torch.Tensor
        ``(B, C)``, at most 1.

    Raises
    ------
    PrivacyError
        If shapes differ, an edge is too short, or the range is not above 0.
    """
    from monai.metrics.regression import compute_ssim_and_cs

    _check(images, truth, data_range)
    if min(images.shape[2:]) < WINDOW:
        raise PrivacyError(
            "ssim", f"images of {tuple(images.shape[2:])}", f"Pass edges of {WINDOW} or more"
        )
    size, sigma = (WINDOW, WINDOW), (SIGMA, SIGMA)
    similarity, _ = compute_ssim_and_cs(images, truth, 2, size, sigma, data_range)
    return similarity.mean((2, 3))


def score_images(
    images: torch.Tensor, truth: torch.Tensor, data_range: float | None = None
) -> ImageScores:
    """Return both scores, each true image compared with the reconstruction that fits it best.

    A gradient of a batch says nothing about the order of its images, so that the order with the
    least squared error counts.

    Parameters
    ----------
    images, truth
        ``(B, C, H, W)``.
    data_range
        By default the truth's largest intensity minus its least, over all channels.

    Raises
    ------
    PrivacyError
        As :func:`psnr` and :func:`ssim`, and for more than 6 images.
    """
    if data_range is None:
        data_range = float(truth.max() - truth.min())
    _check(images, truth, data_range)
    order = list(best_order(images, truth))
    found = images[order]
    return ImageScores(
        tuple(psnr(found, truth, data_range).mean(0).tolist()),
        tuple(ssim(found, truth, data_range).mean(0).tolist()),
        data_range,
        tuple(order),
    )


def best_order(images: torch.Tensor, truth: torch.Tensor) -> tuple[int, ...]:
    """Return which image belongs to each true one, by the least squared error in total."""
    count = len(truth)
    if count > MOST_MATCHED:
        raise PrivacyError(
            "image_scores", f"{count} images", f"Pass at most {MOST_MATCHED} at a time"
        )
    error = (images[None] - truth[:, None]).square().flatten(2).mean(2).tolist()
    orders = permutations(range(count))
    return min(orders, key=lambda order: sum(error[n][m] for n, m in enumerate(order)))


def mean_guess(public: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return the mean of public images, once per true one: what is known without a gradient."""
    return public.mean(0, keepdim=True).expand_as(truth)


def nearest_guess(public: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Return for each true image the public one with the least squared error.

    It is chosen by looking at the truth: an oracle, and no attacker's guess.

    Parameters
    ----------
    public
        ``(N, C, H, W)``, none of them of the patient under attack.
    truth
        ``(B, C, H, W)``.
    """
    error = (public[None] - truth[:, None]).square().flatten(2).mean(2)
    return public[error.argmin(1)]


def against_guesses(
    attacks: Mapping[str, torch.Tensor],
    truth: torch.Tensor,
    public: torch.Tensor,
    data_range: float | None = None,
    more: Mapping[str, torch.Tensor] | None = None,
) -> list[dict[str, object]]:
    """Return a table of attacks and of guesses; an attack counts if it beats them all.

    Parameters
    ----------
    attacks
        Name -> reconstruction ``(B, C, H, W)``.
    truth
        ``(B, C, H, W)``.
    public
        ``(N, C, H, W)``, see :func:`nearest_guess`.
    data_range
        As for :func:`score_images`.
    more
        Name -> a further guess ``(B, C, H, W)``: a guess should know all that the attacker knows.

    Returns
    -------
    list of dict
        One row each with ``name``, ``psnr`` in dB and ``ssim`` (means over channels), ``scores``
        (an :class:`ImageScores`), and ``counts``: for an attack, whether both numbers are above
        those of both guesses; None for a guess.
    """
    guesses = {
        "mean public image": mean_guess(public, truth),
        "nearest public image": nearest_guess(public, truth),
        **(more or {}),
    }
    rows = []
    for name, images in {**guesses, **attacks}.items():
        scores = score_images(images, truth, data_range)
        row = {"name": name, "psnr": scores.mean_psnr, "ssim": scores.mean_ssim}
        rows.append({**row, "scores": scores, "counts": None})
    best = {key: max(row[key] for row in rows[: len(guesses)]) for key in ("psnr", "ssim")}
    for row in rows[len(guesses) :]:
        row["counts"] = all(row[key] > least for key, least in best.items())
    return rows


def _check(images: torch.Tensor, truth: torch.Tensor, data_range: float) -> None:
    if images.shape != truth.shape or images.ndim != 4:
        raise PrivacyError(
            "image scores",
            f"images of {tuple(images.shape)} and a truth of {tuple(truth.shape)}",
            "Pass two tensors (B, C, H, W) of one shape",
        )
    if not data_range > 0:
        raise PrivacyError(
            "image scores", f"the data range is {data_range}", "Pass a number above 0"
        )
