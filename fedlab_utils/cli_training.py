"""The commands that train networks and use them: train, predict, evaluate, study."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fedlab_utils.cli_output import Json, Layout, Scheme, print_json, progress_bar, reported
from fedlab_utils.errors import FedLabError


class TierName(StrEnum):
    """Tiers of detail."""

    laptop = "laptop"
    gpu = "gpu"


def train(
    data: Annotated[Path, typer.Option(help="A data set with segmentations.")],
    out: Annotated[Path, typer.Option(help="New run folder.")],
    tier: Annotated[TierName | None, typer.Option(help="Default: FEDLAB_TIER, or laptop.")] = None,
    sequences: Annotated[str, typer.Option(help="Input channels.")] = "t1,t1ce,t2,flair",
    seed: Annotated[int, typer.Option(min=0, help="Split, weights, draws.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.05, help="Training time, about.")] = 10.0,
    layout: Layout = None,
    scheme: Scheme = None,
    as_json: Json = False,
) -> None:
    """Train a U-Net on patients in one place. Started again, a run that was cut off goes on."""
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.tiers import TIERS, current_tier
    from fedlab_utils.segmentation.run import parse_sequences, train_cohort

    again = "Start the same command again to go on after the last whole epoch."
    with reported(as_json, again), progress_bar("train", unit="epoch") as progress:
        fit = train_cohort(
            load_cohort(data, layout, scheme),
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
        print_json(answer | {"validation": scores})
    else:
        said = ", ".join(f"{name[5:].upper() or 'mean'} {v:.3f}" for name, v in scores.items())
        typer.echo(f"{len(fit.curve)} epochs; best, on validation patients: {said}. In {out}")


def predict(
    model: Annotated[Path, typer.Option(help="A run folder, or a .safetensors file.")],
    case: Annotated[Path, typer.Option(help="A case's folder, or one of its image files.")],
    out: Annotated[Path, typer.Option(help="Segmentation to write: .nii.gz or .nii.")],
    layout: Layout = None,
    flip: Annotated[bool, typer.Option(help="Average with the mirror image.")] = True,
    as_json: Json = False,
) -> None:
    """Segment one case, in the grid, affine and label numbers of its own files.

    A segmentation is not needed. All four sequences are, also those that the model does not look
    at: the brain is found from all of them. A Decathlon case is named by its 4-D file.
    """
    from fedlab_utils.segmentation import segment_case

    with reported(as_json):
        files = segment_case(model, case, out, layout, flip)
    if as_json:
        print_json({"case": files.case_id, "out": str(out), "scheme": files.scheme})
    else:
        typer.echo(f"{files.case_id}: {out}, label numbers of {files.scheme}")


def evaluate(
    data: Annotated[Path, typer.Option(help="Cases with their true segmentations.")],
    model: Annotated[Path | None, typer.Option(help="Run folder or .safetensors file.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Folder of CASE.nii.gz files.")] = None,
    prediction_labels: Annotated[
        str | None, typer.Option(help="Their labels: brats2018, brats2023, msd ...")
    ] = None,
    flip: Annotated[bool, typer.Option(help="Average with the mirror image.")] = True,
    layout: Layout = None,
    scheme: Scheme = None,
    as_json: Json = False,
) -> None:
    """Score a model, or segmentation files, against the truth: Dice and HD95 (mm) per region.

    A region that is in neither mask counts Dice 1 and HD95 0; in one of them alone, Dice 0 and HD95
    373.13 mm, the diagonal of a BraTS volume. A case that could not be scored, since its prediction
    is missing or cannot be read, is named, and the exit code is 1 after the scores of the others. A
    prediction file that belongs to no case with a segmentation is named too.
    """
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.segmentation import evaluate_model, evaluate_predictions, load_model
    from fedlab_utils.segmentation.devices import best_device, fast_precision

    with reported(as_json), progress_bar("evaluate") as progress:
        if (model is None) == (predictions is None):
            cause = "what to score is not said" if model is None else "two things are to be scored"
            raise FedLabError("evaluate", cause, "Give --model or --predictions, one of them")
        if (predictions is None) != (prediction_labels is None):
            raise FedLabError(
                "evaluate",
                "one option lacks the other",
                "Give --prediction-labels with --predictions",
            )
        cohort = load_cohort(data, layout, scheme)
        if model is not None:
            trained = load_model(model, best_device(), light=True)
            result = evaluate_model(trained, cohort, flip, fast_precision(), progress)
        else:
            result = evaluate_predictions(predictions, prediction_labels, cohort, progress)
    if as_json:
        print_json(result.as_json(), indent=1)
    else:
        typer.echo(result.as_text())
    for problem in result.problems:
        what = "not scored" if problem in result.not_scored else "not read"
        typer.echo(f"{what}: {problem}", err=True)
    for name in result.unmatched:
        typer.echo(f"unmatched: {name} belongs to no case with a segmentation", err=True)
    if result.not_scored:
        raise typer.Exit(1)


def study(
    name: Annotated[str | None, typer.Argument(help="Which; none lists them.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.0, help="Stop then; goes on later.")] = None,
    again: Annotated[bool, typer.Option(help="Measure what is recorded again.")] = False,
) -> None:
    """Make a recorded study, or go on with it. Results go to data/results."""
    from fedlab_utils.studies.runner import STUDIES, load_study, run_study

    with reported():
        if name is None:
            for known in map(load_study, STUDIES):
                typer.echo(f"{known.name}\t{known.question}\tabout {known.hours:g} h")
            return
        known = load_study(name)
        rows = run_study(known, hours, say=lambda line: typer.echo(line, err=True), again=again)
    typer.echo(f"{len(rows)} of {len(known.cells)} cells recorded")
