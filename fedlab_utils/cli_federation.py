"""The command that trains over virtual hospitals."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fedlab_utils.cli_federation_report import tell
from fedlab_utils.cli_output import Json, Layout, Scheme, progress_bar, reported
from fedlab_utils.cli_training import TierName


class EngineName(StrEnum):
    """Where hospitals run."""

    inprocess = "inprocess"
    ray = "ray"
    deployment = "deployment"


def simulate(
    data: Annotated[Path, typer.Option(help="A data set with segmentations.")],
    out: Annotated[Path, typer.Option(help="New run folder, or one to resume.")],
    hospitals: Annotated[
        int, typer.Option(min=0, max=100, help="How many; 0: as many as institutions.")
    ] = 4,
    partition: Annotated[str, typer.Option(help="How patients are dealt, such as volume.")] = "iid",
    skew: Annotated[float, typer.Option(min=0, max=1, help="0: alike. 1: fully sorted.")] = 0.0,
    merge_small: Annotated[bool, typer.Option(help="Join institutions too small.")] = False,
    partitioning: Annotated[
        Path | None, typer.Option(help="Table of institutions, such as FeTS partitioning_1.csv.")
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="fedavg, fedprox, scaffold, fedbn, fedadam or fedavgm.")
    ] = "fedavg",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of training.")] = 10,
    local_steps: Annotated[int, typer.Option(min=1, help="Steps per hospital and round.")] = 10,
    engine: Annotated[EngineName, typer.Option(help="Where hospitals run.")] = EngineName.inprocess,
    seed: Annotated[int, typer.Option(min=0, help="Hospitals, weights, draws.")] = 0,
    optimiser: Annotated[str | None, typer.Option(help="adamw, or sgd as SCAFFOLD needs.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of the hospitals.")] = None,
    mu: Annotated[float, typer.Option(min=0, help="FedProx's pull.")] = 0.01,
    server_rate: Annotated[
        float | None, typer.Option(help="The server's step, if not the usual.")
    ] = None,
    fraction: Annotated[float, typer.Option(help="Share of hospitals in a round.")] = 1.0,
    personal: Annotated[str, typer.Option(help="Layers that stay at home, such as norm.")] = "",
    tune_steps: Annotated[int, typer.Option(min=0, help="Steps alone after the end.")] = 0,
    epsilon: Annotated[
        float, typer.Option(min=0, help="Budget per patient, for the run; 0: no privacy.")
    ] = 0.0,
    delta: Annotated[float, typer.Option(help="Of the budget.")] = 1e-5,
    bound: Annotated[float, typer.Option(help="Longest gradient of one patient.")] = 1.0,
    noise: Annotated[
        float, typer.Option(min=0, help="Over the bound; 0: the least that fits the budget.")
    ] = 0.0,
    patient_rate: Annotated[float, typer.Option(help="Chance of a patient in a step.")] = 0.1,
    simulated_noise: Annotated[
        bool, typer.Option(help="Noise by the seed: no guarantee, for lessons.")
    ] = False,
    hospital_epsilon: Annotated[
        float, typer.Option(min=0, help="Budget per hospital, for the run; 0: no privacy.")
    ] = 0.0,
    hospital_delta: Annotated[float, typer.Option(help="Of that budget.")] = 1e-5,
    hospital_way: Annotated[
        str, typer.Option(help="Who shortens updates: server, client, adaptive or local.")
    ] = "server",
    hospital_bound: Annotated[float, typer.Option(help="Longest update of one hospital.")] = 1.0,
    hospital_noise: Annotated[
        float, typer.Option(min=0, help="Over that bound; 0: the least that fits the budget.")
    ] = 0.0,
    hospital_quantile: Annotated[
        float, typer.Option(help="Share of updates within the adaptive bound.")
    ] = 0.5,
    hospital_bound_rate: Annotated[
        float, typer.Option(help="How fast the adaptive bound follows.")
    ] = 0.2,
    secure: Annotated[bool, typer.Option(help="Hide each hospital's numbers by masks.")] = False,
    threshold: Annotated[
        int, typer.Option(min=0, help="Hospitals that must be left; 0: just over half.")
    ] = 0,
    up_keep: Annotated[float, typer.Option(help="Share of changes sent to the server.")] = 1.0,
    up_bits: Annotated[int, typer.Option(help="Of each: 4, 8 or 32.")] = 32,
    down_keep: Annotated[float, typer.Option(help="Share of changes sent to hospitals.")] = 1.0,
    down_bits: Annotated[int, typer.Option(help="Of each: 4, 8 or 32.")] = 32,
    parts: Annotated[int, typer.Option(min=1, help="Parts of layers that travel in turns.")] = 1,
    rule: Annotated[
        str, typer.Option(help="median, trimmed-mean, krum, multi-krum, clip or fltrust.")
    ] = "",
    hostile: Annotated[int, typer.Option(min=0, help="Hospitals that the rule withstands.")] = 0,
    chosen: Annotated[
        int, typer.Option(min=0, help="Updates that multi-krum averages; 0: n - f - 2.")
    ] = 0,
    clip_bound: Annotated[
        float, typer.Option(min=0, help="Longest update that clip leaves; 0: the median length.")
    ] = 0.0,
    bucket: Annotated[int, typer.Option(min=1, help="Hospitals averaged before the rule.")] = 1,
    client_momentum: Annotated[
        float, typer.Option(min=0, help="Share of its last update a hospital repeats.")
    ] = 0.0,
    root: Annotated[Path | None, typer.Option(help="Public cases, for fltrust.")] = None,
    attack: Annotated[str, typer.Option(help="What hostile hospitals do, such as sign-flip.")] = "",
    attackers: Annotated[str, typer.Option(help="Who they are, from 0, such as 0,3.")] = "",
    strength: Annotated[float, typer.Option(min=0, help="Of the attack; 0: usual.")] = 0.0,
    width: Annotated[int, typer.Option(help="Of the U-Net.")] = 8,
    tier: Annotated[TierName, typer.Option(help="Resolution.")] = TierName.laptop,
    threads: Annotated[int, typer.Option(min=0, help="torch's threads per process.")] = 0,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for answers; 0: all.")] = 0,
    resume: Annotated[bool, typer.Option(help="Go on with what the folder holds.")] = False,
    layout: Layout = None,
    scheme: Scheme = None,
    as_json: Json = False,
) -> None:
    """Train one U-Net over virtual hospitals that keep their patients."""
    from fedlab_utils.federated.attack_plan import AttackPlan
    from fedlab_utils.federated.compression_plan import CompressionPlan
    from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
    from fedlab_utils.federated.masking_plan import MaskingPlan
    from fedlab_utils.federated.private_training import PrivacyPlan
    from fedlab_utils.federated.robust_plan import RobustPlan
    from fedlab_utils.federated.run import simulate as run
    from fedlab_utils.federated.settings import FederationSettings
    from fedlab_utils.federated.unet_settings import UNetFederation

    again = "Start the same command with --resume to go on after the last whole round."
    with reported(as_json, again), progress_bar("simulate", unit="round") as progress:
        name = optimiser or ("sgd" if strategy == "scaffold" else "adamw")
        rate = {"sgd": 0.05}.get(name, 2e-3) if learning_rate is None else learning_rate
        settings = FederationSettings(
            strategy=strategy,
            rounds=rounds,
            local_steps=local_steps,
            optimiser=name,
            learning_rate=rate,
            mu=mu,
            server_rate=server_rate,
            fraction=fraction,
            personal=personal,
            tune_steps=tune_steps,
            timeout=timeout,
            seed=seed,
        )
        federation = UNetFederation(
            data=str(data.resolve()),
            layout=layout or "",
            scheme=scheme or "",
            hospitals=hospitals,
            partition=partition,
            skew=skew,
            merge_small=merge_small,
            partitioning=str(partitioning.resolve()) if partitioning else "",
            tier=tier.value,
            width=width,
            threads=threads,
            seed=seed,
        )
        # Of the two budgets a run has one: the noise that is simulated is that one's.
        of_hospitals = simulated_noise and hospital_epsilon > 0
        of_patients = simulated_noise and not of_hospitals
        plan = PrivacyPlan(epsilon, delta, bound, noise, patient_rate, of_patients)
        hidden = HospitalPrivacy(
            hospital_way,
            hospital_epsilon,
            hospital_delta,
            hospital_bound,
            hospital_noise,
            hospital_quantile,
            hospital_bound_rate,
            of_hospitals,
        )
        result = run(
            out,
            federation,
            settings,
            engine.value,
            resume,
            " ".join(["fedlab", *sys.argv[1:]]),
            plan,
            MaskingPlan(secure, threshold=threshold),
            hidden,
            CompressionPlan(up_keep, up_bits, down_keep, down_bits, parts),
            RobustPlan(
                rule,
                hostile,
                chosen,
                clip_bound,
                bucket=bucket,
                client_momentum=client_momentum,
                root=str(root.resolve()) if root else "",
            ),
            AttackPlan(attack, attackers, strength),
            on_round=lambda number: progress(number, rounds),
        )
    tell(result, out, as_json)
