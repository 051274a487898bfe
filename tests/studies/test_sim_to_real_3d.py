"""The study of volumes asks for the machine that it needs, before it makes a single patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.data.tiers import TIERS
from fedlab_utils.errors import StudyError
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from fedlab_utils.studies.runner import Workplace
from fedlab_utils.studies.sim_to_real_3d import STUDY

LIMIT_MB = 5.0
"""Of a file of weights in the repository."""


def test_without_a_gpu_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedlab_utils.segmentation.devices.best_device", lambda: "cpu")
    with pytest.raises(StudyError, match="CUDA GPU"):
        STUDY.measure(STUDY.cells[0], Workplace(tmp_path, say=lambda _: None))
    assert list(tmp_path.iterdir()) == []


def test_its_weights_will_fit_into_the_repository() -> None:
    (settings,) = STUDY.cells
    tier = TIERS[settings["tier"]]
    network = make_unet(UNetSettings(spatial_dims=tier.spatial_dims, width=settings["width"]))
    half = 2 * sum(p.numel() for p in network.parameters()) / 1e6
    assert half < LIMIT_MB
