"""A federation as a folder: what was asked for, how it went, and the model that came out."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.tiers import TIERS
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_file import unreadable
from fedlab_utils.federated.attack_plan import AttackPlan
from fedlab_utils.federated.checkpoint import NAME, Checkpoint, read_checkpoint, take_up
from fedlab_utils.federated.client import OUT, hospital_folder
from fedlab_utils.federated.combinations import check_combination, methods_of
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.history import RoundReport, summarise
from fedlab_utils.federated.hospital import layers_at_home
from fedlab_utils.federated.hospital_keys import write_keys
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.private_training import GUARANTEE, PrivacyPlan
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.server import RESUME, make_server_app
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.unet_settings import UNetFederation, members_of, open_task
from fedlab_utils.privacy.randomness import SIMULATED

if TYPE_CHECKING:
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.equipment import Equipment
    from fedlab_utils.data.hospitals import Partition
    from fedlab_utils.federated.unet_task import UNetTask

ENGINES = ("inprocess", "ray", "deployment")

MODEL, RESULT, PATIENTS = "model.safetensors", "result.json", "patients.json"


def simulate(
    out: Path,
    federation: UNetFederation,
    settings: FederationSettings,
    engine: str = "inprocess",
    resume: bool = False,
    command: str = "",
    plan: PrivacyPlan | None = None,
    masking: MaskingPlan | None = None,
    compression: CompressionPlan | None = None,
    robust: RobustPlan | None = None,
    attack: AttackPlan | None = None,
    on_round: Callable[[int], None] | None = None,
) -> dict[str, object]:
    """Train over virtual hospitals of a cohort, and keep everything about it in a folder.

    The folder holds ``patients.json`` (who is where), ``checkpoint.safetensors`` (each round's) and
    ``hospitals/NNN`` (what each hospital remembers), at the end ``result.json`` and the best
    round's ``model.safetensors``; where layers stay at home there is no such model for all, and
    each hospital's own lies in ``hospitals/NNN``.

    Parameters
    ----------
    out
        A new folder, or one to resume in.
    federation, settings
        Who takes part, and how they train, with one seed. A case that cannot be read stops it: look
        with ``fedlab validate`` first.
    engine
        ``"inprocess"``; ``"ray"``, under ``flwr run``; ``"deployment"``, SuperLink and SuperNodes.
    resume
        Go on with what the folder holds.
    command
        What the user typed, for the record.
    plan
        How hospitals keep their patients private; without one they do not. Each hospital's ledger
        lies in its folder, and grows whenever a round is run again.
    masking
        How they hide their numbers from the server; without one they do not. Each hospital's
        private key lies in its folder.
    compression
        How messages are made small; without one they are not.
    robust
        How the server withstands hostile hospitals; without one it averages.
    attack
        Who is hostile, and how; without one nobody is.
    on_round
        Called with the number of each round that is over.

    Returns
    -------
    dict
        ``rounds`` (reports), ``best_round``, ``test`` (per hospital), ``unjudged``, ``summary``
        (per figure: mean over patients, over hospitals, worst hospital), ``privacy`` (None, or the
        plan; each hospital's ``spent`` epsilon as it last told, without what it may have spent on
        answers that did not count, at most the plan's; and what epsilon means),
        ``models`` (files in the folder, one under ``all`` or one per hospital) and ``provenance``.

    Raises
    ------
    FederationError
        If the folder holds another run, or one with other patients; if the two seeds differ, or a
        round needs more answers than there are hospitals; or if the engine fails.
    RobustnessError
        If a rule cannot withstand so many hostile ones among them, or does not go with the rest.
    PrivacyError
        If a plan does not go with the settings, or with the number of hospitals.
    CombinationError
        If two methods do not go together, see :mod:`fedlab_utils.federated.combinations`.
    DataError
        If hospitals cannot be made, or a case cannot be read.
    """
    from fedlab_utils.data.cache import build_cache
    from fedlab_utils.data.preprocessing import PreprocessSettings
    from fedlab_utils.segmentation.provenance import record_provenance

    if engine not in ENGINES:
        raise FederationError("engine", f"it is {engine!r}", f"Take {', '.join(ENGINES)}")
    out, started = Path(out).resolve(), time.time()
    plan, masking = plan or PrivacyPlan(), masking or MaskingPlan()
    compression = compression or CompressionPlan()
    robust, attack = robust or RobustPlan(), attack or AttackPlan()
    check_combination(
        methods_of(settings, plan, masking, compression, robust=robust, attack=attack)
    )
    if plan.simulated:
        print(SIMULATED, file=sys.stderr)
    config = _joined(federation, settings) | {OUT: str(out), RESUME: resume}
    if plan.on:
        plan.steps(settings)  # refuses before the work
    for part in (plan, compression, robust, attack):
        config |= part.to_config() if part.on else {}
    open_task.cache_clear()  # the folder may hold others than when this process last read it
    cohort, partition = federation.open()
    settings.check_hospitals(len(partition))
    robust.check(settings, len(partition), bool(robust.root))
    attack.check(settings, len(partition))
    if masking.secure:
        masking = replace(masking, key_holders=len(partition))
        masking.needed()
        config |= masking.to_config()
    take_up(out, config, resume)  # refuses before the work
    _note_patients(out, partition)
    if masking.secure:
        write_keys(out, [hospital_folder(out, number) for number in range(len(partition))])
    preprocessing = PreprocessSettings(spacing=TIERS[federation.tier].spacing)
    by_equipment: dict[Equipment | None, list[CaseFiles]] = {}
    for member in members_of(cohort, partition, preprocessing.spacing):
        by_equipment.setdefault(member.equipment, []).extend(member.files)
    for equipment, files in by_equipment.items():
        for problem in build_cache(files, preprocessing, equipment=equipment):
            raise problem
    _run(engine, config, len(partition), on_round)
    found = read_checkpoint(out)
    about = record_provenance(started, command=command, engine=engine, seed=settings.seed)
    about["hospitals"] = {h.name: len(h.patients) for h in partition.hospitals}
    models = _write_models(out, found, federation.task([]), settings, about)
    return _write_result(out, found, models, about, plan)


def _joined(federation: UNetFederation, settings: FederationSettings) -> dict[str, object]:
    """Return both as one ``run_config``, in which each key has one value."""
    whose, how = federation.to_config(), settings.to_config()
    for key in sorted(whose.keys() & how.keys()):
        if whose[key] != how[key]:
            raise FederationError(
                key,
                f"the federation says {whose[key]!r}, and the settings {how[key]!r}",
                "Give both the same",
            )
    return whose | how


def _note_patients(out: Path, partition: Partition) -> None:
    """Write who is where, in a resumed run only compare: a folder of scans may change meanwhile."""
    from fedlab_utils.data.atomic import write_text

    now = {hospital.name: asdict(hospital.split) for hospital in partition.hospitals}
    now = json.loads(json.dumps(now))
    path = out / PATIENTS
    if not (out / NAME).is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(now, indent=1) + "\n")
        return
    try:
        before = dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise unreadable(path, error) from None
    other = sorted(n for n in {*before, *now} if before.get(n) != now.get(n))
    if other:
        raise FederationError(
            out,
            f"{other[0]} had other patients when it began",
            "Restore the data as it was, or name a new folder",
        )


def _run(engine: str, config: dict, hospitals: int, on_round: Callable[[int], None] | None) -> None:
    from fedlab_utils.federated import app
    from fedlab_utils.federated.engine_inprocess import run_in_process

    def heard(line: str) -> None:
        found = re.match(rf"{app.ROUND} (\d{{1,6}}): ", line)
        if on_round is not None and found:
            on_round(int(found[1]))

    def over(report: RoundReport) -> None:
        if on_round is not None:
            on_round(report.round)

    if engine == "inprocess":
        server = make_server_app(app.servers_task, on_round=over, root_of=app.root_task)
        run_in_process(app.client_app, server, config, hospitals)
    elif engine == "ray":
        from fedlab_utils.federated.engine_ray import run_with_ray

        run_with_ray(config, hospitals, on_line=heard)
    else:
        from fedlab_utils.federated.engine_deployment import run_deployment

        run_deployment(config, hospitals, on_line=heard)


def _with(test: dict[str, dict], figure: str) -> dict[str, dict]:
    """Return the rows that hold a figure as one number; nobody need send more than a score."""
    return {n: row for n, row in test.items() if isinstance(row.get(figure), (int, float))}


def _write_result(
    out: Path,
    found: Checkpoint,
    models: dict[str, str],
    about: dict[str, object],
    plan: PrivacyPlan,
) -> dict[str, object]:
    from fedlab_utils.data.atomic import write_text

    figures = ("score", "dice-et", "dice-tc", "dice-wt")
    result = {
        "rounds": [asdict(report) for report in found.history],
        "best_round": found.best_round,
        "test": found.test,
        "unjudged": found.unjudged,
        "summary": {f: summarise(rows, f) for f in figures if (rows := _with(found.test, f))},
        "privacy": _spent(found.history, plan) if plan.on else None,
        "models": models,
        "provenance": about,
    }
    write_text(out / RESULT, json.dumps(result, indent=1))
    return result


def _spent(history: Sequence[RoundReport], plan: PrivacyPlan) -> dict[str, object]:
    """Return what a run's epsilon is, as its hospitals told it, and what it means."""
    told = {n: row["epsilon"] for r in history for n, row in r.trained.items() if "epsilon" in row}
    meaning = GUARANTEE | ({"simulated": SIMULATED} if plan.simulated else {})
    return {"plan": asdict(plan), "spent": told, "meaning": meaning}


def _write_models(
    out: Path,
    found: Checkpoint,
    task: UNetTask,
    settings: FederationSettings,
    about: dict[str, object],
) -> dict[str, str]:
    """Write the model of all, or each hospital's own; return whose lies where in the folder."""
    import torch

    from fedlab_utils.segmentation.weights import save_model

    shared = {name: torch.from_numpy(value) for name, value in found.best.items()}
    if not personal_names(task.network(), settings):
        save_model(task.model(shared, **about), out / MODEL)
        return {"all": MODEL}
    written = {}
    for number, name, _ in found.members:
        folder = hospital_folder(out, number)
        try:
            own = layers_at_home(folder, found.best_round)
        except FederationError:
            continue  # it could not judge its patients either, and is among the unjudged
        save_model(task.model(shared | own, hospital=name, **about), folder / MODEL)
        written[name] = (folder / MODEL).relative_to(out).as_posix()
    return written
