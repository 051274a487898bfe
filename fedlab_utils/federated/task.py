"""What hospitals learn together: the network, each hospital's patients, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy.randomness import Randomness


class Task(Protocol):
    """What a federation is about. Flower's apps know no more of it than this.

    Attributes
    ----------
    hospitals
        Their names, by partition.
    loss, precision
        As of :func:`fedlab_utils.segmentation.local_update`.
    """

    hospitals: Sequence[str]
    loss: Callable[..., torch.Tensor]
    precision: str

    def network(self) -> nn.Module:
        """Return the network that this process trains with; one for all hospitals."""

    def initial(self) -> dict[str, torch.Tensor]:
        """Return the weights that the federation begins with."""

    def patients(self, hospital: int) -> int:
        """Return how many patients a hospital trains on."""

    def batches(
        self, hospital: int, server_round: int, steps: int
    ) -> Iterable[dict[str, torch.Tensor]]:
        """Yield as many batches as there are steps, decided by (seed, round, partition) alone."""

    def private_batches(
        self, hospital: int, server_round: int, steps: int, rate: float, randomness: Randomness
    ) -> Iterable[dict[str, torch.Tensor]]:
        """Yield as many batches, each of the patients that a coin chose; a batch may be empty.

        Only where a run has a privacy budget. See :func:`fedlab_utils.privacy.private_batches`.
        """

    def evaluate(
        self, network: nn.Module, hospital: int, part: str
    ) -> dict[str, float | list[float]]:
        """Judge a network on a hospital's patients.

        Parameters
        ----------
        part
            ``"validation"`` or ``"test"``.

        Returns
        -------
        dict
            ``num-examples`` (patients), ``score`` (the larger the better; what a round is chosen
            by) and more figures; lists hold one number per patient. Empty if there is no patient.
        """
