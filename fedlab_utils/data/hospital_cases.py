"""The patients of one virtual hospital, scanned with its equipment and preprocessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fedlab_utils.data.cache import load_preprocessed
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.equipment import Equipment, phantom_seed
from fedlab_utils.data.hospitals import Hospital
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings


@dataclass(frozen=True, eq=False)
class HospitalPatients:
    """What one hospital trains on, chooses by and reports on. A part is read when asked for.

    Attributes
    ----------
    hospital
        Whose.
    equipment
        What they are scanned with; None: as the data set has them. Handed with ``files`` to
        :func:`fedlab_utils.data.build_cache` it prepares all of them at once, in parallel.
    files
        All of its cases.
    """

    hospital: Hospital
    equipment: Equipment | None
    files: tuple[CaseFiles, ...] = field(repr=False)
    _settings: PreprocessSettings | None = field(repr=False)
    _cache_dir: Path | None = field(repr=False)

    @property
    def name(self) -> str:
        """The hospital's name."""
        return self.hospital.name

    @cached_property
    def train(self) -> tuple[Preprocessed, ...]:
        """Cases to train on."""
        return self.load(self.hospital.split.train)

    @cached_property
    def validation(self) -> tuple[Preprocessed, ...]:
        """Cases to choose by."""
        return self.load(self.hospital.split.validation)

    @cached_property
    def test(self) -> tuple[Preprocessed, ...]:
        """Cases to report on."""
        return self.load(self.hospital.split.test)

    def load(self, case_ids: Sequence[str]) -> tuple[Preprocessed, ...]:
        """Return some of its cases, from the cache or built there first.

        Raises
        ------
        KeyError
            If a case is not at this hospital.
        DataError
            As :func:`fedlab_utils.data.load_preprocessed`.
        """
        by_id = {files.case_id: files for files in self.files}
        return tuple(
            load_preprocessed(by_id[case], self._settings, self._cache_dir, self.equipment)
            for case in case_ids
        )


def hospital_patients(
    cohort: Cohort,
    hospital: Hospital,
    settings: PreprocessSettings | None = None,
    cache_dir: Path | None = None,
) -> HospitalPatients:
    """Return the patients of a hospital as it has them: on its scanner, without what it lacks.

    Parameters
    ----------
    cohort
        What the hospital was made from.
    hospital
        From :func:`fedlab_utils.data.make_hospitals`.
    settings, cache_dir
        See :func:`fedlab_utils.data.load_preprocessed`.

    Returns
    -------
    HospitalPatients
        With ``train``, ``validation`` and ``test``. Nothing is read yet; what is read is mapped
        from the cache, so that a hundred hospitals need no more memory than one.

    Raises
    ------
    DataError
        If the hospital has a scanner, and a ``phantom.json`` beside the patients is not theirs.
    """
    mine = set(hospital.patients)
    files = tuple(case for case in cohort if case.patient_id in mine)
    equipment = None
    if hospital.scanner is not None or hospital.missing is not None:
        seed = None if hospital.scanner is None else phantom_seed(cohort)
        equipment = Equipment(hospital.scanner, hospital.missing, seed)
    return HospitalPatients(hospital, equipment, files, settings, cache_dir)
