"""Who was trained on? Attacks on networks that are healthy or know their patients by heart.

A pool of phantoms is dealt into parts of equal size. Each *target* is a network trained on one
part; all others of the pool, a thousand at least, are not its members. *Shadows* are trained
likewise on the parts of other deals, so that each patient of the pool has as many shadows that know
it as any other patient, see :mod:`fedlab_utils.privacy.shadows`.

Members and others must differ in nothing else, or an attack finds the difference. So the part of a
target is drawn at random and independently of the shadows; each patient, member or not, has the
same shadows and the same score; and no target serves as a shadow, since its own losses would then
stand on its members' side. (That, and scoring members with both kinds of shadows but the others
with one kind only, finds members where there are none; tests show it.) *Controls* are trained on
patients outside of the pool and attacked as if they knew a part of it: there is nothing to find.

What the attacker sees of a patient is the loss over all slices that a training would take of it,
with their segmentations. He knows how the network was trained, but not its first weights. The
likelihood ratio takes the logarithm of the loss for normal. Over 30 networks of a pilot, on
phantoms that this study does not have, it nearly was: left-out patients' values, centred and scaled
for each, had skewness -0.06 and excess kurtosis 0.12 (the plain loss 0.19 and 0.11). Patients'
deviations differed fivefold (5th to 95th percentile), so each is measured on its own scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.studies.runner import Study, Workplace
from fedlab_utils.studies.tumour_slices import Slices, joined, phantom_slices

if TYPE_CHECKING:
    from torch import nn

COHORT_SEED = 808
"""Of the phantoms; no lesson and no other study has them."""

SPACING, SIZE, SLICES = 4.0, (48, 48), 4
"""Voxels in mm, slices in voxels, and slices of each patient: through the tumour, evenly spaced."""

POOL, VALIDATION, RESERVE = 1536, 64, 64
"""Phantoms that are dealt; that say when a healthy training stops; that controls are trained on."""

BATCH, LEARNING_RATE = 4, 1e-2
"""Patients a step, with all their slices; AdamW's first rate, which falls to nothing."""


@dataclass(frozen=True)
class Recipe:
    """How the networks of a kind are trained, and how many.

    Attributes
    ----------
    patients
        Trained on; divides the pool.
    steps
        Of the optimiser.
    deals
        Of the pool for shadows: each patient is known to so many of them.
    targets
        Networks that are attacked.
    look
        Steps between looks at the validation patients, of which the best is taken. 0: the last.
    """

    patients: int
    steps: int
    deals: int
    targets: int
    look: int = 0


KINDS = {
    "overfitted": Recipe(patients=32, steps=400, deals=3, targets=20),
    "healthy": Recipe(patients=384, steps=480, deals=6, targets=4, look=48),
}
"""A healthy training sees many patients and stops where the validation patients say."""

ROLES = ("shadow", "target", "control")


def cells() -> tuple[dict, ...]:
    """Return every network: of each kind the shadows, deal by deal, and what is attacked."""
    found = []
    for kind, recipe in KINDS.items():
        roles = ("target", "control") if kind == "overfitted" else ("target",)
        due = [("shadow", d, POOL // recipe.patients) for d in range(1, recipe.deals + 1)]
        due += [(role, 0, recipe.targets) for role in roles]
        found += [
            {"kind": kind, "role": role, "deal": deal, "part": part}
            for role, deal, parts in due
            for part in range(parts)
        ]
    return tuple(found)


def members_of(settings: dict) -> np.ndarray:
    """Return the numbers of a cell's patients in the pool, sorted.

    A control has not seen them, but is attacked as if.
    """
    kind, recipe = settings["kind"], KINDS[settings["kind"]]
    rng = np.random.default_rng((COHORT_SEED, list(KINDS).index(kind), settings["deal"]))
    first = settings["part"] * recipe.patients
    return np.sort(rng.permutation(POOL)[first : first + recipe.patients])


def measure(settings: dict, place: Workplace) -> dict:
    """Train a network, and take the loss of every patient of the pool.

    Returns
    -------
    dict
        ``members``: numbers in the pool. ``log_loss``: of all patients of the pool, see
        :func:`fedlab_utils.privacy.shadows.pack`. ``loss``: mean of the members, of the others and
        of the validation patients. ``steps``: after how many the network was taken.
    """
    import torch

    from fedlab_utils.privacy.shadows import pack

    torch.set_num_threads(1)  # a second one waits more than it helps, and slows its neighbours
    slices, members = _slices(place), members_of(settings)
    network, steps = _train(slices, settings)
    losses = slices.losses(network, range(POOL + VALIDATION))
    known = np.isin(np.arange(POOL), members)
    parts = {
        "members": losses[:POOL][known],
        "others": losses[:POOL][~known],
        "validation": losses[POOL:],
    }
    return {
        "members": members.tolist(),
        "log_loss": pack(np.log(losses[:POOL])),
        "loss": {name: round(float(part.mean()), 4) for name, part in parts.items()},
        "steps": steps,
    }


def _train(slices: Slices, settings: dict) -> tuple[nn.Module, int]:
    """Return a network, and after how many steps it was taken."""
    from fedlab_utils.federated.proxy import proxy_network
    from fedlab_utils.segmentation import OptimiserSettings, local_update, make_optimiser

    recipe = KINDS[settings["kind"]]
    told = (list(KINDS).index(settings["kind"]), ROLES.index(settings["role"]))
    seed = np.random.SeedSequence((COHORT_SEED, *told, settings["deal"], settings["part"]))
    rng, patients = np.random.default_rng(seed), members_of(settings)
    if settings["role"] == "control":
        patients = POOL + VALIDATION + rng.permutation(RESERVE)[: recipe.patients]
    network = proxy_network(seed=int(seed.generate_state(1)[0]))
    optimiser = make_optimiser(network, OptimiserSettings(learning_rate=LEARNING_RATE))
    batches, looked = slices.batches(patients, BATCH, rng), []
    stride = recipe.look or recipe.steps
    for done in range(0, recipe.steps, stride):
        local_update(
            network,
            islice(batches, stride),
            optimiser,
            learning_rate=lambda step, done=done: _rate(done + step, recipe.steps),
        )
        score = slices.losses(network, range(POOL, POOL + VALIDATION)).mean()
        weights = {name: value.clone() for name, value in network.state_dict().items()}
        looked.append((float(score), done + stride, weights))
    _, steps, weights = min(looked, key=lambda look: look[:2])
    network.load_state_dict(weights)
    return network, steps


def _rate(step: int, steps: int) -> float:
    return LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2


def _slices(place: Workplace) -> Slices:
    """Return the slices of pool, validation and reserve, in this order; cells share them."""
    count, some, parts = POOL + VALIDATION + RESERVE, 64, []
    for first in range(0, count, some):
        place.pause_if_late()
        indices = range(first, min(count, first + some))
        how = (COHORT_SEED, SPACING, SIZE, SLICES)
        parts.append(phantom_slices(place.folder / "phantoms", indices, *how))
    return joined(parts)


STUDY = Study(
    name="membership",
    question="Who was trained on, as told by the loss and by shadow models?",
    cells=cells(),
    measure=measure,
    hours=1.0,
)
