"""The course's task: hospitals that train one U-Net on patients who stay where they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.data.tiers import Tier, current_tier
from fedlab_utils.errors import FederationError
from fedlab_utils.segmentation.loss import dice_ce_loss
from fedlab_utils.segmentation.training import PRECISIONS
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from fedlab_utils.segmentation.weights import TrainedModel

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.data.hospital_cases import HospitalPatients
    from fedlab_utils.privacy.randomness import Randomness


@dataclass(frozen=True)
class UNetTask:
    """Hospitals that segment tumours together; see :class:`fedlab_utils.federated.task.Task`.

    Attributes
    ----------
    members
        The hospitals, by partition, from :func:`fedlab_utils.data.hospital_patients`.
    unet
        The network's settings.
    tier
        Default: the current one. Decides the size of slices or patches.
    per_patient, batch
        Slices or patches that one pass draws from each patient; slices or patches per step.
    augment
        Whether to vary the images.
    seed
        Decides first weights, draws and augmentation.
    device
        Where to train; default: a GPU if there is one.
    precision
        ``"fp32"``, or ``"bf16"``: the network's products in bfloat16, in training and judging.
        Engines agree to the last bits in fp32.

    Raises
    ------
    FederationError
        If a hospital has no patient to train on, two have the same name or patient, or the
        precision is another.
    """

    members: Sequence[HospitalPatients]
    unet: UNetSettings = field(default_factory=UNetSettings)
    tier: Tier = field(default_factory=current_tier)
    per_patient: int = 4
    batch: int = 8
    augment: bool = True
    seed: int = 0
    device: str | None = None
    precision: str = "fp32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            cause = f"it is {self.precision!r}"
            raise FederationError("precision", cause, f"Take {' or '.join(PRECISIONS)}")
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise FederationError("hospitals", f"their names are {names}", "Give each its own")
        owner: dict[str, str] = {}
        for member in self.members:
            if not member.hospital.split.train:
                raise FederationError(member.name, "it has no patient to train on", "Leave it out")
            for patient in member.hospital.patients:
                if owner.setdefault(patient, member.name) != member.name:
                    raise FederationError(
                        patient,
                        f"it is a patient of {owner[patient]} and of {member.name}",
                        "Deal patients with make_hospitals()",
                    )

    @property
    def hospitals(self) -> list[str]:
        """Names by partition."""
        return [member.name for member in self.members]

    loss = staticmethod(dice_ce_loss)

    def build(self) -> nn.Module:
        """Return a new network with its first weights, decided by the seed."""
        return make_unet(self.unet, self.seed)

    def network(self) -> nn.Module:
        """Return the one network of this process."""
        return self._resident().network

    def initial(self) -> dict[str, torch.Tensor]:
        """Return random weights decided by the seed."""
        return self._kept("initial", lambda: dict(self.build().state_dict()))

    def patients(self, hospital: int) -> int:
        """Return how many patients a hospital trains on; visits of one count once."""
        return len({patient.patient_id for patient in self.members[hospital].train})

    def batches(
        self, hospital: int, server_round: int, steps: int
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Yield a round's batches: pass after pass over the patients until there are enough."""
        from fedlab_utils.segmentation.batching import batches

        dataset = self._kept(("dataset", hospital), lambda: self._dataset(hospital))
        per_pass = math.ceil(len(dataset) / self.batch)
        passes = math.ceil(steps / per_pass)
        first = (server_round - 1) * passes
        endless = (
            batch
            for epoch in range(first, first + passes)
            for batch in batches(dataset, self.batch, epoch, self.unet.sequences)
        )
        return islice(endless, steps)

    def private_batches(
        self, hospital: int, server_round: int, steps: int, rate: float, randomness: Randomness
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Yield a round's batches of patients chosen by coin, with all their visits."""
        from fedlab_utils.privacy import private_batches

        dataset = self._kept(("dataset", hospital), lambda: self._dataset(hospital))
        first = (server_round - 1) * steps
        return private_batches(dataset, rate, steps, randomness, first, self.unet.sequences)

    def evaluate(
        self, network: nn.Module, hospital: int, part: str
    ) -> dict[str, float | list[float]]:
        """Return Dice per region on the network's grid, in a test also each patient's.

        ``score`` is the mean of ``dice-et``, ``dice-tc`` and ``dice-wt``; ``patients-dice-et`` and
        so on hold one number per patient, by patient's id, visits averaged.
        """
        from fedlab_utils.segmentation.training_state import region_dice

        members = getattr(self.members[hospital], part)
        if not members:
            return {}
        rows = region_dice(self._model(network), members, precision=self.precision)
        ids = sorted({patient.patient_id for patient in members})
        by_patient = np.array(
            [
                np.mean([r for r, p in zip(rows, members, strict=True) if p.patient_id == i], 0)
                for i in ids
            ]
        )
        means = by_patient.mean(0)
        figures = {f"dice-{r.lower()}": float(m) for r, m in zip(REGIONS, means, strict=True)}
        answer = {"num-examples": len(ids), "score": float(means.mean()), **figures}
        if part == "test":
            for number, region in enumerate(REGIONS):
                answer[f"patients-dice-{region.lower()}"] = by_patient[:, number].tolist()
        return answer

    def model(self, weights: dict[str, torch.Tensor], **provenance: object) -> TrainedModel:
        """Return a model to predict with and to save; layers that stay at home are the first ones.

        Parameters
        ----------
        weights
            Shared weights, such as :attr:`Federation.weights`.
        **provenance
            Where they came from.
        """
        network = self.build()
        network.load_state_dict(self.initial() | weights)
        return self._model(network.eval(), provenance)

    def _model(self, network: nn.Module, provenance: dict | None = None) -> TrainedModel:
        preprocessing = PreprocessSettings(spacing=self.tier.spacing)
        return TrainedModel(network, self.unet, preprocessing, self.tier.size, provenance or {})

    def _resident(self) -> TrainedModel:
        from fedlab_utils.segmentation.devices import best_device

        def build() -> TrainedModel:
            network = self.build().to(self.device or best_device())
            return self._model(network)

        return self._kept("resident", build)

    def _dataset(self, hospital: int):
        from fedlab_utils.data.datasets import PatchDataset, SliceDataset
        from fedlab_utils.segmentation.augmentation import training_augmentation

        # Hospitals draw independently of each other, and of what else the seed decides.
        seed = int(np.random.SeedSequence((self.seed, hospital)).generate_state(1)[0])
        transform = training_augmentation(self.tier, seed) if self.augment else None
        kind = SliceDataset if self.tier.spatial_dims == 2 else PatchDataset
        return kind(
            self.members[hospital].train,
            self.tier.size,
            per_patient=self.per_patient,
            seed=seed,
            transform=transform,
        )

    def _kept(self, key: object, build):
        """Return what is made once; frozen settings never make it stale."""
        kept = self.__dict__.setdefault("_made", {})
        if key not in kept:
            kept[key] = build()
        return kept[key]
