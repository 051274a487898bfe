"""What a server must not believe: answers that are missing, broken, or not what was asked for.

A federation is as robust as its weakest check: one NaN in one hospital's answer would make every
hospital's model NaN. Attacks that pass as honest answers are another matter, and another lesson.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real

from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from fedlab_utils.federated.array_screening import arrays_problem
from fedlab_utils.federated.records import of_kind

MOST_PATIENTS = 10_000
"""No hospital has more patients with a glioma: BraTS 2021, the largest collection, has 2,040."""

MOST_PARTITIONS = 10_000
"""No federation has more hospitals; their numbers count from 0."""

LARGEST = 1e100
"""No figure is further from 0: times patients and summed, it must still be a finite float."""

LARGEST_SCORE = 1e6
"""No score is further from 0: added to the others' by patients, theirs must keep their digits."""

SCORES = ("score", "dice", "tuned-validation")
"""What names of such figures of a judgement hold."""

LONGEST_REASON, LONGEST_NAME, MOST_FIGURES = 200, 100, 200
"""Characters of a reason and of a name, and figures of one answer: all of it is kept for good."""

METRICS = "metrics"
"""Name of an answer's record of figures."""

DUE, WELCOME = frozenset({"num-examples", "loss"}), frozenset({"steps", "samples"})
"""Figures that an answer to a training message must hold, and may hold besides."""

DUE_IN_PRIVATE, WELCOME_IN_PRIVATE = frozenset({"num-examples", "epsilon"}), frozenset({"steps"})
"""The same where hospitals train with differential privacy: a loss would tell of patients."""

NO_PATIENT = "it has no patient to judge the model on"
"""Why a hospital that is honest and well did not judge."""


def in_short(reason: str | None) -> str | None:
    """Return a reason, which may hold a stranger's words, as one line of bounded length."""
    if reason is None:
        return None
    line = "".join(c if c.isprintable() else "?" for c in reason[: LONGEST_REASON + 1])
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."


def name_problem(name: object) -> str | None:
    """Return why a hospital may not be called so, or None."""
    if not isinstance(name, str) or not name.strip():
        return "it did not say what it is called"
    if len(name) > LONGEST_NAME:
        return f"its name has {len(name)} characters, more than {LONGEST_NAME}"
    if not name.isprintable():
        return f"its name holds control characters: {name!r}"
    if re.fullmatch(r"server|node \d+", name.strip().casefold()):
        return f"it is called {name}, which stands for something else in reports"
    return None


def partition_problem(partition: object) -> str | None:
    """Return what is wrong with a hospital's number, or None."""
    if isinstance(partition, bool) or not isinstance(partition, int):
        return f"its number is of type {type(partition).__name__}, and a whole number was due"
    if not 0 <= partition < MOST_PARTITIONS:
        told = partition if abs(partition) < 10**20 else "vast"  # Python may refuse to write it out
        return f"its number is {told}, not from 0 to {MOST_PARTITIONS - 1}"
    return None


def reply_problem(reply: Message | None) -> str | None:
    """Return why there is nothing to look at in a reply, or None."""
    if reply is None:
        return "it did not answer in time"
    if reply.has_error():
        lines = (reply.error.reason or "").strip().splitlines()
        return in_short(f"it failed: {lines[-1] if lines else f'error {reply.error.code}'}")
    return None


def patients_problem(patients: object) -> str | None:
    """Return what is wrong with a number of patients, or None."""
    if isinstance(patients, bool) or not isinstance(patients, Real):
        told = "missing" if patients is None else f"of type {type(patients).__name__}"
        return f"its number of patients is {told}"
    if patients > LARGEST:  # a whole number may be too large to be written as a float
        return f"it says that it has more than {LARGEST:g} patients"
    if not 1 <= patients <= MOST_PATIENTS or patients != int(patients):
        return f"it says that it has {patients:g} patients"
    return None


def train_problem(
    reply: Message | None,
    expected: Mapping[str, ArrayRecord],
    patients: int,
    budget: float = 0.0,
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
    budget
        Epsilon that hospitals train with; 0: without differential privacy.
    """
    return in_short(_train_problem(reply, expected, patients, budget))


def _train_problem(
    reply: Message | None, expected: Mapping[str, ArrayRecord], patients: int, budget: float
) -> str | None:
    if problem := reply_problem(reply) or metrics_problem(reply.content):
        return problem
    metrics = reply.content[METRICS]
    if metrics["num-examples"] != patients:
        return f"it says that it has {metrics['num-examples']:g} patients, and enrolled {patients}"
    due, welcome = (DUE_IN_PRIVATE, WELCOME_IN_PRIVATE) if budget else (DUE, WELCOME)
    if missing := sorted(due - set(metrics)):
        return f"its {missing[0]} is missing"
    if other := sorted(set(metrics) - due - welcome):
        return f"its {other[0]} is not asked for"
    for name, value in metrics.items():
        if isinstance(value, list):
            return f"its {name} is a list, and one number was due"
    if budget and not 0 <= metrics["epsilon"] <= budget:
        return f"it says that it has spent epsilon {metrics['epsilon']:g}, of {budget:g}"
    found = of_kind(reply.content, ArrayRecord)
    if set(found) != set(expected):
        return f"it sent the records {sorted(found)}, and {sorted(expected)} were due"
    for name, record in expected.items():
        if problem := arrays_problem(found[name], record):
            return problem
    return None


def judgement_problem(reply: Message | None, patients: int | None = None) -> str | None:
    """Return why a reply to a message that asks for a judgement must be left out, or None.

    Parameters
    ----------
    reply
        None if there was none in time.
    patients
        How many it judged on before, if it did.
    """
    return in_short(_judgement_problem(reply, patients))


def _judgement_problem(reply: Message | None, patients: int | None) -> str | None:
    if problem := reply_problem(reply):
        return problem
    records = list(of_kind(reply.content, MetricRecord).values())
    if len(records) == 1 and not records[0]:
        return NO_PATIENT
    if problem := metrics_problem(reply.content):
        return problem
    metrics = reply.content[METRICS]
    if patients is not None and metrics["num-examples"] != patients:
        return f"it judged on {metrics['num-examples']:g} patients, and before on {patients:g}"
    for name, value in metrics.items():
        numbers = value if isinstance(value, list) else [value]
        if isinstance(value, list) and name == "score":
            return "its score is a list, and one number was due"
        if any(word in name for word in SCORES) and any(abs(x) > LARGEST_SCORE for x in numbers):
            return f"its {name} is beyond {LARGEST_SCORE:g}"
        if isinstance(value, list) and len(value) != metrics["num-examples"]:
            return f"its {name} holds {len(value)} numbers, and one per patient was due"
    return None


def metrics_problem(content: RecordDict) -> str | None:
    """Return what is wrong with a reply's figures, or None."""
    found = of_kind(content, MetricRecord)
    if len(found) != 1:
        return f"it sent {len(found)} records of figures, and one was due"
    ((record, metrics),) = found.items()
    if record != METRICS:
        return f"it sent its figures as {record}, and {METRICS} was due"
    if len(metrics) > MOST_FIGURES:
        return f"it sent {len(metrics)} figures, more than {MOST_FIGURES}"
    if problem := patients_problem(metrics.get("num-examples")):
        return problem
    for name, value in metrics.items():
        if len(name) > LONGEST_NAME or not name.isprintable():
            return f"the name of a figure is no line of {LONGEST_NAME} characters: {name[:20]!r}"
        for number in value if isinstance(value, list) else [value]:
            if not abs(number) <= LARGEST:  # compares whole numbers of any size; NaN is caught
                beyond = isinstance(number, int) or math.isfinite(number)
                return f"its {name} is {f'beyond {LARGEST:g}' if beyond else 'not finite'}"
    return None
