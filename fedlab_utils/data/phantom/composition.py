"""What the tumour consists of: enhancing rim, solid tumour, necrosis, cyst, blood, wet tissue."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.phantom.fields import sigmoid


def compose(
    rng: np.random.Generator,
    style: str,
    depth: np.ndarray,
    core: np.ndarray,
    wet: np.ndarray,
    wetness: np.ndarray,
    noise: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Divide a core into its parts, label them, and mix tissues.

    Parameters
    ----------
    rng
        Source of what differs from tumour to tumour.
    style
        As ``plan.TumourPlan.style``.
    depth
        ``(x, y, z)`` mm below the core's surface, negative outside.
    core, wet
        Shares of each voxel that are core and oedematous, in [0, 1].
    wetness
        How much water oedematous tissue holds there, in [0, 1].
    noise
        Smooth random fields ``(x, y, z)``: fine, middle and slow (about 6, 14 and 30 mm wide).

    Returns
    -------
    labels : np.ndarray
        ``(x, y, z)`` uint8, canonical.
    fractions : dict
        Tissue name -> share of each voxel, float32. What is left is the healthy brain.
    """
    fine, middle, slow = noise
    dead, closed = _parts(rng, style, depth, fine, middle, slow)
    rim, dead = core * (1 - dead) * closed, core * dead
    labels = np.zeros(core.shape, np.uint8)
    labels[wet > 0.45] = OEDEMA
    inside = core > 0.5
    labels[inside] = NECROSIS
    labels[inside & (rim > 0.4 * core)] = ENHANCING
    strong = np.clip(rng.uniform(0.35, 0.85) + 0.22 * middle + 0.15 * fine, 0.03, 1.0)
    liquid = sigmoid((slow + rng.normal(-1.2, 0.9)) / 0.7)
    bleeding = rng.random() < 0.15
    clot = sigmoid((middle + 0.5 * slow - 1.7) / 0.15) if bleeding else np.zeros_like(core)
    fractions = {
        "oedema": wet * np.clip(wetness + 0.08 * slow + 0.06 * middle, 0.1, 1.0),
        "solid": np.maximum(core - rim - dead, 0),
        "weak_rim": rim * (1 - strong),
        "strong_rim": rim * strong,
        "necrosis": dead * (1 - liquid) * (1 - clot),
        "cyst": dead * liquid * (1 - clot),
        "blood": dead * clot,
    }
    return labels, {name: share.astype(np.float32) for name, share in fractions.items()}


def _parts(
    rng: np.random.Generator,
    style: str,
    depth: np.ndarray,
    fine: np.ndarray,
    middle: np.ndarray,
    slow: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the core is dead, and where what lives enhances; both in [0, 1]."""
    deep = sigmoid((depth - 2) / 0.5)
    if style == "ring":
        thickness = rng.uniform(0.8, 8.5) * np.exp(0.5 * slow) + 1.6 * middle + 1.5
        dead = sigmoid((depth - thickness + 0.9 * fine) / 0.5)
        holes = sigmoid((fine + 0.6 * middle - rng.uniform(1.7, 2.8)) / 0.2) * deep
        dead = np.maximum(dead, holes)
        closed = 1 - sigmoid((middle + 0.8 * slow - rng.uniform(1.3, 2.8)) / 0.2)
    elif style == "solid":
        dead = sigmoid((middle + 0.5 * fine + 0.7 * slow - rng.uniform(1.6, 2.8)) / 0.2) * deep
        closed = sigmoid((slow + 1.6) / 0.2)
    elif style == "patchy":
        dead = sigmoid((slow + 0.6 * middle - rng.uniform(1.0, 2.0)) / 0.2) * deep
        closed = sigmoid((0.5 * slow + middle + 0.5 * fine - rng.uniform(0.5, 1.5)) / 0.2)
    else:
        dead = sigmoid((slow + 0.4 * middle - rng.uniform(1.4, 3.0)) / 0.2) * deep
        closed = np.zeros_like(dead)
    return dead, closed
