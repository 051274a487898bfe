"""What the widgets ought to show, from files and arrays by nibabel, numpy and scipy alone.

Nothing here calls the package, so that a test that compares with it can fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage, special

ENHANCING = (3, 4)
"""The enhancing tumour's number since BraTS 2023 (and in this package), and before."""


def read_ras(path: Path) -> np.ndarray:
    """A file's values with axes to the right, to the front and up."""
    return nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(dtype=np.float32)


def voxel_mm(path: Path) -> tuple[float, ...]:
    """Edges of a file's voxels along RAS axes."""
    return nibabel.as_closest_canonical(nibabel.load(path)).header.get_zooms()[:3]


def regions(labels: np.ndarray) -> np.ndarray:
    """ET, TC and WT of labels in BraTS numbers."""
    return np.stack([np.isin(labels, ENHANCING), (labels > 0) & (labels != 2), labels > 0])


def brain_of(image: np.ndarray) -> np.ndarray:
    """Largest piece of what two sequences show, without holes."""
    pieces, _ = ndimage.label((image != 0).sum(axis=0) >= 2)
    largest = np.bincount(pieces.ravel())[1:].argmax() + 1
    return ndimage.binary_fill_holes(pieces == largest)


def box_of(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box around a mask."""
    where = np.argwhere(mask)
    return tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))


def zscores(volume: np.ndarray, brain: np.ndarray, clip: float = 5.0) -> np.ndarray:
    """Mean 0 and deviation 1, both of the values within the 1st to 99th percentile's limits."""
    values = volume[brain].astype(np.float64)
    usual = np.clip(values, *np.percentile(values, (1, 99)))
    result = np.zeros(volume.shape)
    result[brain] = np.clip((values - usual.mean()) / usual.std(), -clip, clip)
    return result


def regrid(volume: np.ndarray, old: Sequence[float], new: float) -> np.ndarray:
    """Coarser by means of what a voxel covers, through the integral; finer by straight lines."""
    result = np.asarray(volume, np.float64)
    for axis, edge in enumerate(old):
        length = result.shape[axis]
        edges = np.arange(int(np.ceil(length * edge / new - 1e-3)) + 1) * new / edge
        rule = _means if new >= edge else _straight_lines
        result = np.apply_along_axis(rule, axis, result, np.minimum(edges, length))
    return result


def _means(line: np.ndarray, edges: np.ndarray) -> np.ndarray:
    integral = np.interp(edges, np.arange(len(line) + 1), np.r_[0, np.cumsum(line)])
    return np.diff(integral) / np.diff(edges)


def _straight_lines(line: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.interp((edges[:-1] + edges[1:]) / 2 - 0.5, np.arange(len(line)), line)


def regrid_inside(
    volume: np.ndarray, brain: np.ndarray, old: Sequence[float], new: float
) -> tuple[np.ndarray, np.ndarray]:
    """The same, each voxel from its part in the brain, if that is at least half of it."""
    share = regrid(brain, old, new)
    inside = share >= 0.5 - 1e-6
    filled = regrid(np.where(brain, volume, 0), old, new)
    return np.where(inside, filled / np.where(inside, share, 1), 0), inside


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Twice what two masks share, over the sum of both."""
    return 2 * np.logical_and(a, b).sum() / (a.sum() + b.sum())


def augmented(
    name: str, image: np.ndarray, target: np.ndarray, strength: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """A slice ``(4, H, W)`` and its regions after an augmentation, each written out anew."""
    image = image.astype(np.float64)
    if strength == 0:
        return image, target.astype(bool)
    if name in _SPATIAL:
        moved = np.stack([_SPATIAL[name](c, strength, seed) for c in (*image, *target)])
        return moved[:4], moved[4:] >= 0.5
    inside = (image != 0).any(axis=0)
    return _INTENSITY[name](image, inside, strength, seed) * inside, target.astype(bool)


def _flip(channel: np.ndarray, strength: float, seed: int) -> np.ndarray:
    return channel[::-1] if np.random.default_rng(seed).random() < strength else channel


def _affine(channel: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """Up to 30 degrees, a quarter larger or smaller, 8 % of the edge aside."""
    rng, shape = np.random.default_rng(seed), np.array(channel.shape)
    angle = np.deg2rad(30) * strength * rng.uniform(-1, 1)
    scale = 1.25 ** (strength * rng.uniform(-1, 1))
    shift = 0.08 * strength * rng.uniform(-1, 1, 2) * shape
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (shape - 1) / 2
    offset = centre + turn @ shift - scale * turn @ centre
    return ndimage.affine_transform(
        channel.astype(float), scale * turn, offset, order=1, mode="grid-constant"
    )


def _elastic(channel: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """Normal draws of 2.5 voxels about every 16 voxels, splines between them."""
    rng, shape = np.random.default_rng(seed), channel.shape
    nodes = [max(2, round(n / 16) + 1) for n in shape]
    drawn = 2.5 * strength * rng.standard_normal((2, *nodes))
    at = [np.linspace(0, m - 1, n) for n, m in zip(shape, nodes, strict=True)]
    grid = np.stack(np.meshgrid(*at, indexing="ij"))
    bend = [ndimage.map_coordinates(d, grid, order=3, mode="nearest") for d in drawn]
    places = np.indices(shape) + bend
    return ndimage.map_coordinates(channel.astype(float), places, order=1, mode="grid-constant")


def _darkest(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return image[:, inside].min(axis=1)[:, None, None]


def _bias(image: np.ndarray, inside: np.ndarray, strength: float, seed: int) -> np.ndarray:
    """The exponential of Legendre polynomials of degree 3, on the signal above the darkest."""
    rng = np.random.RandomState(seed)
    rng.rand()
    coefficients = np.zeros((4, 4))
    coefficients[np.tril_indices(4)] = rng.uniform(-0.5 * strength, 0.5 * strength, 10)
    x, y = (np.linspace(-1, 1, n) for n in image.shape[1:])
    field = np.exp(np.polynomial.legendre.leggrid2d(x, y, coefficients))
    return (image - _darkest(image, inside)) * field + _darkest(image, inside)


def _gamma(image: np.ndarray, inside: np.ndarray, strength: float, seed: int) -> np.ndarray:
    exponents = 2 ** (strength * np.random.default_rng(seed).uniform(-1, 1, 4))[:, None, None]
    low = _darkest(image, inside)
    span = image[:, inside].max(axis=1)[:, None, None] - low
    return (np.clip(image - low, 0, None) / span) ** exponents * span + low


def _noise(image: np.ndarray, inside: np.ndarray, strength: float, seed: int) -> np.ndarray:  # noqa: ARG001
    rng = np.random.RandomState(seed)
    rng.rand()
    return image + rng.normal(0, 0.5 * strength, image.shape)


def _blur(image: np.ndarray, inside: np.ndarray, strength: float, seed: int) -> np.ndarray:  # noqa: ARG001
    """A Gaussian of 1.5 voxels, integrated over each voxel, cut off at four deviations."""
    sigma = 1.5 * strength
    reach = int(max(4 * sigma + 0.5, 1))
    edges = np.arange(-reach - 0.5, reach + 1) / (sigma * np.sqrt(2))
    kernel = np.clip(np.diff(special.erf(edges)) / 2, 0, None)
    for axis in (1, 2):
        image = ndimage.convolve1d(image, kernel, axis=axis, mode="constant")
    return image


def _coarse(image: np.ndarray, inside: np.ndarray, strength: float, seed: int) -> np.ndarray:  # noqa: ARG001
    """Means over larger, possibly overlapping voxels, straight lines between their middles."""
    for axis in (1, 2):
        n = image.shape[axis]
        m = max(1, round(n * (1 - 2 / 3 * strength)))
        parts = [
            image.take(range(i * n // m, -(-(i + 1) * n // m)), axis).mean(axis) for i in range(m)
        ]
        back = (np.arange(n) + 0.5) * m / n - 0.5
        image = np.apply_along_axis(
            lambda line, b=back, m=m: np.interp(b, np.arange(m), line), axis, np.stack(parts, axis)
        )
    return image


_SPATIAL = {"flip": _flip, "affine": _affine, "elastic": _elastic}
_INTENSITY = {
    "bias field": _bias,
    "gamma": _gamma,
    "noise": _noise,
    "blur": _blur,
    "low resolution": _coarse,
}


def rounds_by_hand(steps: int, rate: float, mu: float, rounds: int) -> np.ndarray:
    """FedAvg's or FedProx's average after some rounds, written in numpy alone."""
    from fedlab_utils.ui.drift import three_bowls

    bowls = [(b.curvature.numpy(), b.bottom.numpy()) for b in three_bowls().quadratics]
    at = np.zeros(2)
    for _ in range(rounds):
        ends = []
        for curvature, bottom in bowls:
            y = at
            for _ in range(steps):
                y = y - rate * (curvature @ (y - bottom) + mu * (y - at))
            ends.append(y)
        at = np.mean(ends, axis=0)
    return at
