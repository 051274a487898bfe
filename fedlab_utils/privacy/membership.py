"""Was this patient among those who were trained on? What a score tells, and how surely.

A *score* is any number that an attacker thinks larger for members. The plainest is minus the loss:
a network fits the patients it has seen better than others (Yeom et al. 2018, arXiv:1709.01604).
Sharper ones ask how unusual the loss is for this very patient (Carlini et al. 2022, Membership
inference attacks from first principles, arXiv:2112.03570).

Everything counts patients. An attack that is right on average can be harmless, and one that is sure
of a few is not: hence the share of members found while hardly anybody is accused wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.errors import PrivacyError

MANY = 16
"""Shadows without a patient from which its own deviation can be told, to about a fifth."""


@dataclass(frozen=True)
class Found:
    """Members found at a rate of false alarms, with an exact interval.

    Attributes
    ----------
    rate
        Share of the members that are found.
    low, high
        Its 95 % interval (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404), the threshold
        taken as given.
    false_alarms
        Share of the others that are accused at the same threshold; at most what was allowed.
    """

    rate: float
    low: float
    high: float
    false_alarms: float


def roc(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the receiver operating characteristic of a score.

    Parameters
    ----------
    members, others
        Scores ``(M,)`` and ``(N,)``, one per patient; larger means "more likely a member".

    Returns
    -------
    false_alarms, found : numpy.ndarray
        Shares of others and of members whose score is at least a threshold, for thresholds from
        above all scores down; from 0 to 1, ``(T + 1,)``.

    Raises
    ------
    PrivacyError
        If one of both is empty, or a score is NaN.
    """
    members, others = _scores("members", members), _scores("others", others)
    thresholds = np.unique(np.concatenate([members, others]))[::-1]
    found, false_alarms = (
        (len(scores) - np.searchsorted(np.sort(scores), thresholds)) / len(scores)
        for scores in (members, others)
    )
    return np.concatenate([[0.0], false_alarms]), np.concatenate([[0.0], found])


def area(members: np.ndarray, others: np.ndarray) -> float:
    """Return the area under the curve: how often a member scores above another, ties by half."""
    false_alarms, found = roc(members, others)
    return float(np.trapezoid(found, false_alarms))


def advantage(members: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Return the largest lead of the found over the falsely accused: as scored, and turned round.

    The second is that of the score's negative. An attacker may choose the direction, and a claim
    that there is no leak must hold for both. The threshold is the best one for these very patients,
    so that even scores that tell nothing have a lead by chance: with 100 and 1,000 patients about
    0.06.
    """
    false_alarms, found = roc(members, others)
    lead = found - false_alarms
    return float(lead.max()), float(-lead.min())


def found_at(members: np.ndarray, others: np.ndarray, false_alarms: float = 0.01) -> Found:
    """Return how many members are found while at most a share of the others are accused.

    Parameters
    ----------
    members, others
        Scores ``(M,)`` and ``(N,)``.
    false_alarms
        Largest share of others accused.

    Raises
    ------
    PrivacyError
        If there are too few others to know such a share: fewer than ten of them would be accused.
    """
    from scipy.stats import binomtest

    members, others = _scores("members", members), _scores("others", others)
    if false_alarms * len(others) < 10:
        raise PrivacyError(
            "membership",
            f"{len(others)} patients were not trained on, and a share of {false_alarms:g} of them "
            f"is {false_alarms * len(others):.1f}",
            f"Take at least {int(np.ceil(10 / false_alarms))}; phantoms are cheap",
        )
    allowed, found = roc(members, others)
    at = np.searchsorted(allowed, false_alarms, side="right") - 1
    count = round(float(found[at]) * len(members))
    interval = binomtest(count, len(members)).proportion_ci(0.95, "exact")
    return Found(
        count / len(members), float(interval.low), float(interval.high), float(allowed[at])
    )


def likelihood_ratio(loss: np.ndarray, trained: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """Return how much better "trained on" explains each patient's loss than "left out".

    An attacker trains *shadow* networks, each on some of the patients, and looks how each patient's
    loss is distributed with and without the patient among them. Both are taken for normal, on the
    scale of the logarithm of the loss, with one deviation for all patients where shadows are few
    (Carlini et al. 2022, section VI). Where each patient has :data:`MANY` that left it out, that
    deviation is in units of the patient's own over those: patients whose loss wavers from network
    to network waver with and without them.

    Parameters
    ----------
    loss
        Of the network under attack, above 0, ``(P,)``.
    trained, left_out
        Losses of shadow networks that did and did not train on the patient, ``(S, P)``; NaN where
        a shadow tells nothing.

    Returns
    -------
    numpy.ndarray
        Log of the ratio of the densities, ``(P,)``.

    Raises
    ------
    PrivacyError
        If a loss is not above 0, or a patient has fewer than two shadows of either kind.
    """
    loss = np.asarray(loss, float)
    logs = []
    for name, shadows in (("trained", trained), ("left out", left_out)):
        shadows = np.asarray(shadows, float)
        if ((shadows <= 0) | np.isinf(shadows)).any() or not (loss > 0).all():
            raise PrivacyError("membership", "a loss is not a number above 0", "Pass losses")
        counts = (~np.isnan(shadows)).sum(0)
        fewest = min(counts.tolist(), default=0)
        if shadows.shape[1:] != loss.shape or fewest < 2:
            raise PrivacyError(
                "membership",
                f"a patient has {fewest} shadows {name}",
                "Train more shadow networks: at least two with each patient and two without",
            )
        logs.append(np.log(shadows))
    unit = _unit(logs[1])
    trained_on, others = (_log_density(np.log(loss), each, unit) for each in logs)
    return trained_on - others


def _unit(left_out: np.ndarray) -> np.ndarray | float:
    """Return each patient's own deviation over shadows without it; 1 where they are too few."""
    if (~np.isnan(left_out)).sum(0).min() < MANY:
        return 1.0
    return np.nanstd(left_out, axis=0, ddof=1)


def _log_density(log: np.ndarray, shadows: np.ndarray, unit: np.ndarray | float) -> np.ndarray:
    """Return each patient's normal log density, but for terms that cancel in the ratio."""
    centre, counts = np.nanmean(shadows, axis=0), (~np.isnan(shadows)).sum(0)
    spread = np.sqrt(np.nansum(((shadows - centre) / unit) ** 2) / (counts - 1).sum())
    return -0.5 * ((log - centre) / (spread * unit)) ** 2 - np.log(spread)


def _scores(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float).ravel()
    if not len(values) or np.isnan(values).any():
        raise PrivacyError(
            "membership", f"the {name} have no score, or one is NaN", "Pass one per patient"
        )
    return values
