"""What federated averaging loses to pooled patients: two methods, many seeds.

A training is chancy: with other draws of the same patients its Dice moves by some hundredths. Five
seeds, as the comparison of all methods has, cannot show a loss of one. This study asks one question
of twenty other seeds, with the settings that the comparison chose on validation patients.
"""

from __future__ import annotations

from dataclasses import replace

from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.record import read_rows
from fedlab_utils.studies.runner import Study, Workplace

SEEDS = range(5, 25)
"""None that the comparison reports, or tries settings on."""

CONDITIONS = (("iid", 0.0), ("institution", 0.0))
"""Hospitals that are alike; the phantom's own institutions."""


def cells() -> tuple[dict, ...]:
    """Return both trainings of a seed one after the other: they share its patients."""
    return tuple(
        {"kind": kind, "skew": skew, "method": method, "seed": seed}
        for kind, skew in CONDITIONS
        for seed in SEEDS
        for method in ("pooled", "fedavg")
    )


def measure(settings: dict, place: Workplace) -> dict:
    """Train once; see :func:`fedlab_utils.studies.heterogeneity.measure`.

    Raises
    ------
    StudyError
        If the comparison has not chosen a setting for this cell yet.
    """
    rows = read_rows(heterogeneity.STUDY.name)
    return heterogeneity.measure(settings, replace(place, rows=tuple(rows)))


STUDY = Study(
    name="federation_gap",
    question="What does federated averaging lose to pooled patients?",
    cells=cells(),
    measure=measure,
    hours=1.5,
)
