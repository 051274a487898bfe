"""Who FLTrust's public patients are: told by their scans, for names tell too little.

Phantoms of different cohorts bear the same names, and one patient stands under different names in
BraTS 2021 and BraTS 2023.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_file import digest_of
from fedlab_utils.federated.unet_task import UNetTask

if TYPE_CHECKING:
    from fedlab_utils.data.hospital_cases import HospitalPatients
    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.federated.task import Task


def digest_of_patients(patients: Iterable[Preprocessed]) -> str:
    """Return a short digest of patients' images and labels, in their order, whatever their names.

    Parameters
    ----------
    patients
        All of one spacing.
    """
    found = hashlib.sha256()
    for patient in patients:
        arrays = {"image": patient.image, "brain": patient.brain, "labels": patient.labels}
        there = {name: value for name, value in arrays.items() if value is not None}
        found.update(digest_of(there).encode())
    return found.hexdigest()[:16]


def refuse_shared_patients(task: Task, public: Task) -> None:
    """Refuse public patients that are at a hospital too, in whatever part of its patients.

    FLTrust trusts hospitals as far as they agree with what the server learns from these patients
    (Cao et al. 2021, arXiv:2012.13995, on a root data set that the server collects itself). Of a
    hospital's patients it would trust that one most, and of test patients what is reported would
    be too good. Tasks that are not about scans are the caller's to see to.

    Parameters
    ----------
    task, public
        The hospitals', and the server's: its first hospital's training patients are public. Both of
        one spacing.

    Raises
    ------
    FederationError
        If there is such a patient, see :func:`refuse_shared`; it is named.
    """
    if isinstance(task, UNetTask) and isinstance(public, UNetTask):
        refuse_shared(task.members, public.members[0])


def refuse_shared(members: Iterable[HospitalPatients], public: HospitalPatients) -> None:
    """Refuse a public patient whose brain is that of a hospital's patient, voxel for voxel.

    The brain's mask is the same on every scanner, in files that were written anew, and whoever drew
    the tumour; no two patients share it. Another visit of a patient is not recognised.

    Parameters
    ----------
    members
        Hospitals, of which all parts are read.
    public
        As of :func:`fedlab_utils.federated.root_training.public_hospital`.

    Raises
    ------
    FederationError
        If there is one.
    """
    known = {digest_of({"brain": patient.brain}): patient for patient in public.train}
    for member in members:
        for patient in (*member.train, *member.validation, *member.test):
            if same := known.get(digest_of({"brain": patient.brain})):
                raise FederationError(
                    same.case_id,
                    f"it is a public case of the server, and {patient.case_id} of {member.name}",
                    "Take public patients whom no hospital has",
                )
