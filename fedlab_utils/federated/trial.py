"""A hospital to try a client's train function on: small enough to know what its answer must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from torch import nn

from fedlab_utils.federated.engine_inprocess import RUN_ID, SERVER_NODE, running
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS

MESSAGE_ID = "trial-17"


@dataclass(frozen=True)
class TrialTask:
    """Three hospitals that train one convolution; see :class:`fedlab_utils.federated.task.Task`.

    Attributes
    ----------
    counts
        Patients of each hospital.
    batch
        Slices per step.
    precision
        As of :func:`fedlab_utils.segmentation.local_update`.
    """

    counts: tuple[int, ...] = (7, 11, 5)
    batch: int = 3
    resident: nn.Module = field(default_factory=lambda: nn.Conv2d(4, 3, 1))
    precision: str = "fp32"

    @property
    def hospitals(self) -> list[str]:
        """Names by partition."""
        return [f"H{number + 1}" for number in range(len(self.counts))]

    @staticmethod
    def loss(logits: torch.Tensor, target: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error of each patient, ``(P,)``."""
        error = (logits - target).square().mean((1, 2, 3))
        return torch.stack([error[patient == p].mean() for p in patient.unique()])

    def network(self) -> nn.Module:
        """Return the one network, with whatever weights its last user left in it."""
        return self.resident

    def initial(self) -> dict[str, torch.Tensor]:
        """Return random weights."""
        return self.weights(0)

    def weights(self, seed: int) -> dict[str, torch.Tensor]:
        """Return random weights decided by a seed."""
        draw = torch.Generator().manual_seed(seed)
        state = self.resident.state_dict()
        return {name: torch.randn(value.shape, generator=draw) for name, value in state.items()}

    def patients(self, hospital: int) -> int:
        """Return how many patients a hospital trains on."""
        return self.counts[hospital]

    def batches(
        self, hospital: int, server_round: int, steps: int
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Yield one batch per step, of two patients, decided by round and partition."""
        draw = torch.Generator().manual_seed(1000 * hospital + server_round)
        for _ in range(steps):
            image = torch.randn((self.batch, 4, 2, 2), generator=draw)
            target = (torch.rand((self.batch, 3, 2, 2), generator=draw) < 0.4).float()
            patient = (torch.arange(self.batch) > 0).long()
            yield {"image": image, "target": target, "patient": patient}


def send(
    train: Callable[[Message, Context, TrialTask], object],
    task: TrialTask,
    hospital: int,
    server_round: int,
    weights: dict[str, torch.Tensor],
    settings: FederationSettings,
) -> object:
    """Write to a hospital as the server does, and return what its train function returns."""
    node = SERVER_NODE + 1 + hospital
    context = Context(
        run_id=RUN_ID,
        node_id=node,
        node_config={"partition-id": hospital, "num-partitions": len(task.counts)},
        state=RecordDict(),
        run_config=settings.to_config(),
    )
    config = ConfigRecord({"server-round": server_round})
    content = RecordDict({ARRAYS: to_record(weights), "config": config})
    with running():
        message = Message(content, node, MessageType.TRAIN)
        message.metadata.__dict__["_message_id"] = MESSAGE_ID
        return train(message, context, task)


def is_message(answer: object) -> bool:
    """Whether an answer is one of Flower's messages."""
    return isinstance(answer, Message)
