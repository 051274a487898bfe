"""Centralised training: all patients in one place, the best epoch chosen on validation patients."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.tiers import Tier, current_tier
from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.training import OptimiserSettings
from fedlab_utils.segmentation.training_state import TrainingState, one_cycle, region_dice
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.segmentation.weights import TrainedModel

if TYPE_CHECKING:
    from fedlab_utils.data.preprocessing import Preprocessed

__all__ = ["Fit", "FitSettings", "fit_unet", "one_cycle", "region_dice"]


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained on patients in one place.

    Attributes
    ----------
    unet, optimiser
        See :class:`UNetSettings` and :class:`OptimiserSettings`.
    epochs
        Passes over the patients.
    per_patient
        Slices or patches drawn from each patient in an epoch, half of them with tumour.
    batch
        Slices or patches per step.
    augment
        Whether to vary the images, see :func:`fedlab_utils.segmentation.training_augmentation`.
    validate_every
        Epochs between two looks at the validation patients; the last epoch is always looked at.
    precision
        ``"fp32"`` or ``"bf16"``.
    views
        In 2-D, the axes that slices are perpendicular to: 2 axial, 1 coronal. A network of both
        sees a place from two sides, and its answers are averaged.
    seed
        Decides initial weights, draws and augmentation.
    """

    unet: UNetSettings = field(default_factory=UNetSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    epochs: int = 160
    per_patient: int = 4
    batch: int = 16
    augment: bool = True
    validate_every: int = 10
    precision: str = "fp32"
    views: tuple[int, ...] = (2,)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Fit:
    """A finished training.

    Attributes
    ----------
    model
        The weights of the best epoch.
    curve
        One row per epoch: ``epoch``, ``loss``, ``learning_rate``, ``seconds`` since the start and,
        where validation was looked at, ``dice_et``, ``dice_tc``, ``dice_wt`` and ``dice`` (their
        mean), from :func:`region_dice`: on the network's grid, small pieces left in.
    best_epoch
        Whose weights ``model`` has; epochs count from 1.
    device
        Where it was trained.
    """

    model: TrainedModel
    curve: list[dict[str, float]] = field(repr=False)
    best_epoch: int
    device: str


def fit_unet(
    train: Sequence[Preprocessed],
    validation: Sequence[Preprocessed],
    settings: FitSettings | None = None,
    tier: Tier | None = None,
    minutes: float | None = None,
    device: str | None = None,
    workers: int = 0,
    on_epoch: Callable[[dict[str, float], int], None] | None = None,
    checkpoint: Path | None = None,
    keep_checkpoint: bool = False,
    begin_with: TrainedModel | None = None,
) -> Fit:
    """Train a U-Net on patients in one place.

    Parameters
    ----------
    train, validation
        Labelled patients, preprocessed at the tier's spacing. Without validation patients the last
        epoch counts as the best.
    settings
        Default :class:`FitSettings`.
    tier
        Default: the current one. Decides the size of slices or patches.
    minutes
        Fit into this time: after each epoch up to the first look at validation, and at each later
        look, ``epochs`` is set to what fits, at least three, so that the learning rate still ends
        at 0 where a machine slows down or speeds up. The curve's length says what it came to. The
        schedule moves with it: a run of as many epochs without ``minutes`` is similar, not equal.
    device
        ``"cuda"`` or ``"cpu"``; default: a GPU if there is one.
    workers
        Processes that prepare batches ahead.
    on_epoch
        Called with each new row of the curve and the number of epochs that there will be.
    checkpoint
        A file to go on from if it is there, written after every epoch and removed at the end.
    keep_checkpoint
        Leave the file there at the end: for callers that remove it once the model is saved, so that
        being killed in between loses nothing. Called again, the finished training comes back.
    begin_with
        A trained model whose weights the training begins with; default: random ones.

    Raises
    ------
    TrainingError
        If there is no patient to train on, the loss is no longer finite, or ``minutes`` is 0 or
        less, endless, or no number.
    """
    check_minutes(minutes)
    run = TrainingState(
        train, validation, settings or FitSettings(), tier or current_tier(), device
    )
    if begin_with is not None:
        run.begin_with(begin_with)
    if checkpoint is not None and checkpoint.exists():
        run.resume(checkpoint)
    started = time.monotonic() - (run.curve[-1]["seconds"] if run.curve else 0.0)
    while len(run.curve) < run.epochs:
        row = run.one_epoch(workers)
        row["seconds"] = round(time.monotonic() - started, 2)
        looked = len(run.curve) % run.settings.validate_every == 0
        timed = looked or len(run.curve) < run.settings.validate_every
        if minutes is not None and timed and len(run.curve) < run.epochs:
            run.epochs = _epochs_in(60 * minutes, [row["seconds"] for row in run.curve])
        if checkpoint is not None:
            run.save(checkpoint)
        if on_epoch is not None:
            on_epoch(row, run.epochs)
    if checkpoint is not None and not keep_checkpoint:
        checkpoint.unlink(missing_ok=True)
    return Fit(run.best_model(), run.curve, run.best_epoch, run.device)


_MOST_MINUTES = 1e6
"""Two years."""


def check_minutes(minutes: float | None) -> None:
    """Refuse what is no time to train for; None is without limit.

    Raises
    ------
    TrainingError
        If it is 0 or less, endless, or no number.
    """
    if minutes is not None and not 0 < minutes <= _MOST_MINUTES:
        raise TrainingError("minutes", f"it is {minutes}", "Pass minutes above 0, such as 10")


_FEWEST = 3
"""Epochs in however little time: of the first one alone it is not known how long others take."""


def _epochs_in(available: float, finished: list[float]) -> int:
    """Epochs that fit into so many seconds, from when the first ones were finished.

    The first epoch is slow, since libraries are loaded in it; the later ones count for all to come.
    There is always one to come, however little time is left: the last epoch is the one that is
    validated, and none of those finished knew that it was the last.
    """
    later = len(finished) - 1
    each = (finished[-1] - finished[0]) / later if later else finished[0]
    to_come = int(max(0.0, available - finished[-1]) / max(each, 1e-3))
    return max(_FEWEST, len(finished) + max(1, to_come))
