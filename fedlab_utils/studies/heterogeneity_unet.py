"""What the comparison concluded, tried with the course's U-Net at the laptop tier.

The comparison of all methods trains a small stand-in. Here the same trainings of a few methods, in
the conditions that conclusions were drawn from, with the lessons' network and slices: 2 mm
and five seeds, of the same numbers as the comparison's and with phantoms made anew. All methods
have AdamW at several learning rates, on every seed: a method's rate is the one that validates best
(:func:`fedlab_utils.federated.recorded_trials.chosen`), and test patients have no say. The
network's products are in bfloat16, as in the course's own trainings on a processor that has it.
"""

from __future__ import annotations

from fedlab_utils.studies.method_trial import Scale, train
from fedlab_utils.studies.runner import Study, Workplace

SCALE = Scale(
    "unet",
    patients=264,
    spacing=2.0,
    size=(80, 96),
    rounds=30,
    local_steps=8,
    batch=8,
    look=6,
    tune=24,
    precision="bf16",
)

CONDITIONS = (("volume", 1.0), ("institution", 0.0))
"""Sorted by size of the tumours; the phantom's own institutions."""

METHODS = ("pooled", "fedavg", "fedbn", "local")
"""FedAvg is tuned at home as well, after it was judged. FedBN validated best in its worst hospital
where the stand-in's hospitals were sorted by size."""

RATES = (2e-3, 6e-3, 1.8e-2)
"""The package's usual one first, and all conditions of it; the stand-in does best at 0.01."""

SEEDS = range(5)


def cells() -> tuple[dict, ...]:
    """Return the trainings, rate by rate; all of a seed in a row, since they share patients."""
    return tuple(
        {"kind": kind, "skew": skew, "method": method, "seed": seed, "learning_rate": rate}
        for rate in RATES
        for kind, skew in CONDITIONS
        for seed in SEEDS
        for method in METHODS
    )


def measure(settings: dict, place: Workplace) -> dict:
    """Train once; see :func:`fedlab_utils.studies.method_trial.train`."""
    setting = {"learning_rate": settings["learning_rate"]}
    return train(SCALE, SCALE.open(settings, place), settings) | {"setting": setting}


STUDY = Study(
    name="heterogeneity_unet",
    question="Do the comparison's conclusions hold for the U-Net?",
    cells=cells(),
    measure=measure,
    hours=12.0,
)
