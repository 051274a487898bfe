"""The command line: ``fedlab`` or ``python -m fedlab_utils``.

Each command is a thin front of one function in the package. The commands about patients and about
speed stand here, the one about hospitals in :mod:`fedlab_utils.cli_hospitals`, those that train
networks in :mod:`fedlab_utils.cli_training`; how all of them answer is said in
:mod:`fedlab_utils.cli_output`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fedlab_utils import cli_federation, cli_hospitals, cli_training
from fedlab_utils.cli_output import App, Json, Layout, Scheme, print_json, progress_bar, reported
from fedlab_utils.errors import how_many

app = App(
    help="Federated, privacy-preserving brain-tumour segmentation: the workbook's tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
bench = typer.Typer(help="Measure speed, as ratios within one run.", no_args_is_help=True)
app.add_typer(bench, name="bench")


class PhantomLayout(StrEnum):
    """The folder layouts that the phantom writes."""

    brats2018 = "brats2018"
    brats2021 = "brats2021"
    brats2023 = "brats2023"
    msd = "msd"


@app.callback()
def _main() -> None:
    """Show letters that the terminal's encoding has not as escapes, rather than end there."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@app.command()
def phantom(
    cases: Annotated[int, typer.Option(min=1, help="How many patients.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same patients, bit for bit.")] = 7,
    spacing: Annotated[float, typer.Option(min=0.5, max=8.0, help="Voxel edge in mm.")] = 2.0,
    layout: Annotated[PhantomLayout, typer.Option(help="Folder layout.")] = PhantomLayout.brats2018,
    out: Annotated[Path | None, typer.Option(help="New folder. Default: data/phantom.")] = None,
    as_json: Json = False,
) -> None:
    """Make phantom patients: four MRI sequences, a segmentation and a clinical table each."""
    from fedlab_utils.data.phantom import write_cohort
    from fedlab_utils.data.places import phantom_folder

    with reported(as_json), progress_bar("phantom") as progress:
        folder = write_cohort(
            out or phantom_folder(),
            cases=cases,
            seed=seed,
            spacing=spacing,
            layout=layout.value,
            progress=progress,
        )
    if as_json:
        print_json({"folder": str(folder), "cases": cases, "layout": layout.value})
    else:
        typer.echo(f"{how_many(cases, 'phantom patient')} in {folder}")


@app.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="A data set, unpacked as published.")],
    layout: Layout = None,
    scheme: Scheme = None,
    as_json: Json = False,
) -> None:
    """Read every case and report what is wrong with it. Exit code 1 if any case is faulty."""
    from fedlab_utils.data.validate import validate_folder

    with reported(as_json), progress_bar("validate") as progress:
        reports = validate_folder(folder, layout=layout, scheme=scheme, progress=progress)
    if as_json:
        rows = [
            {
                "case": report.case,
                "layout": report.layout,
                "problems": list(report.problems),
                "warnings": list(report.warnings),
            }
            for report in reports
        ]
        print_json(rows, indent=1)
    else:
        for report in reports:
            if report.is_case or report.problems:
                said = "; ".join(report.problems) or "ok"
                typer.echo(f"{report.case}\t{report.layout}\t{said}")
            for warning in report.warnings:
                typer.echo(f"{report.case}\t{report.layout}\twarning: {warning}")
        faulty = [report.is_case for report in reports if report.problems]
        cases = sum(report.is_case for report in reports)
        counts = f"{how_many(cases, 'case')}, {sum(faulty)} faulty"
        if others := len(faulty) - sum(faulty):
            counts += f"; faulty tables and folders: {others}"
        typer.echo(counts, err=True)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


for _command in (
    cli_hospitals.hospitals,
    cli_training.train,
    cli_training.predict,
    cli_training.evaluate,
    cli_training.study,
    cli_federation.simulate,
):
    app.command()(_command)


@bench.command("data")
def bench_data(as_json: Json = False) -> None:
    """Phantom against its budget, cold loading against one plain core, warm cache against that."""
    from fedlab_utils.studies.bench_data import run

    _bench(partial(run, say=partial(typer.echo, err=True)), as_json)


@bench.command("training")
def bench_training(as_json: Json = False) -> None:
    """Training steps per second against a plain MONAI loop in fp32, and the Dice both reach."""
    from fedlab_utils.studies.bench_training import run

    _bench(run, as_json)


@bench.command("engine")
def bench_engine(
    ray: Annotated[bool, typer.Option(help="Also run engine (b).")] = True,
    as_json: Json = False,
) -> None:
    """A federation's rounds in a plain loop, in process, and under flwr run with Ray.

    Beside a ratio stands its goal and whether it is met; a missed goal is no error.
    """
    from fedlab_utils.studies.bench_engine import run

    _bench(partial(run, ray=ray), as_json)


@bench.command("privacy")
def bench_privacy(as_json: Json = False) -> None:
    """A private step of the U-Net, patients clipped one by one, against a plain one."""
    from fedlab_utils.studies.bench_privacy import run

    _bench(run, as_json)


@bench.command("rules")
def bench_rules(as_json: Json = False) -> None:
    """Robust rules against Flower's own on the same answers: seconds, ratio and peak memory."""
    from fedlab_utils.studies.bench_rules import run

    _bench(run, as_json)


def _bench(run: Callable[[], dict[str, dict]], as_json: bool) -> None:
    with reported(as_json):
        result = run()
    if as_json:
        print_json(result, indent=1)
        return
    for name, row in result.items():
        goals = row.get("goals", {})
        parts = (_figure(k, v, goals.get(k)) for k, v in row.items() if k != "goals")
        typer.echo(f"{name}: {', '.join(parts)}")


def _figure(name: str, value: object, goal: dict | None) -> str:
    """Return a figure in words, with its goal in brackets if it has one."""
    if goal is None:
        return f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
    met = "met" if goal["met"] else "missed"
    # One digit more, so that 1.052 does not read as 1.05.
    return f"{name} {value:.4g} (goal: {goal['rule']} {goal['bound']:g}, {met})"
