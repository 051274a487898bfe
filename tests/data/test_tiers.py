from __future__ import annotations

import pytest

from fedlab_utils.data.tiers import TIERS, current_tier
from fedlab_utils.errors import DataError
from fedlab_utils.segmentation.unet import STRIDE


@pytest.mark.parametrize(
    ("value", "name"), [(None, "laptop"), ("", "laptop"), ("gpu", "gpu"), (" GPU ", "gpu")]
)
def test_tier_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str | None, name: str
) -> None:
    monkeypatch.delenv("FEDLAB_TIER", raising=False)
    if value is not None:
        monkeypatch.setenv("FEDLAB_TIER", value)
    assert current_tier() is TIERS[name]


def test_unknown_tier_names_value_and_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDLAB_TIER", "cloud")
    with pytest.raises(DataError, match=r"FEDLAB_TIER.*'cloud'.*laptop or gpu"):
        current_tier()


def test_tiers_are_those_of_the_course() -> None:
    laptop, gpu = TIERS["laptop"], TIERS["gpu"]
    assert (laptop.spacing, laptop.spatial_dims) == (2.0, 2)
    assert (gpu.spacing, gpu.spatial_dims) == (1.0, 3)
    for tier in TIERS.values():
        assert len(tier.size) == tier.spatial_dims
        assert all(edge % STRIDE == 0 for edge in tier.size)
