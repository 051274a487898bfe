from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.tissue import HEALTHY, NAMES, TISSUES, relaxation


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_relaxation_times_come_in_the_known_order(field: float) -> None:
    t1, t2, density = (dict(zip(NAMES, row, strict=True)) for row in relaxation(field))
    order = ["white", "deep_grey", "grey", "oedema", "necrosis", "cyst", "csf"]
    for times in (t1,):
        values = [times[name] for name in order]
        assert values == sorted(values)
    assert t2["white"] < t2["grey"] < t2["strong_rim"] < t2["oedema"] < t2["necrosis"] < t2["csf"]
    assert density["white"] < density["grey"] < density["csf"] == 1


def test_t1_grows_with_the_field_and_t2_shrinks() -> None:
    low, high = relaxation(1.5), relaxation(3.0)
    assert (high[0] > low[0]).all()
    assert (high[1] < low[1]).all()
    np.testing.assert_allclose(relaxation(2.25), (low + high) / 2)


def test_healthy_tissues_come_first() -> None:
    assert NAMES[:HEALTHY] == ("white", "grey", "deep_grey", "csf", "vessel", "white_lesion")
    assert TISSUES["strong_rim"].uptake_mm > 10 * TISSUES["grey"].uptake_mm
