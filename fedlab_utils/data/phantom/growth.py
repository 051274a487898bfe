"""How oedema spreads: a front that runs along white matter."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.fields import Axes, apply_matrices, linear_matrix

LATTICE_MM = 3.5
"""Grid on which the front moves: fine enough for gyri, coarse enough to be quick."""


def front_arrival(
    core: np.ndarray,
    speed: np.ndarray,
    axes: Axes,
    extent: tuple[tuple[float, float], ...],
    rounds: int = 52,
    enough_ml: float = np.inf,
) -> np.ndarray:
    """Return when a front that starts at the core arrives.

    The Fisher-Kolmogorov equation of glioma growth, dc/dt = div(D grad c) + rho c (1 - c), with D
    larger in white than in grey matter and none in CSF (Swanson, Alvord, Murray, Cell Prolif
    33:317-329, 2000). Here it drives the oedema, on a coarse lattice.

    Parameters
    ----------
    core
        ``(x, y, z)``, 1 where the front starts.
    speed
        ``(x, y, z)``: D and rho relative to plain white matter, 0 where nothing can spread.
    axes
        Voxel centres, mm.
    extent
        (low, high) in mm of the lattice, per axis.
    rounds
        Time steps at most; a front in white matter moves about 1 mm in each.
    enough_ml
        Stop once the front has passed that much.

    Returns
    -------
    np.ndarray
        ``(x, y, z)`` float32, in rounds; more than were run where the front did not get to.
    """
    lattice = tuple(np.arange(low, high + LATTICE_MM, LATTICE_MM) for low, high in extent)
    down = tuple(_averaging(n, a) for n, a in zip(lattice, axes, strict=True))
    c, speed = apply_matrices(np.stack([core, speed]).astype(np.float32), down)
    speed = speed.clip(0, 1.3)  # the explicit scheme is stable up to here
    flow = [0.12 * np.sqrt(_ahead(speed, k) * _behind(speed, k)) for k in range(3)]
    speed *= 0.27
    waited = np.zeros_like(c)
    for number in range(1, rounds + 1):
        change = speed * c
        change *= 1 - c
        for axis, rate in enumerate(flow):
            moved = rate * (_ahead(c, axis) - _behind(c, axis))
            _behind(change, axis)[...] += moved
            _ahead(change, axis)[...] -= moved
        c += change
        front = c < 0.3
        waited += front
        if (
            number % 4 == 0
            and (c.size - np.count_nonzero(front)) * LATTICE_MM**3 > enough_ml * 1000
        ):
            break
    # How far a place has come by the last round tells those not reached apart.
    waited += 4 * (0.3 - np.minimum(c, 0.3)) * front
    return apply_matrices(
        waited, tuple(linear_matrix(a, n) for a, n in zip(axes, lattice, strict=True))
    )


def _averaging(nodes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Average over the voxels around each node; nothing where there are none."""
    weights = np.maximum(0.0, 1 - np.abs(nodes[:, None] - at[None, :]) / LATTICE_MM)
    return weights / np.maximum(weights.sum(1, keepdims=True), 0.5)


def _ahead(array: np.ndarray, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(1, None),)]


def _behind(array: np.ndarray, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(None, -1),)]
