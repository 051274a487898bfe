"""Layers that stay at a hospital (FedBN, personal ones), and which of them a round needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import ConfigRecord, Context, RecordDict

from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.records import to_record, to_tensors
from fedlab_utils.federated.settings import FederationSettings

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from flwr.app import ArrayRecord
    from torch import nn

PERSONAL, EVALUATED, BEST, ROUNDS = (
    "personal",
    "personal-evaluated",
    "personal-best",
    "personal-rounds",
)
"""Layers that stay at home: now, at the last look at validation, at the best one; and when."""


def shared_layers(
    network: nn.Module, settings: FederationSettings, state: HospitalState
) -> ArrayRecord:
    """Remember the layers that stay at home; return the others."""
    home = personal_names(network, settings)
    weights = network.state_dict()
    if home:
        state.records[PERSONAL] = to_record({n: weights[n] for n in home})
    return to_record({n: v for n, v in weights.items() if n not in home})


def own_layers(
    state: HospitalState, server_round: int, part: str, best_round: int
) -> ArrayRecord | None:
    """Return the layers of the round in question, and remember those of the best one so far."""
    now = state.arrays(PERSONAL)
    if now is None:
        return None
    rounds = dict(state.records.get(ROUNDS) or {"evaluated": 0, "best": 0})
    if best_round and best_round == rounds["evaluated"]:
        state.records[BEST], rounds["best"] = state.records[EVALUATED], best_round
    if part == "test":
        return state.records[BEST] if best_round == rounds["best"] and best_round else now
    state.records[EVALUATED], rounds["evaluated"] = now, server_round
    state.records[ROUNDS] = ConfigRecord(rounds)
    return now


def layers_at_home(folder: Path, best_round: int) -> dict[str, torch.Tensor]:
    """Return the layers with which a hospital judged the best round's model on test patients.

    Parameters
    ----------
    folder
        The hospital's own, after the last round.
    best_round
        As the server tells it.

    Returns
    -------
    dict
        Name -> tensor; empty for a hospital that never trained, or has no such layers.

    Raises
    ------
    FederationError
        If what it remembers cannot be read.
    """
    state = HospitalState(Context(0, 0, {}, RecordDict(), {}), folder)
    state.latest()
    found = own_layers(state, 0, "test", best_round)
    return to_tensors(found) if found else {}
