"""What ``fedlab simulate`` says of a run that is over."""

from __future__ import annotations

from pathlib import Path

import typer

from fedlab_utils.cli_output import print_json
from fedlab_utils.errors import FederationError


def tell(result: dict, out: Path, as_json: bool) -> None:
    """Say how it went; a federation of which no round counted is a failure."""
    if as_json:
        print_json(result)
    else:
        for line in _exclusions(result):
            typer.echo(line, err=True)
        typer.echo(f"{_told(result)}. In {out}")
    if not any(report["counted"] for report in result["rounds"]):
        error = FederationError(
            str(out),
            f"none of {len(result['rounds'])} rounds counted, and the model is as it began",
            "See why hospitals were left out in its result.json, and start anew",
        )
        typer.echo(f"FederationError: {error}", err=True)
        raise typer.Exit(1)


def _exclusions(result: dict) -> list[str]:
    """Return a line for each hospital and round that does not count, with the reason."""
    lines = []
    for report in result["rounds"]:
        label = f"Round {report['round']}"
        lines += [f"{label}: {n} was left out: {why}" for n, why in report["left_out"].items()]
        if not report["counted"]:
            lines.append(f"{label} did not count: too few valid answers, or no sound average")
        missed = _missed(report).items()
        lines += [f"{label}: {n} did not validate: {why}" for n, why in missed]
    return lines + [f"Test: {n} did not judge: {why}" for n, why in _missed(result).items()]


def _missed(report: dict) -> dict[str, str]:
    """Return why hospitals that have patients to judge the model on did not."""
    from fedlab_utils.federated.screening import NO_PATIENT

    return {name: why for name, why in report["unjudged"].items() if why != NO_PATIENT}


def _told(result: dict) -> str:
    """Return how it ended, in one line."""
    told = "no test patients"
    if score := result["summary"].get("score"):
        told = (
            f"mean Dice of test patients {score['patients']:.3f}, worst hospital "
            f"{score['worst_hospital']} {score['worst']:.3f}"
        )
    elif _missed(result):
        told = "unjudged on test patients"
    return f"{len(result['rounds'])} rounds, best {result['best_round']}; {told}{_spending(result)}"


def _spending(result: dict) -> str:
    """Return the epsilon of the hospital that spent most, with all that belongs to it.

    What it spent on rounds that did not count it may not have told; so the budget stands beside.
    """
    privacy = result["privacy"]
    if not privacy:
        return ""
    if "simulated" in privacy:
        return "; simulated noise: no guarantee"
    told = privacy["spent"].values()
    most = f"{max(told):.2f} as told, " if told else ""
    unit = privacy["unit"].partition(",")[0]
    about = f"per {unit}, delta {privacy['delta']:g}, {privacy['adjacency']}"
    return f"; epsilon {most}at most {privacy['epsilon']:g} ({about})"
