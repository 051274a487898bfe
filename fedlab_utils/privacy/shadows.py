"""Recorded attacks on membership: networks under attack, and shadows that know each patient alike.

A *row* is one network: ``settings`` with its ``kind`` and its ``role`` (``"shadow"``,
``"target"``, or ``"control"``, which was trained on nobody of the pool), ``result`` with
``members`` (numbers of the patients it knows) and ``log_loss`` (packed, of all patients).

Two attacks, both with one score for members and others alike: minus the logarithm of the loss, and
the likelihood ratio of :func:`fedlab_utils.privacy.membership.likelihood_ratio` from all shadows of
the target's kind. The study ``membership`` says what makes the comparison fair.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.membership import Found, advantage, found_at, likelihood_ratio
from fedlab_utils.segmentation.statistics import Estimate

ATTACKS = ("loss threshold", "shadow models")

FEWEST = 2
"""Shadows that must know a patient, and that must not, before targets of a kind are attacked."""

_STEP = 1e-3


def pack(values: np.ndarray) -> str:
    """Return numbers between -32 and 32, rounded to thousandths, as base64 of 16-bit integers.

    A study has hundreds of thousands of them; as text they would not fit its record.
    """
    whole = np.round(np.asarray(values, float) / _STEP)
    if not (np.abs(whole) < 2**15).all():
        raise PrivacyError(
            "membership", "a log loss is not between -32 and 32", "Look for a loss of 0, or NaN"
        )
    return base64.b64encode(whole.astype("<i2").tobytes()).decode("ascii")


def unpack(text: str) -> np.ndarray:
    """Return what :func:`pack` took, float64, rounded to thousandths."""
    return np.frombuffer(base64.b64decode(text), "<i2") * _STEP


@dataclass(frozen=True, eq=False)
class Attacked:
    """A network, and what attacks on it say of each patient.

    Attributes
    ----------
    kind
        How it was trained: ``"healthy"``, ``"overfitted"``; ``"control"`` if on others.
    members
        Bool ``(P,)``: those that it is said to know.
    scores
        Attack -> ``(P,)``, larger for "member"; see :data:`ATTACKS`.
    """

    kind: str
    members: np.ndarray
    scores: Mapping[str, np.ndarray]


def attack_recorded(rows: Sequence[Mapping]) -> dict[str, list[Attacked]]:
    """Attack every recorded network that is meant to be.

    Parameters
    ----------
    rows
        From :func:`fedlab_utils.studies.runner.read_rows`, some or all of the study.

    Returns
    -------
    dict
        Kind -> networks under attack; kinds that lack shadows or targets are left out.
    """
    found: dict[str, list[Attacked]] = {}
    for kind in dict.fromkeys(row["settings"]["kind"] for row in rows):
        mine = [row for row in rows if row["settings"]["kind"] == kind]
        shadows = [row for row in mine if row["settings"]["role"] == "shadow"]
        if not shadows:
            continue
        logs, known = (np.stack(p) for p in zip(*map(_network, shadows), strict=True))
        if min(known.sum(0).min(), (~known).sum(0).min()) < FEWEST:
            continue
        for row in mine:
            role = row["settings"]["role"]
            if role != "shadow":
                target = _attack({"target": kind}.get(role, role), *_network(row), logs, known)
                found.setdefault(target.kind, []).append(target)
    return found


def _network(row: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Return the log loss of all patients, and whether the network knows them."""
    logs = unpack(row["result"]["log_loss"])
    return logs, np.isin(np.arange(len(logs)), row["result"]["members"])


def _attack(
    kind: str, log: np.ndarray, members: np.ndarray, shadows: np.ndarray, known: np.ndarray
) -> Attacked:
    losses = np.exp(shadows)
    trained, left_out = (np.where(which, losses, np.nan) for which in (known, ~known))
    ratio = likelihood_ratio(np.exp(log), trained, left_out)
    return Attacked(kind, members, dict(zip(ATTACKS, (-log, ratio), strict=True)))


def standings(targets: Sequence[Attacked], attack: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all targets' scores on one scale: the share of its target's others that score lower.

    A threshold of that scale accuses the same share of each target's others, so that a curve over
    all targets is the mean of theirs. Where each patient is a member of one target at most, no
    member counts twice, and an exact interval over members holds for these networks.

    Parameters
    ----------
    targets
        Of one kind.
    attack
        See :data:`ATTACKS`.

    Returns
    -------
    members, others : numpy.ndarray
        From 0 to 1, all targets one after the other.
    """
    members, others = [], []
    for target in targets:
        score = target.scores[attack]
        ladder = np.sort(score[~target.members])
        place = np.searchsorted(ladder, score, side="left") / len(ladder)
        members.append(place[target.members])
        others.append(place[~target.members])
    return np.concatenate(members), np.concatenate(others)


def area_over(
    targets: Sequence[Attacked], attack: str, seed: int = 0, resamples: int = 1000
) -> Estimate:
    """Return the mean area under the targets' curves, with its 95 % bootstrap interval.

    Targets and patients are both drawn again. A patient who is among the others of several targets
    is the same in all of them.

    Parameters
    ----------
    targets, attack
        As for :func:`standings`.
    seed, resamples
        Of the draw.

    Returns
    -------
    Estimate
        ``patients`` counts the members.
    """
    rng, count = np.random.default_rng(seed), len(targets[0].members)
    patients = rng.multinomial(count, np.full(count, 1 / count), resamples).astype(float)
    drawn = rng.multinomial(len(targets), np.full(len(targets), 1 / len(targets)), resamples)
    weights = np.concatenate([np.ones((1, count)), patients])  # the first draw is all, once
    times = np.concatenate([np.ones((1, len(targets))), drawn])
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for target, often in zip(targets, times.T, strict=True):
        score, known = target.scores[attack], target.members
        lead = score[known][:, None] - score[~known]
        wins = (np.sign(lead) + 1) / 2
        of, against = weights[:, known], weights[:, ~known]
        won += often * ((of @ wins) * against).sum(1)
        pairs += often * of.sum(1) * against.sum(1)
    areas = won / pairs
    low, high = np.percentile(areas[1:], (2.5, 97.5))
    members = sum(int(target.members.sum()) for target in targets)
    return Estimate(float(areas[0]), float(low), float(high), members)


@dataclass(frozen=True)
class Leak:
    """How much an attack finds, over all targets of a kind.

    Attributes
    ----------
    area
        Under the curve, see :func:`area_over`.
    lead, lead_turned
        Largest lead of members found over others accused, and that of the score's negative.
    found
        Members found at one false alarm in a hundred.
    others
        Patients that the targets do not know, the fewest of any target.
    """

    area: Estimate
    lead: float
    lead_turned: float
    found: Found
    others: int


def leak_of(targets: Sequence[Attacked], attack: str) -> Leak:
    """Measure what an attack finds; parameters as for :func:`standings`.

    Raises
    ------
    PrivacyError
        If there are too few others to know one in a hundred of them.
    """
    members, others = standings(targets, attack)
    fewest = min(int((~target.members).sum()) for target in targets)
    found = found_at(members, others)
    return Leak(area_over(targets, attack), *advantage(members, others), found, fewest)
