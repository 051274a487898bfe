from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.phantom.composition import compose
from fedlab_utils.data.phantom.fields import sigmoid, smooth_field

AXES = tuple(np.arange(0.0, 60.1, 2.0) for _ in range(3))
DISTANCE = np.sqrt(sum((a - 30.0) ** 2 for a in np.meshgrid(*AXES, indexing="ij")))
DEPTH = (18 - DISTANCE).astype(np.float32)


def _compose(style: str, seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    extent = ((0.0, 60.0),) * 3
    noise = tuple(smooth_field(rng, AXES, extent, sigma) for sigma in (1.6, 3.4, 7.5))
    core = sigmoid(DEPTH / 0.5)
    wet = (1 - core) * (DISTANCE < 26)
    return compose(rng, style, DEPTH, core, wet, np.full_like(core, 0.8), noise)


@pytest.mark.parametrize("style", ["ring", "solid", "patchy", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_parts_fill_the_core_and_labels_follow(style: str, seed: int) -> None:
    labels, fractions = _compose(style, seed)
    inside = DEPTH > 3
    total = sum(share for name, share in fractions.items() if name != "oedema")
    np.testing.assert_allclose(total[inside], 1, atol=1e-2)
    assert set(np.unique(labels[inside])) <= {NECROSIS, ENHANCING}
    assert (labels[(DEPTH < -2) & (DISTANCE < 25)] == OEDEMA).all()
    assert not labels[DISTANCE > 27].any()


def test_styles_enhance_as_their_names_say() -> None:
    share = {
        style: np.mean([(_compose(style, s)[0][DEPTH > 0] == ENHANCING).mean() for s in range(6)])
        for style in ("ring", "solid", "patchy", "none")
    }
    assert share["none"] == 0
    assert 0.03 < share["patchy"] < 0.4
    assert 0.25 < share["ring"] < 0.85
    assert share["solid"] > 0.75


def test_rims_differ_in_thickness_and_most_are_open_somewhere() -> None:
    shares = [(_compose("ring", s)[0][DEPTH > 0] == ENHANCING).mean() for s in range(8)]
    assert np.ptp(shares) > 0.25
    surface = (DEPTH > 0) & (DEPTH < 2)
    closed = [(_compose("ring", s)[0][surface] == ENHANCING).mean() for s in range(8)]
    assert min(closed) < 0.97
