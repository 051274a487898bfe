"""The networks that the private fine-tuning ends with, one per budget, to look at what they draw.

They are those of seed 0 of the study ``private_fine_tuning``, normalisation and head alone, so that
a budget takes some kilobytes on top of the public network. They learnt from phantoms, and their
noise came from a seed: they protect nobody, and need not.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import StudyError
from fedlab_utils.segmentation.fine_tuning import WAYS, choose_weights
from fedlab_utils.studies import fine_tuning_hospitals as hospitals
from fedlab_utils.studies import private_fine_tuning as budgets
from fedlab_utils.studies.record import data_folder, read_rows
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed

WAY, SEED = WAYS[-1], 0

PUBLIC = "public"
"""The name of the network that no hospital has touched; the others' are their budgets' numbers."""


def models_file() -> Path:
    """Return where the networks lie: ``data/models/private/proxies.safetensors``."""
    return data_folder() / "models" / "private" / "proxies.safetensors"


def measure(settings: dict, place: Workplace) -> dict:  # noqa: ARG001
    """Train at each budget and without privacy, and keep what was trained.

    Returns
    -------
    dict
        Budget (0: none) -> mean Dice on the hospitals' test patients.
    """
    import torch

    from fedlab_utils.federated import federate
    from fedlab_utils.segmentation.provenance import record_provenance

    torch.set_num_threads(1)
    started, recorded = time.time(), read_rows(budgets.STUDY.name)
    start, members = hospitals.open_hospitals(str(place.folder), SEED)
    kept, dice = {f"{PUBLIC}/{name}": value for name, value in start.items()}, {}
    for epsilon in (0, *budgets.EPSILONS):
        cell = {"way": WAY, "epsilon": epsilon, "seed": SEED}
        setting = budgets.setting_of(cell, recorded)
        task = hospitals.make_task(members, start, WAY, SEED)
        how, plan = budgets.how_of(cell, setting["learning_rate"])
        weights = federate(task, how, privacy=plan).weights
        trained = [name for name, p in task.network().named_parameters() if p.requires_grad]
        kept |= {f"{epsilon}/{name}": weights[name] for name in trained}
        dice[str(epsilon)] = round(budgets.mean_of(budgets.judge(task, weights)["scores"]), 4)
        place.say(f"epsilon {epsilon or 'none'}: mean Dice {dice[str(epsilon)]}")
    _keep(kept, record_provenance(started, settings={"way": WAY, "seed": SEED}, dice=dice))
    return dice


def _keep(weights: dict[str, torch.Tensor], about: dict) -> None:
    """Write weights, and beside them where they came from."""
    from safetensors.torch import save

    from fedlab_utils.data.atomic import write_bytes, write_text

    file = models_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, save({name: value.contiguous() for name, value in weights.items()}))
    write_text(file.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def private_models() -> dict[str, nn.Module]:
    """Return the shipped networks: ``"public"``, then by budget, ``"0"`` (no privacy) last.

    Raises
    ------
    StudyError
        If there are none, or a file that is not theirs.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from fedlab_utils.federated.proxy import proxy_network

    file = models_file()
    if not file.exists():
        raise StudyError(file, "it is not there", f"Run `fedlab study {STUDY.name}`")
    try:
        of: dict[str, dict] = {}
        for name, value in load_file(file).items():
            model, _, weight = name.partition("/")
            of.setdefault(model, {})[weight] = value
        found = {}
        for model in (PUBLIC, *map(str, budgets.EPSILONS), "0"):
            network = choose_weights(proxy_network(), WAY)
            network.load_state_dict(of[PUBLIC] | of[model])
            found[model] = network.eval()
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise StudyError(
            file, f"its weights do not fit: {error}", f"Run `fedlab study {STUDY.name}` again"
        ) from None
    return found


def first_test_patients(seed: int = SEED) -> dict[str, Preprocessed]:
    """Return each hospital's first test patient, by scanner; made anew, in a second or two."""
    from fedlab_utils.studies.phantom_patients import one_phantom

    _, numbers = hospitals.numbers_of(seed)
    cohort, spacing = hospitals.COHORT_SEED + seed, hospitals.TIER.spacing
    return {
        scanner: one_phantom(mine[hospitals.PATIENTS], cohort, spacing, scanner)
        for scanner, mine in numbers.items()
    }


STUDY = Study(
    name="private_models",
    question="What do networks segment that were fine-tuned at each budget?",
    cells=({"way": WAY, "seed": SEED},),
    measure=measure,
    hours=0.2,
    always=True,
)
