"""All hospitals' patients in one place: what a federation is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedlab_utils.data.hospital_cases import HospitalPatients
    from fedlab_utils.data.hospitals import Hospital


@dataclass(frozen=True)
class PooledHospital:
    """The patients of several hospitals as one hospital's, each scanned where it was.

    Stands wherever a task takes :class:`fedlab_utils.data.HospitalPatients`.

    Attributes
    ----------
    members
        The hospitals.
    name
        Of the whole.
    """

    members: tuple[HospitalPatients, ...]
    name: str = "all"

    @property
    def hospital(self) -> Hospital:
        """Whose patients they are: those of every member, in the members' order and parts."""
        from fedlab_utils.data.hospitals import Hospital
        from fedlab_utils.data.splits import Split

        splits = [member.hospital.split for member in self.members]
        parts = (
            tuple(case for split in splits for case in getattr(split, part))
            for part in ("train", "validation", "test")
        )
        patients = sorted(p for member in self.members for p in member.hospital.patients)
        return Hospital(self.name, tuple(patients), Split(*parts))

    @property
    def train(self) -> tuple:
        """Cases to train on."""
        return tuple(patient for member in self.members for patient in member.train)

    @property
    def validation(self) -> tuple:
        """Cases to choose by."""
        return tuple(patient for member in self.members for patient in member.validation)

    @property
    def test(self) -> tuple:
        """Cases to report on."""
        return tuple(patient for member in self.members for patient in member.test)
