"""What a server must not believe: answers that are missing, broken, or not what was asked for.

A federation is as robust as its weakest check: one NaN in one hospital's answer would make every
hospital's model NaN. Attacks that pass as honest answers are another matter, and another lesson.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real

import numpy as np
from flwr.app import ArrayRecord, Message, RecordDict

MOST_PATIENTS = 10_000
"""No hospital has more patients with a glioma: BraTS 2021, the largest collection, has 2,040."""


def reply_problem(reply: Message | None) -> str | None:
    """Return why there is nothing to look at in a reply, or None."""
    if reply is None:
        return "it did not answer in time"
    if reply.has_error():
        lines = (reply.error.reason or "").strip().splitlines()
        return f"it failed: {lines[-1][:200] if lines else f'error {reply.error.code}'}"
    return None


def patients_problem(patients: object) -> str | None:
    """Return what is wrong with a number of patients, or None."""
    if isinstance(patients, bool) or not isinstance(patients, Real):
        return f"its number of patients is {patients!r}"
    if not 1 <= patients <= MOST_PATIENTS or patients != int(patients):
        return f"it says that it has {patients:g} patients"
    return None


def train_problem(
    reply: Message | None, expected: Mapping[str, ArrayRecord], patients: int
) -> str | None:
    """Return why a reply to a training message must be left out, or None.

    Parameters
    ----------
    reply
        None if there was none in time.
    expected
        Records of arrays that belong into it, with names, shapes and types as they should be.
    patients
        How many the hospital had when it enrolled; it may not say otherwise now.
    """
    if problem := reply_problem(reply) or metrics_problem(reply.content, patients):
        return problem
    found = reply.content.array_records
    if set(found) != set(expected):
        return f"it sent the records {sorted(found)}, and {sorted(expected)} were due"
    for name, record in expected.items():
        if problem := arrays_problem(found[name], record):
            return problem
    return None


def metrics_problem(content: RecordDict, patients: int | None = None) -> str | None:
    """Return what is wrong with a reply's figures, or None."""
    if len(content.metric_records) != 1:
        return f"it sent {len(content.metric_records)} records of figures, and one was due"
    metrics = next(iter(content.metric_records.values()))
    if problem := patients_problem(metrics.get("num-examples")):
        return problem
    if patients is not None and metrics["num-examples"] != patients:
        return f"it says that it has {metrics['num-examples']:g} patients, and enrolled {patients}"
    for name, value in metrics.items():
        if not all(math.isfinite(v) for v in (value if isinstance(value, list) else [value])):
            return f"its {name} is not finite"
    return None


def arrays_problem(found: ArrayRecord, expected: ArrayRecord) -> str | None:
    """Return in what arrays differ from what they should be like, or None."""
    if other := sorted(set(found) ^ set(expected)):
        return f"{other[0]} is {'missing' if other[0] in expected else 'not asked for'}"
    for name, due in expected.items():
        array = found[name]
        if tuple(array.shape) != tuple(due.shape) or array.dtype != due.dtype:
            told = f"{array.dtype} {tuple(array.shape)}"
            return f"{name} is {told}, and {due.dtype} {tuple(due.shape)} was due"
        try:
            values = array.numpy()
        except (ValueError, TypeError, EOFError, OSError) as error:
            return f"{name} cannot be read ({str(error)[:80]})"
        if values.shape != tuple(due.shape) or str(values.dtype) != due.dtype:
            return f"{name} holds {values.dtype} {values.shape}, not what its label says"
        if not np.isfinite(values).all():
            return f"{name} is not finite"
    return None
