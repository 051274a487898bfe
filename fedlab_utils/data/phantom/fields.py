"""Smooth random fields and separable resampling, both as small matrices along each axis.

A field is white noise on a coarse lattice in millimetres, spread by a Gaussian. Because the
lattice belongs to the patient and not to the voxel grid, the same patient has the same folds and
the same tumour at every spacing. Gaussians are separable, so that a field of a million voxels
costs three small matrix products.
"""

from __future__ import annotations

import numpy as np

Axes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Voxel centres along X, Y and Z in mm, one sorted 1-D array each."""


def apply_matrices(array: np.ndarray, matrices: tuple[np.ndarray, ...]) -> np.ndarray:
    """Multiply the last three axes of an array by one matrix each.

    Parameters
    ----------
    array
        ``(..., a, b, c)``.
    matrices
        Shapes ``(X, a)``, ``(Y, b)``, ``(Z, c)``.

    Returns
    -------
    np.ndarray
        ``(..., X, Y, Z)`` float32.
    """
    along_x, along_y, along_z = (m.astype(np.float32, copy=False) for m in matrices)
    array = np.ascontiguousarray(array, dtype=np.float32)
    *lead, a, b, c = array.shape
    # Each product is one plain matrix product on contiguous memory.
    array = (along_x @ array.reshape(*lead, a, b * c)).reshape(*lead, len(along_x), b, c)
    array = along_y @ array
    return (array.reshape(-1, c) @ along_z.T).reshape(*array.shape[:-1], len(along_z))


def gaussian_matrix(at: np.ndarray, nodes: np.ndarray, sigma: float) -> np.ndarray:
    """Return ``(len(at), len(nodes))`` Gaussian weights, not normalised, cut off at four sigma.

    Without the cut, denormal numbers in the tails make matrix products twenty times slower.
    """
    z = (at[:, None] - nodes[None, :]) / sigma
    return np.where(np.abs(z) < 4, np.exp(-0.5 * z * z), 0.0)


def linear_matrix(at: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the matrix that interpolates linearly from evenly spaced nodes; edges are held."""
    step = nodes[1] - nodes[0]
    place = np.clip((at - nodes[0]) / step, 0, len(nodes) - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(len(nodes))[None, :]))


def smooth_field(
    rng: np.random.Generator,
    axes: Axes,
    extent: tuple[tuple[float, float], ...],
    sigma: float | tuple[float, float, float],
    channels: int | None = None,
    band: bool = False,
) -> np.ndarray:
    """Draw a smooth Gaussian random field with zero mean and unit variance.

    Parameters
    ----------
    rng
        Source of the lattice's white noise. The draw depends on ``extent``, ``sigma`` and
        ``channels`` alone, never on the voxel grid.
    axes
        Where the field is wanted, in mm. Beyond ``extent`` it soon stops changing.
    extent
        (low, high) in mm of the region that the lattice covers, per axis.
    sigma
        Width of the Gaussian in mm, one for all axes or one each: bumps are about four wide.
    channels
        Draw that many independent fields as a leading axis. None: one, without that axis.
    band
        Subtract a field 1.6 times smoother (difference of Gaussians): no slow drift is left, and
        ups and downs alternate like gyri and sulci.

    Returns
    -------
    np.ndarray
        ``(X, Y, Z)`` or ``(channels, X, Y, Z)`` float32.
    """
    sigmas = np.broadcast_to(np.asarray(sigma, float), (3,))
    reach = 5 if band else 3  # in sigma: what lies further away weighs next to nothing
    nodes = [
        np.arange(low - reach * s, high + (reach + 1) * s, 1.25 * s)
        for (low, high), s in zip(extent, sigmas, strict=True)
    ]
    lead = () if channels is None else (channels,)
    noise = rng.standard_normal((*lead, *(len(n) for n in nodes)), dtype=np.float32)
    narrow = _weights(axes, nodes, sigmas)
    variance = _variance(narrow, narrow)
    field = apply_matrices(noise, narrow)
    if band:
        # Both weights sum to one, so that what is slow cancels; both come from the same noise, so
        # that the variance of the difference follows from their overlap.
        wide = _weights(axes, nodes, 1.6 * sigmas)
        field -= apply_matrices(noise, wide)
        variance += _variance(wide, wide) - 2 * _variance(narrow, wide)
    field *= np.float32(1 / np.sqrt(variance))
    return field


def _weights(axes: Axes, nodes: list[np.ndarray], sigmas: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return Gaussian weights along each axis; each row sums to one.

    Beyond the lattice, where every weight would vanish, the field goes on as at its edge.
    """
    matrices = [
        gaussian_matrix(np.clip(a, n[0], n[-1]), n, s)
        for a, n, s in zip(axes, nodes, sigmas, strict=True)
    ]
    return tuple((m / m.sum(1, keepdims=True)).astype(np.float32) for m in matrices)


def _variance(first: tuple[np.ndarray, ...], second: tuple[np.ndarray, ...]) -> float:
    """Return the covariance, averaged over places, of two smoothings of the same white noise."""
    return float(
        np.prod([np.mean((a * b).sum(1, dtype=float)) for a, b in zip(first, second, strict=True)])
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
