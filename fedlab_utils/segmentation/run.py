"""A training run as a folder: what was asked for, how it went, and the network that came out."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.plain_values import plain_seed
from fedlab_utils.data.tiers import Tier, current_tier
from fedlab_utils.errors import DataError, ModelError, TrainingError
from fedlab_utils.segmentation.fit import Fit, FitSettings, check_minutes, fit_unet
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.segmentation.weights import save_model

if TYPE_CHECKING:
    from fedlab_utils.data.cohort import Cohort
    from fedlab_utils.data.preprocessing import Preprocessed

MODEL, CURVE, CONFIG, ENVIRONMENT = (
    "model.safetensors",
    "curve.csv",
    "config.json",
    "environment.json",
)
CHECKPOINT = "checkpoint.pt"
"""There until the model of a run is saved."""

VALIDATION = 0.15
"""Share of the patients on whom the best epoch is chosen."""


def train_cohort(
    cohort: Cohort,
    out: Path,
    tier: Tier | None = None,
    sequences: tuple[str, ...] = SEQUENCES,
    seed: int = 0,
    minutes: float | None = None,
    epochs: int | None = None,
    on_epoch: Callable[[dict[str, float], int], None] | None = None,
    on_left_out: Callable[[DataError], None] | None = None,
    command: str = "",
) -> Fit:
    """Train a U-Net on a cohort and keep everything about it in a new folder.

    Patients are split into training (85 %) and validation (15 %); report on another cohort. The
    folder holds ``model.safetensors`` (best epoch), ``curve.csv`` (one row per epoch),
    ``config.json`` (command, settings, cases) and ``environment.json`` (versions, device, time).
    A run that was cut off goes on where it stood when it is started again with the same settings.

    Parameters
    ----------
    cohort
        Cases without a segmentation, or that cannot be read, are left out.
    out
        A folder that holds no finished run, and no file that the run would replace.
    tier
        Default: the current one.
    sequences
        Input channels, some of ``SEQUENCES`` in that order.
    seed
        Decides split, weights, draws and augmentation.
    minutes, epochs
        How long, reading included: see :func:`fedlab_utils.segmentation.fit.fit_unet`. Default: 10.
    on_epoch
        Called with each row of the curve and the number of epochs that there will be.
    on_left_out
        Called with the reason for each case that takes no part.
    command
        What the user typed, for the record.

    Raises
    ------
    DataError
        If ``out`` holds a finished run or cannot be made, or too few cases can be read.
    TrainingError
        If ``out`` holds the beginning of a run with other settings or patients, or ``minutes`` is
        no time, or ``seed`` no seed.
    """
    from fedlab_utils.data.atomic import write_text
    from fedlab_utils.segmentation.provenance import record_provenance

    tier, started, out = tier or current_tier(), time.time(), Path(out)
    minutes = minutes if minutes or epochs else 10.0
    check_minutes(minutes)
    seed = plain_seed(seed, TrainingError)
    _check_free(out)
    settings = _settings(tier, sequences, seed, epochs)
    train, validation, left_out = _patients(cohort, tier, seed)
    for problem in left_out if on_left_out else ():
        on_left_out(problem)
    config = {
        "command": command,
        "data": str(cohort.root),
        "settings": asdict(settings),
        "tier": tier.name,
        "minutes": minutes,
        "train": [patient.case_id for patient in train],
        "validation": [patient.case_id for patient in validation],
        "left_out": [str(problem) for problem in left_out],
    }
    _check_same_run(out, config)
    _make_folder(out)
    write_text(out / CONFIG, json.dumps(config, indent=1))
    fit = fit_unet(
        train,
        validation,
        settings,
        tier,
        minutes=minutes and max(minutes - (time.time() - started) / 60, 1e-3),
        on_epoch=on_epoch,
        checkpoint=out / CHECKPOINT,
        keep_checkpoint=True,
    )
    about = record_provenance(started, fit.device, command=command, seed=seed)
    about |= {"tier": tier.name, "patients": len({p.patient_id for p in train})}
    about |= {"epochs": len(fit.curve), "best_epoch": fit.best_epoch}
    about["training_seconds"] = fit.curve[-1]["seconds"]  # of all pieces of a run that was cut off
    _keep(fit, about, out)
    return fit


def _keep(fit: Fit, about: dict, out: Path) -> None:
    """Write what a finished run leaves; the model last, which says that it is finished."""
    from fedlab_utils.data.atomic import write_text

    write_text(out / CURVE, _table(fit.curve))
    write_text(out / ENVIRONMENT, json.dumps(about, indent=1))
    save_model(replace(fit.model, provenance=about), out / MODEL)
    (out / CHECKPOINT).unlink(missing_ok=True)


def _check_free(out: Path) -> None:
    """Refuse, before the work, a folder that cannot take the run."""
    if (out / MODEL).exists():
        raise DataError(out, "it holds a finished run", "Name a new folder, or remove this one")
    there = next(place for place in (out, *out.absolute().parents) if place.exists())
    if not there.is_dir():
        raise DataError(out, f"{there} is no folder", "Name a new folder")
    written = [name for name in (CONFIG, CURVE, ENVIRONMENT) if (out / name).exists()]
    if written and "validation" not in _begun(out):
        raise DataError(out, f"it holds a {written[0]} that is no run's", "Name a new folder")


def _begun(out: Path) -> dict:
    """Return the settings of the run that began in a folder; empty where none did."""
    if not (out / CONFIG).exists():
        return {}
    try:
        return dict(json.loads((out / CONFIG).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            out / CONFIG, f"it cannot be read ({error})", "Name a new folder, or remove it"
        ) from None


def _check_same_run(out: Path, config: dict) -> None:
    """A run that was cut off may only go on as what it began as."""
    if not (out / CHECKPOINT).exists() or not (out / CONFIG).exists():
        return
    begun = _begun(out)
    wanted = json.loads(json.dumps(config))
    decisive = ("settings", "tier", "minutes", "train", "validation")
    if other := [name for name in decisive if begun.get(name) != wanted[name]]:
        raise TrainingError(
            out,
            f"it holds the beginning of a run with other {', '.join(other)}",
            "Start the same command to go on with it, name a new folder, or remove this one",
        )


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            out, f"it cannot be made ({error.strerror})", "Name a place where you may write"
        ) from error


def parse_sequences(text: str) -> tuple[str, ...]:
    """Return sequences from their names in a row, ``"t1ce,flair"``, in the course's order.

    Raises
    ------
    ModelError
        If a name is none of a sequence, or there is none.
    """
    named = {name.lower(): name for name in SEQUENCES}
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in named]
    if unknown or not words:
        known = ",".join(named)
        raise ModelError("sequences", f"{text!r} is no list of them", f"Take some of {known}")
    return tuple(name for name in SEQUENCES if name.lower() in words)


def _settings(tier: Tier, sequences: tuple[str, ...], seed: int, epochs: int | None) -> FitSettings:
    from fedlab_utils.segmentation.devices import fast_precision

    settings = FitSettings(
        unet=UNetSettings(spatial_dims=tier.spatial_dims, sequences=sequences),
        per_patient=4 if tier.spatial_dims == 2 else 1,
        batch=16 if tier.spatial_dims == 2 else 2,
        precision=fast_precision(),
        views=(2, 1) if tier.spatial_dims == 2 else (2,),
        seed=seed,
    )
    return settings if epochs is None else replace(settings, epochs=epochs)


def _patients(
    cohort: Cohort, tier: Tier, seed: int
) -> tuple[list[Preprocessed], list[Preprocessed], list[DataError]]:
    """Preprocess, leave out what cannot be read, split by patient; say what was left out."""
    from fedlab_utils.data.cache import build_cache, load_preprocessed
    from fedlab_utils.data.preprocessing import PreprocessSettings
    from fedlab_utils.data.splits import split_patients

    cohort, wanted = cohort.labelled(), PreprocessSettings(spacing=tier.spacing)
    problems = build_cache(cohort.cases, wanted)
    faulty = {problem.case for problem in problems}
    usable = cohort.subset(c.case_id for c in cohort if c.case_id not in faulty)
    split = split_patients(usable, (1 - VALIDATION, VALIDATION, 0.0), seed)
    if not split.train or not split.validation:
        raise DataError(
            cohort.root,
            f"{len(usable)} of {len(cohort)} cases can be used: too few to train and to validate",
            "Take a folder with at least two patients, and look with fedlab validate",
        )
    train, validation = (
        [load_preprocessed(cohort.files(case_id), wanted) for case_id in part]
        for part in (split.train, split.validation)
    )
    return train, validation, [*cohort.problems, *problems]


def _table(curve: list[dict[str, float]]) -> str:
    names = list(dict.fromkeys(name for row in curve for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    return text.getvalue()
