"""What a small number added against empty bins makes of a Jensen-Shannon distance (lesson 04)."""

from __future__ import annotations

import numpy as np

_ADDED = (1.0, 0.5, *(10.0**-power for power in range(1, 16)))


def told_of_smoothing(distance: float, first: np.ndarray, second: np.ndarray) -> str | None:
    """Say which number was added where, if adding one to two hospitals' counts explains it."""
    for added in _ADDED:
        for place, divergences in (
            ("in the logarithm", _in_logarithm(first, second, added)),
            ("to every bin", _in_bins(first, second, added)),
        ):
            if np.isclose(divergences, distance**2, rtol=1e-6, atol=0).any():
                return (
                    f"You add {added:g} {place}, and that changes the distance. Nothing needs to "
                    "be added: leave empty bins out of each sum"
                )
    return None


def _in_logarithm(first: np.ndarray, second: np.ndarray, added: float) -> list[float]:
    """Divergences with the number above, below, on both sides of the fraction, or beside it."""
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    there = middle > 0
    ways = (
        lambda a, m: (a + added) / (m + added),
        lambda a, m: a / m + added,
        lambda a, m: (a + added) / m,
        lambda a, m: np.where(a > 0, a, 1) / (m + added),  # an empty bin left out of the sum
    )
    return [
        sum((a[there] * np.log2(way(a[there], middle[there]))).sum() for a in (p, q)) / 2
        for way in ways
    ]


def _in_bins(first: np.ndarray, second: np.ndarray, added: float) -> list[float]:
    """Divergences of smoothed shares, divided by their new sum or not, and of smoothed counts."""
    shares = [first / first.sum() + added, second / second.sum() + added]
    counts = [first + added, second + added]
    return [
        _divergence(*shares),
        _divergence(*(a / a.sum() for a in shares)),
        _divergence(*(a / a.sum() for a in counts)),
    ]


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return float(sum((a * np.log2(a / middle)).sum() for a in (p, q)) / 2)
