"""A training that can stop after any epoch and go on: weights, optimiser, best epoch so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.devices import best_device, channels_last_pays
from fedlab_utils.segmentation.training import local_update, make_optimiser
from fedlab_utils.segmentation.unet import make_unet
from fedlab_utils.segmentation.weights import TrainedModel

if TYPE_CHECKING:
    from fedlab_utils.data.datasets import PatchDataset, SliceDataset
    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.data.tiers import Tier
    from fedlab_utils.segmentation.fit import FitSettings

_WARM_UP = 0.03
"""Share of all steps in which the learning rate rises from 0."""


def one_cycle(step: int, steps: int, peak: float) -> float:
    """Learning rate that rises linearly for a moment and falls along half a cosine to 0.

    After Loshchilov and Hutter 2017, arXiv:1608.03983, with warm-up.
    """
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return 0.5 * peak * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def region_dice(model: TrainedModel, patients: Sequence[Preprocessed], **how) -> np.ndarray:
    """Dice of ET, TC and WT of each patient on the network's own grid: ``(patients, 3)``.

    For choosing an epoch; what is reported is measured at the file's resolution, see
    :mod:`fedlab_utils.segmentation.metrics`. Two empty masks count 1.
    """
    from fedlab_utils.data.regions import to_regions
    from fedlab_utils.segmentation.prediction import THRESHOLD, predict_probabilities

    rows = []
    for patient in patients:
        mine = predict_probabilities(model, patient, **how) >= THRESHOLD
        truth = to_regions(np.asarray(patient.labels))
        total = mine.sum((1, 2, 3)) + truth.sum((1, 2, 3))
        shared = (mine & truth).sum((1, 2, 3))
        rows.append(np.where(total > 0, 2 * shared / np.maximum(total, 1), 1.0))
    return np.array(rows)


class TrainingState:
    """A network in training, between two epochs: what the next epoch depends on."""

    def __init__(self, train, validation, settings: FitSettings, tier: Tier, device) -> None:
        import torch

        if not train:
            raise TrainingError("fit_unet", "there is no patient to train on", "Give it some")
        self.settings, self.tier, self.validation = settings, tier, validation
        self.device = device or best_device()
        network = make_unet(settings.unet, settings.seed).to(self.device)
        self.channels_last = channels_last_pays(settings.unet.norm, self.device, settings.precision)
        if self.channels_last:
            last = torch.channels_last if tier.spatial_dims == 2 else torch.channels_last_3d
            network = network.to(memory_format=last)
        self.model = TrainedModel(
            network,
            settings.unet,
            PreprocessSettings(spacing=tier.spacing),
            tier.size,
            views=settings.views,
        )
        self.optimiser = make_optimiser(network, settings.optimiser)
        self.dataset = _dataset(train, settings, tier)
        self.identity = _identity(settings, tier, train, validation)
        self.epochs, self.curve = settings.epochs, []
        self.best, self.best_epoch, self.best_dice = None, 0, -1.0

    def begin_with(self, model: TrainedModel) -> None:
        """Take the weights of another model.

        Raises
        ------
        TrainingError
            If it is built otherwise.
        """
        if model.unet != self.model.unet:
            raise TrainingError(
                "begin_with",
                f"that network is {model.unet}, this one {self.model.unet}",
                "Begin with a network of the same settings",
            )
        self.model.network.load_state_dict(model.network.state_dict())
        for name, value in sorted(model.network.state_dict().items()):
            self.identity.update(name.encode())
            self.identity.update(value.detach().cpu().numpy().tobytes())

    def one_epoch(self, workers: int) -> dict[str, float]:
        """Train for an epoch, look at the validation patients if it is time, add to the curve."""
        from fedlab_utils.segmentation.batching import batches

        settings, epoch = self.settings, len(self.curve)
        per_epoch = math.ceil(len(self.dataset) / settings.batch)
        update = local_update(
            self.model.network,
            batches(
                self.dataset,
                settings.batch,
                epoch,
                settings.unet.sequences,
                workers,
                channels_last=self.channels_last,
            ),
            self.optimiser,
            learning_rate=lambda step: one_cycle(
                epoch * per_epoch + step,
                self.epochs * per_epoch,
                settings.optimiser.learning_rate,
            ),
            precision=settings.precision,
        )
        row = {"epoch": epoch + 1, "loss": update.loss, "learning_rate": update.learning_rate}
        self.curve.append(row)
        last = epoch + 1 >= self.epochs
        if self.validation and ((epoch + 1) % settings.validate_every == 0 or last):
            self._validate(row)
        elif last:
            self._keep(epoch + 1, -1.0)
        return row

    def _validate(self, row: dict[str, float]) -> None:
        dice = region_dice(self.model, self.validation, precision=self.settings.precision).mean(0)
        row |= {f"dice_{r.lower()}": float(d) for r, d in zip(REGIONS, dice, strict=True)}
        row["dice"] = float(dice.mean())
        if row["dice"] > self.best_dice:
            self._keep(row["epoch"], row["dice"])

    def _keep(self, epoch: int, dice: float) -> None:
        state = self.model.network.state_dict()
        self.best = {name: value.detach().cpu().clone() for name, value in state.items()}
        self.best_epoch, self.best_dice = epoch, dice

    def save(self, path: Path) -> None:
        """Write all that the next epoch depends on."""
        import io

        import torch

        from fedlab_utils.data.atomic import write_bytes

        content = io.BytesIO()
        state = {
            "network": self.model.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "numbers": [self.best_epoch, self.best_dice, self.epochs],
            "curve": self.curve,
            "identity": self.identity.hexdigest(),
        }
        torch.save(state, content)
        write_bytes(path, content.getvalue())

    def resume(self, path: Path) -> None:
        """Take up what :meth:`save` wrote.

        Raises
        ------
        TrainingError
            If it cannot be read, or is of a training with other settings, patients or first
            weights.
        """
        from pickle import UnpicklingError as NoPickle

        import torch

        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            identity = state["identity"]
        except (OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError, NoPickle) as e:
            first = (str(e).splitlines() or [""])[0][:80]
            cause = f"it cannot be read ({type(e).__name__}: {first})"
            raise TrainingError(path, cause, "Remove it to start again") from None
        if identity != self.identity.hexdigest():
            raise TrainingError(
                path,
                "it belongs to a training with other settings, patients or first weights",
                "Remove it to start again, or name another",
            )
        self.model.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.best_epoch, self.best_dice, self.epochs = state["numbers"]
        self.best, self.curve = state["best"], state["curve"]

    def best_model(self) -> TrainedModel:
        """Return the model with the weights of the best epoch, ready to predict."""
        network = self.model.network
        network.load_state_dict(self.best)
        return replace(self.model, network=network.eval())


def _identity(settings: FitSettings, tier: Tier, *patients: Sequence[Preprocessed]):
    """Return a hash of what a training is about, so that no other one is gone on with."""
    import hashlib

    ids = [[patient.case_id for patient in part] for part in patients]
    return hashlib.sha256(repr((settings, tier, ids)).encode())


def _dataset(
    train: Sequence[Preprocessed], settings: FitSettings, tier: Tier
) -> SliceDataset | PatchDataset:
    from fedlab_utils.data.datasets import PatchDataset, SliceDataset
    from fedlab_utils.segmentation.augmentation import training_augmentation

    common = {
        "per_patient": settings.per_patient,
        "seed": settings.seed,
        "transform": training_augmentation(tier, settings.seed) if settings.augment else None,
    }
    if tier.spatial_dims == 2:
        return SliceDataset(train, tier.size, views=settings.views, **common)
    return PatchDataset(train, tier.size, **common)
