"""All numbers of a hospital's answer in one row, for masks and encryption, and back by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord
from flwr.clientapp.typing import ClientAppCallable

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.records import of_kind, to_arrays
from fedlab_utils.federated.scaffold import CHANGE
from fedlab_utils.federated.screening import METRICS
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS


def trained_row(
    message: Message, context: Context, call_next: ClientAppCallable
) -> tuple[np.ndarray, int, MetricRecord]:
    """Let the hospital train.

    Returns
    -------
    tuple
        All numbers of its answer in one row, float64 ``(D,)``; its weight; its figures.
    """
    settings = FederationSettings.from_config(context.run_config)
    sent = to_arrays(message.content[ARRAYS])
    reply = call_next(message, context)
    answer = of_kind(reply.content, ArrayRecord)
    flat = flattened({name: to_arrays(record) for name, record in answer.items()}, sent)
    uniform = settings.strategy == "scaffold" and settings.uniform
    weight = 1 if uniform else int(reply.content[METRICS]["num-examples"])
    return flat, weight, reply.content[METRICS]


def refuse_large(row: np.ndarray, bound: float) -> None:
    """Refuse numbers beyond a bound, or not finite, without a word of what they are.

    The text of an error goes to the server, which must not learn a single number.

    Raises
    ------
    PrivacyError
        If there is one.
    """
    if not (np.abs(row) <= bound).all():  # catches NaN
        raise PrivacyError(
            "secure aggregation",
            f"a number of this hospital's is beyond the bound of {bound:g}",
            "Train with smaller steps, or agree on a larger bound",
        )


def flattened(
    answer: Mapping[str, Mapping[str, np.ndarray]], sent: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Return all numbers of an answer in one row: the model's as what they moved by.

    Parameters
    ----------
    answer
        Record's name -> array's name -> values; SCAFFOLD has a second record.
    sent
        The model that came.

    Returns
    -------
    numpy.ndarray
        float64 ``(D,)``, in the order of the message; see :func:`unflattened`.
    """
    model = [answer[ARRAYS][name].astype(np.float64) - value for name, value in sent.items()]
    change = [np.asarray(value, np.float64) for _, value in sorted(answer.get(CHANGE, {}).items())]
    return np.concatenate([part.ravel() for part in (*model, *change)])


def unflattened(
    row: np.ndarray, shapes: Mapping[str, tuple[int, ...]], changes: Mapping[str, tuple[int, ...]]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return such a row as arrays by name: what the model moved by, and control variates' changes.

    Parameters
    ----------
    row
        float64 ``(D,)``.
    shapes, changes
        Of the model's arrays in the order of the message, and of the control variates.
    """
    found, at = ({}, {}), 0
    for into, due in zip(found, (shapes, dict(sorted(changes.items()))), strict=True):
        for name, shape in due.items():
            size = int(np.prod(shape, dtype=np.int64))
            into[name] = row[at : at + size].reshape(shape)
            at += size
    return found
