"""Hospitals of the private fine-tuning in small, with few and coarse patients."""

from __future__ import annotations

import pytest

from fedlab_utils.data.tiers import Tier
from fedlab_utils.studies import fine_tuning_hospitals as hospitals


def few_and_coarse(monkeypatch: pytest.MonkeyPatch, count: int = 2) -> None:
    """Let a test make patients in seconds: 3 public, and of each hospital 4 and 2."""
    tier = Tier("few", spacing=8.0, spatial_dims=2, size=(32, 32))
    monkeypatch.setattr(hospitals, "TIER", tier)
    for name, value in (("PUBLIC", 3), ("PATIENTS", 4), ("TEST", 2), ("PRETRAINING", (1, 2))):
        monkeypatch.setattr(hospitals, name, value)
    monkeypatch.setattr(hospitals, "SCANNERS", hospitals.SCANNERS[:count])
