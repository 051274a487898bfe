"""One run, protected in four ways: what each costs, and what is left for an attacker.

Five hospitals fine-tune a public network (:mod:`fedlab_utils.studies.fine_tuning_hospitals`),
normalisation and head alone: plainly, with differential privacy, under the masks of secure
aggregation, and with both. Learning rates are those that the study ``private_fine_tuning`` chose.

The attack on images is another matter, and gets its own cells: gradient inversion of the U-Net, in
the attacker's favour. A dishonest server chose the weights (lesson 08), knows masks and brains, and
a hospital's step holds a single patient. Each hospital is attacked by itself, and under masks all
at once, since the server then sees their sum alone; patient by patient, both are held against the
same guesses.
Noise is that of the weakest budget; more noise can only help.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.segmentation.fine_tuning import WAYS
from fedlab_utils.studies import private_fine_tuning as budgets
from fedlab_utils.studies.fine_tuning_hospitals import make_task, open_hospitals
from fedlab_utils.studies.record import read_rows
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.privacy.shared_update import SharedUpdate

PROTECTIONS = ("plain", "dp", "masks", "dp and masks")

WAY = WAYS[-1]
"""The way to fine-tune: the fewest weights."""

WEAKEST = max(budgets.EPSILONS)

ITERATIONS, PIXELS, GUESSES = 150, 32, 33
"""Of an attack; edge of the patch that it looks for, of 4 mm a pixel; public patients to guess by.
"""


def cells() -> tuple[dict, ...]:
    """Return trainings by protection, budget (0 without) and seed, and attacks by protection."""
    return tuple(
        {"measured": measured, "protection": protection, "epsilon": epsilon, "seed": seed}
        for seed in budgets.SEEDS
        for measured in ("training", "attack")
        for protection in PROTECTIONS
        for epsilon in _budgets(measured, protection)
    )


def _budgets(measured: str, protection: str) -> tuple[int, ...]:
    if not protection.startswith("dp"):
        return (0,)
    return budgets.EPSILONS if measured == "training" else (WEAKEST,)


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, or attack once.

    Returns
    -------
    dict
        Of a training as :func:`fedlab_utils.studies.private_fine_tuning.measure`, and
        ``advantage``, the largest lead of members found over others accused; ``sent`` and
        ``received``, megabytes of a round from the server and to it, all hospitals; ``rounds``.
        Of an attack, for a patient of each hospital: ``psnr`` (dB) and ``ssim`` of what it found,
        ``guess``, the best of the guesses that it must beat, and ``counts``, whether it does.
    """
    import torch

    torch.set_num_threads(1)
    folder = str(place.folder)
    if settings["measured"] == "attack":
        return attacked(settings["protection"], settings["epsilon"], settings["seed"], folder)
    return trained(settings, folder)


def trained(settings: dict, folder: str) -> dict:
    """Train as one cell says; see :func:`measure`."""
    from fedlab_utils.federated import MaskingPlan, federate
    from fedlab_utils.privacy.membership import advantage

    start, members = open_hospitals(folder, settings["seed"])
    cell = {"way": WAY, "epsilon": settings["epsilon"], "seed": settings["seed"]}
    setting = budgets.setting_of(cell, read_rows(budgets.STUDY.name))
    how, plan = budgets.how_of(cell, setting["learning_rate"])
    task = make_task(members, start, WAY, settings["seed"])
    masking = MaskingPlan(secure=settings["protection"].endswith("masks"))
    found = federate(task, how, privacy=plan, masking=masking)
    told = (
        budgets.told_of(task, found, how, plan)
        | {"rounds": how.rounds}
        | {
            name: round(float(np.mean([getattr(r, name) for r in found.history])), 4)
            for name in ("sent", "received")
        }
    )
    inside, outside = budgets.losses_of(task, found.weights)
    told["advantage"] = round(advantage(-inside, -outside)[0], 4)
    return budgets.judge(task, found.weights) | told


def attacked(protection: str, epsilon: int, seed: int, folder: str) -> dict:
    """Search for each hospital's patient, alone or in the sum of all; see :func:`measure`."""
    from fedlab_utils.privacy import open_rectifiers
    from fedlab_utils.segmentation import UNetSettings, make_unet

    members, public = _slices(folder, seed)
    network = open_rectifiers(make_unet(UNetSettings(width=8), seed=seed))
    count = len(members[0])
    together = count if protection.endswith("masks") else 1
    told: list[dict] = []
    for first in range(0, count, together):
        hidden = [part[first : first + together] for part in members]
        found = _searched(network, hidden, epsilon, seed)
        told += _told_by_patient(found, hidden, public)
    return {name: [patient[name] for patient in told] for name in told[0]}


def _searched(
    network: nn.Module, hidden: list[torch.Tensor], epsilon: int, seed: int
) -> torch.Tensor:
    """Return the images that explain what the server was sent: (hospitals, 4, X, Y)."""
    from fedlab_utils.privacy import InversionSettings, invert
    from fedlab_utils.privacy.shared_update import defended, share

    images, target, brain = hidden
    sent = share(network, images, target)
    if epsilon:
        one = share(network, images[:1], target[:1])
        sent = defended(sent, noise=_noise(one, sent, epsilon, len(images)), seed=seed)
    settings = InversionSettings(iterations=ITERATIONS)
    return invert(network, sent, tuple(images.shape), target, brain, settings).images


def _told_by_patient(
    found: torch.Tensor, hidden: list[torch.Tensor], public: list[torch.Tensor]
) -> list[dict[str, float | bool]]:
    """Return each patient's figures. Mask and brain tell which image is whose, in a sum too."""
    from fedlab_utils.privacy import against_guesses, painted_guess

    told = []
    for n in range(len(found)):
        truth, target, brain = (part[n : n + 1] for part in hidden)
        attack, painted = found[n : n + 1], painted_guess(*public, target, brain)
        *guesses, row = against_guesses(
            {"attack": attack}, truth, public[0], more={"painted mask": painted}
        )
        told.append(
            {name: round(float(row[name]), 3) for name in ("psnr", "ssim")}
            | {"guess": round(max(float(guess["psnr"]) for guess in guesses), 3)}
            | {"counts": bool(row["counts"])}
        )
    return told


def _noise(one: SharedUpdate, sent: SharedUpdate, epsilon: int, hospitals: int) -> float:
    """Return the deviation of the noise on each number, over the root mean square of what is sent.

    The bound is the length of the first hospital's gradient. No gradient is clipped here, though
    others may be longer: that favours the attacker. Each hospital adds noise of that budget, and
    the server sees their mean.
    """
    from torch.nn.utils import get_total_norm

    from fedlab_utils.privacy import noise_for

    multiplier = noise_for(epsilon, budgets.DELTA, budgets.PATIENT_RATE, budgets.STEPS)
    deviation = multiplier * float(get_total_norm(one.parts)) / hospitals**0.5
    numbers = sum(part.numel() for part in sent.parts)
    return deviation * numbers**0.5 / float(get_total_norm(sent.parts))


def _slices(folder: str, seed: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return image, target and brain of a patient of each hospital, and of as many public ones."""
    from fedlab_utils.studies.fine_tuning_hospitals import patients_of

    public, hospitals = patients_of(Path(folder), seed)
    ours = [_largest_slice(hospital.train[0]) for hospital in hospitals]
    return _stacked(ours), _stacked([_largest_slice(patient) for patient in public[:GUESSES]])


def _stacked(slices: list[list[np.ndarray]]) -> list[torch.Tensor]:
    import torch

    image, target, brain = (torch.tensor(np.stack(part)) for part in zip(*slices, strict=True))
    return [image.float(), target.float(), brain]


def _largest_slice(patient: Preprocessed) -> list[np.ndarray]:
    """Return the patch of the slice with most tumour: (4, X, Y), (3, X, Y) and (1, X, Y)."""
    from fedlab_utils.data import to_regions
    from fedlab_utils.data.windows import centred

    at = int((np.asarray(patient.labels) > 0).sum((0, 1)).argmax())
    planes = (patient.image, to_regions(patient.labels), patient.brain[None])
    return [centred(np.asarray(plane)[..., at], (PIXELS, PIXELS)) for plane in planes]


STUDY = Study(
    name="protections",
    question="What do privacy, masks and both together cost, and what is left for an attacker?",
    cells=cells(),
    measure=measure,
    hours=2.0,
)
