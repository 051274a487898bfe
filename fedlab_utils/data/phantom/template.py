"""The average brain that every phantom starts from: ICBM152 tissue maps, read once per process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_FLOOR = 0.012
"""Added to probabilities before the logarithm: below this the average brain is certain."""


@dataclass(frozen=True)
class Maps:
    """Several maps on one grid in MNI space (RAS, mm).

    Attributes
    ----------
    values
        ``(channels, X, Y, Z)`` float32.
    origin
        MNI coordinate of voxel (0, 0, 0), mm.
    step
        Voxel edge, mm.
    """

    values: np.ndarray
    origin: np.ndarray
    step: float

    def sample(self, mni: np.ndarray) -> np.ndarray:
        """Interpolate linearly at MNI coordinates ``(3, X, Y, Z)`` in mm; zero outside.

        Returns ``(channels, X, Y, Z)`` float32.
        """
        import torch

        # grid_sample wants -1 to 1 from edge to edge, coordinates last and in the order Z, Y, X.
        grid = np.empty((*mni.shape[1:], 3), np.float32)
        for axis, size in enumerate(self.values.shape[1:]):
            scale = 2 / (self.step * size)
            target = grid[..., 2 - axis]
            np.multiply(mni[axis], np.float32(scale), out=target, casting="same_kind")
            target += np.float32(1 / size - 1 - scale * self.origin[axis])
        values, places = torch.from_numpy(self.values), torch.from_numpy(grid)
        out = torch.nn.functional.grid_sample(values[None], places[None], align_corners=False)
        return out[0].numpy()


@dataclass(frozen=True)
class Template:
    """The average brain.

    Attributes
    ----------
    tissue
        Channels: log-odds of white against grey matter, log-odds of CSF against grey matter, brain
        mask in [0, 1].
    shape
        At 4 mm, channels: the three components of the direction towards the ventricles (at most 1
        long, fading within about 15 mm); depth below the brain's surface in mm; and in [0, 1] how
        cortical a place is, how near a ventricle, and cerebellum.
    """

    tissue: Maps
    shape: Maps


@lru_cache(maxsize=2)
def load_template(step: int) -> Template:
    """Return the template with its tissue maps at 1 or 2 mm.

    The maps are the ICBM 2009 nonlinear symmetric average of 152 adults (Fonov et al., NeuroImage
    54:313-327, 2011, doi:10.1016/j.neuroimage.2010.07.033), which nilearn carries.
    """
    from nilearn.datasets import (
        load_mni152_brain_mask,
        load_mni152_gm_template,
        load_mni152_wm_template,
    )
    from scipy.ndimage import gaussian_filter

    images = [
        load_mni152_gm_template(resolution=1),
        load_mni152_wm_template(resolution=1),
        load_mni152_brain_mask(resolution=1),
    ]
    corner = images[0].affine[:3, 3]
    volumes = [np.asarray(image.dataobj, dtype=np.float32) for image in images]
    origin = corner + (step - 1) / 2
    grey, white, mask = (_pooled(volume, step) for volume in volumes)
    csf = np.clip(mask - grey - white, 0, 1)
    values = np.stack(
        [
            np.log((white + _FLOOR) / (grey + _FLOOR)),
            np.log((csf + _FLOOR) / (grey + _FLOOR)),
            gaussian_filter(mask, 1.0 / step),
        ]
    ).astype(np.float32)
    ventricle = _ventricles(csf, origin, step)
    coarse = corner + 1.5
    shape = _shape_maps(_pooled(ventricle, 4 // step), _pooled(mask, 4 // step), coarse)
    return Template(Maps(values, origin, float(step)), Maps(shape, coarse, 4.0))


def _pooled(volume: np.ndarray, step: int) -> np.ndarray:
    """Average over cubes of ``step`` voxels."""
    trimmed = volume[tuple(slice(0, n - n % step) for n in volume.shape)]
    a, b, c = (n // step for n in trimmed.shape)
    return trimmed.reshape(a, step, b, step, c, step).mean((1, 3, 5), dtype=np.float32)


def _mni_grid(size: tuple[int, ...], origin: np.ndarray, step: float) -> list[np.ndarray]:
    """Return x, y and z of each voxel in MNI mm, ready to broadcast."""
    return [a * step + o for a, o in zip(np.ogrid[tuple(map(slice, size))], origin, strict=True)]


def _ventricles(csf: np.ndarray, origin: np.ndarray, step: int) -> np.ndarray:
    """Return the large pieces of CSF in the middle, without cisterns and fissures: 0 or 1."""
    from scipy.ndimage import label

    x, y, z = _mni_grid(csf.shape, origin, step)
    middle = (np.abs(x) < 40) & (y > -62) & (y < 38) & (z > -22) & (z < 30)
    parts, _ = label((csf > 0.35) & middle)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return (sizes > 400 / step**3)[parts].astype(np.float32)


def _shape_maps(ventricle: np.ndarray, mask: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Return the channels of :attr:`Template.shape` from maps at 4 mm."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    x, y, z = _mni_grid(mask.shape, origin, 4.0)
    near = gaussian_filter(ventricle, 1.5)
    pull = np.stack(np.gradient(near))
    pull /= np.sqrt((pull**2).sum(0)).max()
    depth = distance_transform_edt(mask > 0.5, sampling=4.0)
    # Nuclei, brain stem and the ventricles' walls look alike in everybody: no folds of one's own.
    deep = ((x / 38) ** 2 + ((y + 8) / 42) ** 2 + ((z - 4) / 26) ** 2 < 1) & (z > -45)
    stem = (np.abs(x) < 22) & (y > -48) & (y < 6) & (z < -8)
    cerebellum = (y < -36) & (z < -20 - 0.25 * (y + 60)) & ~stem
    inside = mask > 0.5
    regions = [inside & ~(deep | stem), near / near.max(), inside & cerebellum]
    cortex, near, cerebellum = (gaussian_filter(r.astype(np.float32), 0.6) for r in regions)
    return np.stack([*pull, depth, cortex, near, cerebellum]).astype(np.float32)
