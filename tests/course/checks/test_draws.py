from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.course.checks import Wrong
from fedlab_utils.course.checks.draws import judge_chance, judge_factors, one_draw

RNG = np.random.default_rng(0)
IMAGE, TARGET = RNG.normal(0, 1, (4, 6, 5)), RNG.random((3, 6, 5)) < 0.4
FACTORS = RNG.uniform(0.9, 1.1, (400, 4))
FLIPS = RNG.random(400) < 0.5


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("mirrored", [True, False])
def test_a_draw_is_read_back(mirrored, dtype) -> None:
    used = np.array([0.9, 1.0, 1.05, 1.1])

    def answer(image, target, _rng):
        axes = (1,) if mirrored else ()
        new = (np.flip(image, axes) * used[:, None, None]).astype(dtype)
        return new, np.flip(target, axes)

    flip, factors = one_draw(answer, IMAGE, TARGET, seed=0)
    assert flip is mirrored
    np.testing.assert_allclose(factors, used, atol=1e-6)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ((0,), "swaps the sequences"),
        ((0, 1), "swaps the sequences"),
        ((2,), "front and back"),
        ((1, 2), "180 degrees"),
    ],
)
def test_a_flip_along_another_axis_is_named(axes, says) -> None:
    for image_axes, target_axes in ((axes, axes), (axes, ()), ((), axes)):
        with pytest.raises(Wrong, match=says):
            one_draw(
                lambda i, t, _, a=image_axes, b=target_axes: (np.flip(i, a), np.flip(t, b)),
                IMAGE,
                TARGET,
                seed=0,
            )


def test_fair_chance_is_let_by() -> None:
    judge_factors(FACTORS, FLIPS)
    judge_chance(FLIPS, FACTORS)


@pytest.mark.parametrize(
    ("factors", "says"),
    [
        (np.ones((400, 4)), "keeps its brightness"),
        (np.where(FLIPS[:, None], 1, FACTORS), "always when the patient is mirrored"),
        (np.where(FLIPS[:, None], FACTORS, 1), "always when the patient is not mirrored"),
        (FACTORS[:, :1].repeat(4, axis=1), "one factor for all"),
        (FACTORS[:, [0, 1, 2, 2]], "share a factor"),
        (FACTORS.round(2), "choose among a few"),
        (1.5 * FACTORS - 0.5, "outside 0.9 to 1.1"),
    ],
)
def test_what_is_wrong_with_factors_is_named(factors, says) -> None:
    with pytest.raises(Wrong, match=says):
        judge_factors(factors, FLIPS)


@pytest.mark.parametrize(
    ("flips", "factors", "says"),
    [
        (FLIPS & np.roll(FLIPS, 1), FACTORS, "of the draws are mirrored; about half should be"),
        (FACTORS[:, 2] > 1, FACTORS, "depend on each other, or on the flip"),
        (FLIPS, (FACTORS - 1) ** 3 * 100 + 1, "do not fill the range"),
    ],
)
def test_unfair_chance_is_named(flips, factors, says) -> None:
    with pytest.raises(Wrong, match=says):
        judge_chance(flips, factors)
