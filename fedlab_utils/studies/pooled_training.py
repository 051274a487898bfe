"""Pooled training: what more patients bring, and which sequence carries which region.

The trainings are those of lesson 03, with augmentation. All take the same number of steps, so that
one with few patients sees each more often: what differs is the patients, not the work.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    from fedlab_utils.data.preprocessing import Preprocessed

COHORT_SEED = 303
"""Of the phantoms; those of the course have seed 7, those behind the shipped weights 101 and
102."""
STEPS = 216
SEEDS = range(5)
PATIENTS = (2, 4, 16, 64)
VALIDATION, TEST = 8, 24
"""Patients on whom the epoch is chosen, and on whom the result is measured."""


def conditions() -> list[dict]:
    """Return number of patients and sequences of each condition."""
    some = [list(names) for count in (1, 2, 3) for names in combinations(SEQUENCES, count)]
    return [
        *({"patients": n, "sequences": list(SEQUENCES)} for n in PATIENTS),
        *({"patients": PATIENTS[-1], "sequences": names} for names in some),
    ]


def measure(settings: dict, place: Workplace) -> dict:
    """Train one network and score the test phantoms on the network's grid of 2 mm.

    Returns
    -------
    dict
        ``dice``: test patient -> Dice of ET, TC, WT; ``best_epoch`` and ``seconds``.
    """
    import numpy as np

    from fedlab_utils.data.tiers import TIERS
    from fedlab_utils.segmentation import FitSettings, OptimiserSettings, fit_unet, region_dice
    from fedlab_utils.segmentation.devices import fast_precision
    from fedlab_utils.segmentation.unet import UNetSettings

    pool, validation, test = phantoms(place)
    seed, count, precision = settings["seed"], settings["patients"], fast_precision()
    # Each seed draws its own patients; a smaller set is part of the larger ones of its seed.
    order = np.random.default_rng((COHORT_SEED, seed)).permutation(len(pool))
    batch, per_patient = 8, 4
    epochs = round(STEPS * batch / (count * per_patient))
    how = FitSettings(
        unet=UNetSettings(sequences=tuple(settings["sequences"]), width=8),
        optimiser=OptimiserSettings(learning_rate=6e-3),
        epochs=epochs,
        per_patient=per_patient,
        batch=batch,
        validate_every=max(1, epochs // 3),
        precision=precision,
        seed=seed,
    )
    fit = fit_unet([pool[i] for i in order[:count]], validation, how, TIERS["laptop"])
    dice = region_dice(fit.model, test, precision=precision)
    return {
        "dice": {
            patient.case_id: np.round(row, 4).tolist()
            for patient, row in zip(test, dice, strict=True)
        },
        "best_epoch": fit.best_epoch,
        "seconds": fit.curve[-1]["seconds"],
    }


def phantoms(
    place: Workplace,
) -> tuple[list[Preprocessed], list[Preprocessed], list[Preprocessed]]:
    """Make the patients, or take those that are there: pool, validation, test."""
    from fedlab_utils.studies.phantom_patients import phantom_patients

    count = 2 * PATIENTS[-1]
    everyone = phantom_patients(
        place.folder / "phantoms", range(count + VALIDATION + TEST), 0, COHORT_SEED
    )
    return everyone[:count], everyone[count : count + VALIDATION], everyone[count + VALIDATION :]


STUDY = Study(
    name="pooled_training",
    question="What do more patients bring, and which sequence carries which region?",
    # seed by seed, so that a study that is not finished has every condition
    cells=tuple({**condition, "seed": seed} for seed in SEEDS for condition in conditions()),
    measure=measure,
    hours=3.0,
)
