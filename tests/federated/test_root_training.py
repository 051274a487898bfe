"""FLTrust's root update is what a hospital with the public patients would send."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.root_training import RootTraining, public_task
from fedlab_utils.federated.unet_settings import UNetFederation
from tests.federated.toys import BowlTask


def test_it_trains_as_a_hospital_does() -> None:
    settings = FederationSettings(schedule="cosine", rounds=2, local_steps=5)
    alone = BowlTask(BowlTask().bowls[:1], (4,), noise=0.3)
    train, at = RootTraining(alone, settings), alone.initial()
    for number in (1, 2):
        at = {n: torch.tensor(v) for n, v in train(number, to_record(at)).items()}
    due = federate(alone, settings).last["at"]
    assert torch.equal(at["at"], due)


def test_a_folder_of_public_cases_is_one_hospital(phantom_dir: Path) -> None:
    federation = UNetFederation(data="elsewhere", hospitals=7, partition="volume", skew=1.0)
    task = public_task(federation, str(phantom_dir))
    assert task.hospitals == ["public"]
    assert task.patients(0) == len(task.members[0].hospital.patients) == 6
    assert task.unet == federation.task([]).unet
    batch = next(iter(task.batches(0, 1, 1)))
    assert batch["image"].shape[:2] == (8, 4)
    assert np.isfinite(batch["image"].numpy()).all()
