"""A table of how the hospitals of a partition differ: one row each, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.heterogeneity import (
    intensity_distance,
    intensity_profile,
    jensen_shannon,
    jensen_shannon_by_chance,
    size_imbalance,
)
from fedlab_utils.data.hospital_cases import hospital_patients
from fedlab_utils.data.hospitals import Partition
from fedlab_utils.data.preprocessing import PreprocessSettings

if TYPE_CHECKING:
    import pandas as pd


def describe(
    partition: Partition,
    cohort: Cohort,
    table: pd.DataFrame | None = None,
    profiles: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """Say how different the hospitals of a partition are.

    Parameters
    ----------
    partition
        From :func:`fedlab_utils.data.make_hospitals`.
    cohort
        What it was made from.
    table
        From :meth:`Cohort.with_volumes`, where it is at hand: reading volumes takes seconds.
    profiles
        From :func:`hospital_profiles`; without them the intensity distance stays empty.

    Returns
    -------
    pandas.DataFrame
        One row per hospital, indexed by its name: ``patients``, ``train``, ``validation`` and
        ``test`` (patients); ``scanner`` and ``missing``, where the partition changes them; for each
        region the median volume ``median_et_ml``, the Jensen-Shannon distance ``jsd_et`` of its
        volumes from all hospitals' together, and what 19 of 20 random deals leave a hospital of
        this size below, ``jsd_et_by_chance``; the distance of its intensities per sequence,
        ``intensity_t1`` and so on. Empty (NaN) where nothing is known. Of several visits the first
        one counts.
        ``attrs["size_imbalance"]`` is one number for all.
    """
    import pandas as pd

    hospitals = partition.hospitals
    patient_of = {case.case_id: case.patient_id for case in cohort}
    parts = ("train", "validation", "test")
    columns: dict[str, object] = {"patients": partition.sizes()}
    for part in parts:
        columns[part] = [len({patient_of[c] for c in getattr(h.split, part)}) for h in hospitals]
    names = pd.Index([h.name for h in hospitals], name="hospital")
    scanners = [h.scanner.name if h.scanner else None for h in hospitals]
    for name, told in (("scanner", scanners), ("missing", [h.missing for h in hospitals])):
        columns[name] = pd.Series(told, names, dtype=object)  # else pandas 3 makes None a NaN
    table = cohort.with_volumes() if table is None else table
    volumes = hospital_volumes(partition, table)
    for region in REGIONS:
        columns |= _region_columns(region.lower(), volumes[region])
    looks = np.full((len(hospitals), len(SEQUENCES)), np.nan)
    if profiles is not None:
        looks = intensity_distance([profiles[h.name] for h in hospitals])
    for sequence, column in zip(SEQUENCES, looks.T, strict=True):
        columns[f"intensity_{sequence.lower()}"] = column
    report = pd.DataFrame(columns, index=names)
    report.attrs["size_imbalance"] = size_imbalance(partition.sizes())
    return report


def hospital_volumes(partition: Partition, table: pd.DataFrame) -> dict[str, list[np.ndarray]]:
    """Return region -> per hospital the volumes of its patients ``(patients,)``, ml.

    ``table`` is that of :meth:`Cohort.with_volumes`. Of several visits the first with a volume
    counts; NaN where there is none.
    """
    by_patient = table.groupby("patient_id")[[f"volume_{r.lower()}_ml" for r in REGIONS]].first()
    rows = [by_patient.index.get_indexer(list(h.patients)) for h in partition.hospitals]
    values = by_patient.to_numpy(float)
    return {region: [values[row, n] for row in rows] for n, region in enumerate(REGIONS)}


def _region_columns(region: str, groups: list[np.ndarray]) -> dict[str, np.ndarray]:
    known = [values[np.isfinite(values)] for values in groups]
    nothing = np.full(len(groups), np.nan)
    some = any(values.size for values in known)
    medians = [np.median(values) if values.size else np.nan for values in known]
    return {
        f"median_{region}_ml": np.array(medians),
        f"jsd_{region}": jensen_shannon(groups) if some else nothing,
        f"jsd_{region}_by_chance": jensen_shannon_by_chance(groups) if some else nothing,
    }


def hospital_profiles(
    partition: Partition,
    cohort: Cohort,
    settings: PreprocessSettings | None = None,
    at_most: int | None = None,
) -> dict[str, np.ndarray]:
    """Return the intensity profiles of each hospital's patients, as its scanner shows them.

    Reads every patient asked for, through the cache: seconds for a whole cohort that is not cached.

    Parameters
    ----------
    partition, cohort
        As :func:`describe`.
    settings
        See :func:`fedlab_utils.data.load_preprocessed`.
    at_most
        Patients to look at in each hospital, those to train on first; None: all.

    Returns
    -------
    dict
        Hospital's name -> ``(patients, 4, 33)``, see
        :func:`fedlab_utils.data.heterogeneity.intensity_profile`.
    """
    profiles = {}
    for hospital in partition.hospitals:
        split = hospital.split
        cases = (*split.train, *split.validation, *split.test)[:at_most]
        patients = hospital_patients(cohort, hospital, settings).load(cases)
        profiles[hospital.name] = np.stack([intensity_profile(p.image, p.brain) for p in patients])
    return profiles
