"""A federation as a folder: what was asked for, how it went, and the model that came out."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_file import unreadable
from fedlab_utils.federated.attack_plan import AttackPlan
from fedlab_utils.federated.checkpoint import NAME, read_checkpoint, take_up
from fedlab_utils.federated.client import OUT, hospital_folder
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.history import RoundReport
from fedlab_utils.federated.hospital_keys import write_keys
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.private_training import PrivacyPlan
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.root_patients import refuse_shared
from fedlab_utils.federated.root_training import public_hospital
from fedlab_utils.federated.rounds import RESUME
from fedlab_utils.federated.run_result import write_models, write_result
from fedlab_utils.federated.server import make_server_app
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.unet_settings import UNetFederation, members_of, open_task
from fedlab_utils.privacy.randomness import SIMULATED

if TYPE_CHECKING:
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.equipment import Equipment
    from fedlab_utils.data.hospital_cases import HospitalPatients
    from fedlab_utils.data.hospitals import Partition

ENGINES = ("inprocess", "ray", "deployment")

PATIENTS = "patients.json"


def simulate(
    out: Path,
    federation: UNetFederation,
    settings: FederationSettings,
    engine: str = "inprocess",
    resume: bool = False,
    command: str = "",
    privacy: PrivacyPlan | None = None,
    masking: MaskingPlan | None = None,
    hospital_privacy: HospitalPrivacy | None = None,
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
    privacy
        How hospitals keep their patients private; without one they do not. Each hospital's ledger
        lies in its folder, and grows whenever a round is run again.
    masking
        How they hide their numbers from the server; without one they do not. Each hospital's
        private key lies in its folder.
    hospital_privacy
        How it is kept private what a whole hospital adds; without one it is not.
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
        (per figure: mean over patients, over hospitals, worst hospital), ``plans`` (those that were
        on, by name, with all their settings: ``privacy``, ``masking``, ``hospital_privacy``,
        ``compression``, ``robust``, ``attack``), ``privacy`` (None, or ``epsilon``, at most, with
        ``delta``, ``unit`` and what else it means; and each hospital's as it last told, ``spent``,
        without what it may have spent on answers that did not count), ``models`` (files in the
        folder, one under ``all`` or one per hospital) and ``provenance``.

    Raises
    ------
    FederationError
        If the folder holds another run, or one with other patients, public ones too; if the two
        seeds differ, or a round needs more answers than there are hospitals; if a public patient is
        at a hospital too; or if the engine fails.
    RobustnessError
        If a rule cannot withstand so many hostile ones among them, or does not go with the rest.
    PrivacyError
        If a plan does not go with the settings, or with the number of hospitals; or if a run that
        protects whole hospitals is to be resumed.
    CombinationError
        If two methods do not go together, see :mod:`fedlab_utils.federated.combinations`.
    DataError
        If hospitals cannot be made, or a case cannot be read.
    """
    from fedlab_utils.segmentation.provenance import record_provenance

    if engine not in ENGINES:
        raise FederationError("engine", f"it is {engine!r}", f"Take {', '.join(ENGINES)}")
    out, started = Path(out).resolve(), time.time()
    plans = Plans.of(
        privacy=privacy,
        masking=masking,
        hospital_privacy=hospital_privacy,
        compression=compression,
        robust=robust,
        attack=attack,
    )
    plans.check(settings)
    plans.hospital_privacy.check_resume(resume)
    if plans.simulated:
        print(SIMULATED, file=sys.stderr)
    config = _joined(federation, settings) | {OUT: str(out), RESUME: resume}
    open_task.cache_clear()  # the folder may hold others than when this process last read it
    cohort, partition = federation.open()
    settings.check_hospitals(len(partition))
    plans = plans.among(settings, len(partition), bool(plans.robust.root))
    config |= plans.to_config()
    take_up(out, config, resume)  # refuses before the work
    _note_patients(out, partition)
    _prepare(members_of(cohort, partition, federation.spacing), federation, plans.robust.root)
    if plans.masking.on:
        write_keys(out, [hospital_folder(out, number) for number in range(len(partition))])
    _run(engine, config, len(partition), on_round)
    found = read_checkpoint(out)
    about = record_provenance(started, command=command, engine=engine, seed=settings.seed)
    about["hospitals"] = {h.name: len(h.patients) for h in partition.hospitals}
    models = write_models(out, found, federation.task([]), settings, about)
    return write_result(out, found, settings, plans, models, about)


def _prepare(members: list[HospitalPatients], federation: UNetFederation, root: str) -> None:
    """Preprocess everybody's cases, public ones too, and refuse who is in both."""
    from fedlab_utils.data.cache import build_cache

    public = [public_hospital(root, federation.spacing)] if root else []
    by_equipment: dict[Equipment | None, list[CaseFiles]] = {}
    for member in (*members, *public):
        by_equipment.setdefault(member.equipment, []).extend(member.files)
    preprocessing = PreprocessSettings(spacing=federation.spacing)
    for equipment, files in by_equipment.items():
        for problem in build_cache(files, preprocessing, equipment=equipment):
            raise problem
    for one in public:
        refuse_shared(members, one)


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
