"""What the server makes of the model on public patients, as FLTrust compares hospitals with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from flwr.app import ArrayRecord

from fedlab_utils.federated.records import to_arrays, to_record, to_tensors
from fedlab_utils.federated.root_patients import digest_of_patients
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.task import Task
from fedlab_utils.federated.unet_settings import UNetFederation
from fedlab_utils.federated.unet_task import UNetTask
from fedlab_utils.segmentation.training import local_update, make_optimiser

if TYPE_CHECKING:
    from pathlib import Path

    from fedlab_utils.data.hospital_cases import HospitalPatients


class RootTraining:
    """A round of training on public patients, as a hospital would do it.

    Parameters
    ----------
    task
        Whose first hospital holds the public patients.
    settings
        Of the federation: as many steps, by the same optimiser.
    """

    def __init__(self, task: Task, settings: FederationSettings) -> None:
        self.task, self.settings = task, settings

    def digest(self) -> str:
        """Return what tells these public patients from others; empty where they are no scans."""
        if not isinstance(self.task, UNetTask):
            return ""
        return digest_of_patients(self.task.members[0].train)

    def __call__(self, server_round: int, sent: ArrayRecord) -> dict[str, np.ndarray]:
        """Return what becomes of the model that was sent, arrays by name."""
        network = self.task.network()
        network.load_state_dict({**self.task.initial(), **to_tensors(sent)})
        optimiser = make_optimiser(network, self.settings.local_optimiser(server_round))
        steps = self.task.batches(0, server_round, self.settings.local_steps)
        how = {"loss": self.task.loss, "precision": self.task.precision}
        local_update(network, steps, optimiser, **how)
        weights = network.state_dict()
        return to_arrays(to_record({name: weights[name] for name in sent}))


def public_task(federation: UNetFederation, folder: str) -> UNetTask:
    """Return the federation's task over one hospital, which trains on all cases of a folder.

    Parameters
    ----------
    federation
        Whose network, resolution and batches are wanted.
    folder
        A data set whose patients are public, such as phantoms.
    """
    return federation.task([public_hospital(folder, federation.spacing)])


def public_hospital(folder: str | Path, spacing: float) -> HospitalPatients:
    """Return a folder's labelled cases as one hospital's, all to train on, at a spacing in mm."""
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.hospital_cases import hospital_patients
    from fedlab_utils.data.hospitals import Hospital
    from fedlab_utils.data.preprocessing import PreprocessSettings
    from fedlab_utils.data.splits import Split

    cohort = load_cohort(folder).labelled()
    split = Split(tuple(case.case_id for case in cohort), (), ())
    hospital = Hospital("public", cohort.patients, split)
    return hospital_patients(cohort, hospital, PreprocessSettings(spacing=spacing))
