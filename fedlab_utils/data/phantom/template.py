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

    def unit_coordinates(self, mni: np.ndarray) -> np.ndarray:
        """Return MNI coordinates ``(3, ...)`` in mm as torch's grid_sample wants them: -1 to 1."""
        lead = (3,) + (1,) * (mni.ndim - 1)
        size = np.array(self.values.shape[1:])
        place = (mni - self.origin.reshape(lead)) / self.step
        return (2 * place + 1) / size.reshape(lead) - 1

    def sample(self, unit: np.ndarray) -> np.ndarray:
        """Interpolate linearly at ``(3, ...)`` unit coordinates; zero outside. ``(channels, ...)``."""
        import torch

        # grid_sample wants coordinates last, in the order Z, Y, X.
        grid = torch.from_numpy(np.ascontiguousarray(np.moveaxis(unit[::-1], 0, -1), np.float32))
        out = torch.nn.functional.grid_sample(
            torch.from_numpy(self.values)[None], grid[None], align_corners=False
        )
        return out[0].numpy()


@dataclass(frozen=True)
class Template:
    """The average brain.

    Attributes
    ----------
    tissue
        Channels: log-odds of white against grey matter, log-odds of CSF against grey matter, brain
        mask, how cortical a place is, ventricle; the last three in [0, 1].
    shape
        At 4 mm, channels: the three components of the direction towards the ventricles (at most 1
        long, fading within about 15 mm), and the depth below the brain's surface in mm.
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
    cortex, ventricle = _regions(csf, mask, origin, step)
    values = np.stack(
        [
            np.log((white + _FLOOR) / (grey + _FLOOR)),
            np.log((csf + _FLOOR) / (grey + _FLOOR)),
            gaussian_filter(mask, 1.0 / step),
            cortex,
            ventricle,
        ]
    ).astype(np.float32)
    shape = _shape_maps(_pooled(ventricle, 4 // step), _pooled(mask, 4 // step))
    return Template(Maps(values, origin, float(step)), Maps(shape, corner + 1.5, 4.0))


def _pooled(volume: np.ndarray, step: int) -> np.ndarray:
    """Average over cubes of ``step`` voxels."""
    trimmed = volume[tuple(slice(0, n - n % step) for n in volume.shape)]
    a, b, c = (n // step for n in trimmed.shape)
    return trimmed.reshape(a, step, b, step, c, step).mean((1, 3, 5), dtype=np.float32)


def _regions(
    csf: np.ndarray, mask: np.ndarray, origin: np.ndarray, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how cortical each place is and where the ventricles are, both float32 in [0, 1]."""
    from scipy.ndimage import gaussian_filter, label

    x, y, z = np.ogrid[tuple(slice(0, n) for n in csf.shape)]
    x, y, z = (a * step + o for a, o in zip((x, y, z), origin, strict=True))
    # Nuclei, brain stem and the ventricles' walls look alike in everybody: no folds of one's own.
    deep = ((x / 38) ** 2 + ((y + 8) / 42) ** 2 + ((z - 4) / 26) ** 2 < 1) & (z > -45)
    stem = (np.abs(x) < 22) & (y > -48) & (y < 6) & (z < -8)
    cortex = gaussian_filter((~(deep | stem)).astype(np.float32) * (mask > 0.5), 3.0 / step)
    # The ventricles are the large pieces of CSF in the middle, without cisterns and fissures.
    middle = (np.abs(x) < 40) & (y > -62) & (y < 38) & (z > -22) & (z < 30)
    parts, _ = label((csf > 0.35) & middle)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    ventricle = (sizes > 400 / step**3)[parts].astype(np.float32)
    return cortex, ventricle


def _shape_maps(ventricle: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return pull towards the ventricles (3 channels) and depth (mm), from maps at 4 mm."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    pull = np.stack(np.gradient(gaussian_filter(ventricle, 1.5)))
    pull /= np.sqrt((pull**2).sum(0)).max()
    depth = distance_transform_edt(mask > 0.5, sampling=4.0)
    return np.concatenate([pull, depth[None]]).astype(np.float32)
