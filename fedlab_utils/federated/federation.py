"""A whole federation in one call, in the notebook's own process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flwr.clientapp.typing import Mod

from fedlab_utils.federated.attack_plan import AttackPlan
from fedlab_utils.federated.client import OUT, make_client_app, partition_of
from fedlab_utils.federated.client_momentum import momentum_mod
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.engine_inprocess import run_in_process
from fedlab_utils.federated.history import Federation, RoundReport
from fedlab_utils.federated.hospital_keys import make_keys
from fedlab_utils.federated.hospital_noise import hospital_mod
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.hostile_hospital import hostile_mod
from fedlab_utils.federated.masked_hospital import masking_mod
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.private_training import PrivacyPlan
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.root_patients import refuse_shared_patients
from fedlab_utils.federated.rounds import RESUME
from fedlab_utils.federated.server import make_server_app, make_strategy
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import Screened
from fedlab_utils.federated.task import Task
from fedlab_utils.privacy.randomness import SIMULATED


def federate(
    task: Task,
    settings: FederationSettings | None = None,
    out: Path | None = None,
    resume: bool = False,
    mods: Sequence[Mod] = (),
    privacy: PrivacyPlan | None = None,
    masking: MaskingPlan | None = None,
    hospital_privacy: HospitalPrivacy | None = None,
    compression: CompressionPlan | None = None,
    robust: RobustPlan | None = None,
    attack: AttackPlan | None = None,
    root: Task | None = None,
    strategy_of: Callable[[FederationSettings], Screened] = make_strategy,
    on_round: Callable[[RoundReport], None] | None = None,
) -> Federation:
    """Train over hospitals in this process (engine a), and judge the best round's model.

    Parameters
    ----------
    task
        Hospitals, network, batches and judgement.
    settings
        Default :class:`FederationSettings`.
    out
        A folder for checkpoints and hospitals' states; without it nothing is written.
    resume
        Go on with what the folder holds, where settings, the strategy's class, the task's first
        weights and FLTrust's public patients are the same; the result has the bits of a run that
        was not disturbed. That hospitals' patients are the same is the caller's to see to.
    mods
        Flower's modifiers, around each hospital's training.
    privacy
        How hospitals keep their patients private; without one they do not.
    masking
        How they hide their numbers from the server; without one they do not.
    hospital_privacy
        How it is kept private what a whole hospital adds; without one it is not. What the run then
        promises is :meth:`fedlab_utils.federated.HospitalPrivacy.promise`.
    compression
        How messages are made small; without one they are not.
    robust
        How the server withstands hostile hospitals; without one it averages.
    attack
        Who is hostile, and how; without one nobody is.
    root
        FLTrust's public patients: the first hospital's, in a task with the same network.
    strategy_of
        Another strategy than the one that the settings name.
    on_round
        Called with each round's report.

    Raises
    ------
    FederationError
        If the folder holds another run, or one and ``resume`` was not asked for; if a round needs
        more answers than there are hospitals; or if a public patient is at a hospital too.
    RobustnessError
        If a rule cannot withstand so many hostile ones among them, or does not go with the rest.
    PrivacyError
        If a plan does not go with the settings, with another plan or the number of hospitals.
    CombinationError
        If two methods do not go together, see :mod:`fedlab_utils.federated.combinations`.
    """
    settings = settings or FederationSettings()
    settings.check_hospitals(len(task.hospitals))
    plans = Plans.of(
        privacy=privacy,
        masking=masking,
        hospital_privacy=hospital_privacy,
        compression=compression,
        robust=robust,
        attack=attack,
    )
    plans.check(settings)
    plans = plans.among(settings, len(task.hospitals), root is not None)
    plans.hospital_privacy.check_resume(resume)
    if plans.robust.rule == "fltrust":
        refuse_shared_patients(task, root)
    if plans.simulated:
        print(SIMULATED)
    config = settings.to_config() | plans.to_config()
    config |= {OUT: str(Path(out).resolve()) if out else "", RESUME: resume}
    mods = [hospital_mod, *mods, hostile_mod(lambda _: task), momentum_mod(lambda _: task)]
    if plans.masking.on:
        keys = make_keys(len(task.hospitals))
        mods = [masking_mod(lambda context: keys[partition_of(context)]), *mods]
    ended: list[Federation] = []
    server = make_server_app(lambda _: task, strategy_of, on_round, ended.append, lambda _: root)
    run_in_process(make_client_app(lambda _: task, mods), server, config, len(task.hospitals))
    return ended[0]
