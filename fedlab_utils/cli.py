"""The command line: ``fedlab`` or ``python -m fedlab_utils``.

Each command is a thin front of one function in the package. ``--json`` prints one JSON document on
standard output and nothing else there, ``{"error": ...}`` if the command is refused; every number
in it is finite. Messages and the progress bar go to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fedlab_utils.errors import DataError, FedLabError

app = typer.Typer(
    help="Federated, privacy-preserving brain-tumour segmentation: the workbook's tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
bench = typer.Typer(help="Measure speed, as ratios within one run.", no_args_is_help=True)
app.add_typer(bench, name="bench")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class PhantomLayout(StrEnum):
    """The folder layouts that the phantom writes."""

    brats2018 = "brats2018"
    brats2021 = "brats2021"
    brats2023 = "brats2023"
    msd = "msd"


class TierName(StrEnum):
    """Tiers of detail."""

    laptop = "laptop"
    gpu = "gpu"


@app.callback()
def _main() -> None:
    """Show letters that the terminal's encoding has not as escapes, rather than end there."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _reported(as_json: bool = False, stopped: str = "") -> Iterator[None]:
    """Turn a FedLab error into one line, or a document, and exit 2; ctrl-C into exit 130."""
    try:
        try:
            yield
        except OSError as error:  # a disk that is full or gone, wherever it shows
            if error.errno is None:
                raise
            raise DataError(
                error.filename or "disk", f"{error.strerror}", "Check its place and free space"
            ) from error
    except FedLabError as error:
        if as_json:
            parts = {"case": error.case, "cause": error.cause, "remedy": error.remedy}
            _print({"error": {"type": type(error).__name__, **parts}})
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {stopped or 'Nothing half-written was left behind.'}", err=True)
        raise typer.Exit(130) from None


def _print(document: object, indent: int | None = None) -> None:
    """Print a JSON document; NaN and infinity are no JSON and would be an error of ours."""
    typer.echo(json.dumps(document, indent=indent, allow_nan=False))


@contextmanager
def _progress(what: str, unit: str = "case") -> Iterator[Callable[[int, int], None]]:
    """Yield ``progress(done, total)`` drawing a bar on standard error."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress


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

    with _reported(as_json), _progress("phantom") as progress:
        folder = write_cohort(
            out or phantom_folder(),
            cases=cases,
            seed=seed,
            spacing=spacing,
            layout=layout.value,
            progress=progress,
        )
    if as_json:
        _print({"folder": str(folder), "cases": cases, "layout": layout.value})
    else:
        typer.echo(f"{cases} phantom patients in {folder}")


@app.command()
def validate(
    folder: Annotated[Path, typer.Argument(help="A data set, unpacked as published.")],
    layout: Annotated[str | None, typer.Option(help="Only where it cannot be told.")] = None,
    scheme: Annotated[str | None, typer.Option(help="Label scheme, where it is asked for.")] = None,
    as_json: Json = False,
) -> None:
    """Read every case and report what is wrong with it. Exit code 1 if any case is faulty."""
    from fedlab_utils.data.validate import validate_folder

    with _reported(as_json), _progress("validate") as progress:
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
        _print(rows, indent=1)
    else:
        for report in reports:
            typer.echo(f"{report.case}\t{report.layout}\t{'; '.join(report.problems) or 'ok'}")
            for warning in report.warnings:
                typer.echo(f"{report.case}\t{report.layout}\twarning: {warning}")
        faulty = sum(bool(report.problems) for report in reports)
        typer.echo(f"{len(reports)} cases, {faulty} faulty", err=True)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="A data set with segmentations.")],
    out: Annotated[Path, typer.Option(help="New run folder.")],
    tier: Annotated[TierName | None, typer.Option(help="Default: FEDLAB_TIER, or laptop.")] = None,
    sequences: Annotated[str, typer.Option(help="Input channels.")] = "t1,t1ce,t2,flair",
    seed: Annotated[int, typer.Option(min=0, help="Split, weights, draws.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.05, help="Training time, about.")] = 10.0,
    as_json: Json = False,
) -> None:
    """Train a U-Net on patients in one place. Started again, a run that was cut off goes on."""
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.tiers import TIERS, current_tier
    from fedlab_utils.segmentation.run import parse_sequences, train_cohort

    again = "Start the same command again to go on after the last whole epoch."
    with _reported(as_json, again), _progress("train", unit="epoch") as progress:
        fit = train_cohort(
            load_cohort(data),
            out,
            TIERS[tier.value] if tier else current_tier(),
            parse_sequences(sequences),
            seed,
            minutes,
            on_epoch=lambda row, epochs: progress(int(row["epoch"]), epochs),
            on_left_out=lambda problem: typer.echo(f"left out: {problem}", err=True),
            command=" ".join(["fedlab", *sys.argv[1:]]),
        )
    best = fit.curve[fit.best_epoch - 1]
    scores = {name: best[name] for name in ("dice_et", "dice_tc", "dice_wt", "dice")}
    if as_json:
        answer = {"run": str(out), "epochs": len(fit.curve), "best_epoch": fit.best_epoch}
        _print(answer | {"validation": scores})
    else:
        said = ", ".join(f"{name[5:].upper() or 'mean'} {v:.3f}" for name, v in scores.items())
        typer.echo(f"{len(fit.curve)} epochs; best, on validation patients: {said}. In {out}")


@app.command()
def predict(
    model: Annotated[Path, typer.Option(help="A run folder, or a .safetensors file.")],
    case: Annotated[Path, typer.Option(help="A case's folder, or one of its image files.")],
    out: Annotated[Path, typer.Option(help="Segmentation to write: .nii.gz or .nii.")],
    layout: Annotated[str | None, typer.Option(help="Only where it cannot be told.")] = None,
    flip: Annotated[bool, typer.Option(help="Average with the mirror image.")] = True,
    as_json: Json = False,
) -> None:
    """Segment one case, in the grid, affine and label numbers of its own files.

    A segmentation is not needed. All four sequences are, also those that the model does not look
    at: the brain is found from all of them. A Decathlon case is named by its 4-D file.
    """
    from fedlab_utils.segmentation import find_case, load_model, predict_file
    from fedlab_utils.segmentation.devices import best_device, fast_precision

    with _reported(as_json):
        trained = load_model(model, best_device())
        files = find_case(case, layout, trained.unet.sequences)
        predict_file(trained, files, out, flip, fast_precision())
    if as_json:
        _print({"case": files.case_id, "out": str(out), "scheme": files.scheme})
    else:
        typer.echo(f"{files.case_id}: {out}, label numbers of {files.scheme}")


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Cases with their true segmentations.")],
    model: Annotated[Path | None, typer.Option(help="Run folder or .safetensors file.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Folder of CASE.nii.gz files.")] = None,
    prediction_labels: Annotated[
        str | None, typer.Option(help="Their labels: brats2018, brats2023, msd ...")
    ] = None,
    flip: Annotated[bool, typer.Option(help="Average with the mirror image.")] = True,
    as_json: Json = False,
) -> None:
    """Score a model, or segmentation files, against the truth: Dice and HD95 (mm) per region.

    A region that is in neither mask counts Dice 1 and HD95 0; in one of them alone, Dice 0 and HD95
    373.13 mm, as in the BraTS challenges. A case without a prediction is reported and not scored.
    """
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.segmentation import evaluate_model, evaluate_predictions, load_model
    from fedlab_utils.segmentation.devices import best_device, fast_precision

    with _reported(as_json), _progress("evaluate") as progress:
        if (model is None) == (predictions is None):
            raise FedLabError(
                "evaluate", "what to score is not said", "Give --model or --predictions"
            )
        if (predictions is None) != (prediction_labels is None):
            raise FedLabError(
                "evaluate",
                "one option lacks the other",
                "Give --prediction-labels with --predictions",
            )
        cohort = load_cohort(data)
        if model is not None:
            trained = load_model(model, best_device())
            result = evaluate_model(trained, cohort, flip, fast_precision(), progress)
        else:
            result = evaluate_predictions(predictions, prediction_labels, cohort, progress)
    if as_json:
        _print(result.as_json(), indent=1)
    else:
        typer.echo(result.as_text())
    for problem in result.problems:
        typer.echo(f"not scored: {problem}", err=True)


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="Which; none lists them.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.0, help="Stop then; goes on later.")] = None,
) -> None:
    """Make a recorded study, or go on with it. Results go to data/results."""
    from fedlab_utils.studies.runner import STUDIES, load_study, run_study

    with _reported():
        if name is None:
            for known in map(load_study, STUDIES):
                typer.echo(f"{known.name}\t{known.question}\tabout {known.hours:g} h")
            return
        known = load_study(name)
        rows = run_study(known, hours, say=lambda line: typer.echo(line, err=True))
    typer.echo(f"{len(rows)} of {len(known.cells)} cells recorded")


@bench.command("data")
def bench_data(as_json: Json = False) -> None:
    """Phantom against its budget, cold loading against one plain core, warm cache against that."""
    from fedlab_utils.studies.bench_data import run

    _bench(run, as_json)


@bench.command("training")
def bench_training(as_json: Json = False) -> None:
    """Training steps per second against a plain MONAI loop in fp32, and the Dice both reach."""
    from fedlab_utils.studies.bench_training import run

    _bench(run, as_json)


def _bench(run: Callable[[], dict[str, dict]], as_json: bool) -> None:
    with _reported(as_json):
        result = run()
    if as_json:
        _print(result, indent=1)
        return
    for name, row in result.items():
        parts = (f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
        typer.echo(f"{name}: {', '.join(parts)}")
