"""A claim of privacy, put to the test: how large epsilon must be at least, by what was guessed.

An auditor plants *canaries*, patients made up to stick out, tosses a coin for each whether it is
trained on, and guesses the coins from what training gives away. Under differential privacy nobody
can guess much better than by tossing coins, so that good guesses prove epsilon large. One training
with many canaries is enough (Steinke, Nasr and Jagielski 2023, Privacy auditing with one (1)
training run, arXiv:2305.08846). A low bound proves nothing: a better attack may exist.
"""

from __future__ import annotations

from math import exp

import numpy as np

from fedlab_utils.errors import PrivacyError

LARGEST = 50.0
"""No epsilon above is told apart."""


def p_value(canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """Return how likely so many right guesses are, at most, if a mechanism keeps its promise.

    Theorem 5.2 of the paper: but for ``delta``, right guesses are no more than heads of coins that
    fall so with probability ``exp(epsilon) / (1 + exp(epsilon))``.

    Parameters
    ----------
    canaries
        That a coin was tossed for.
    guesses
        Canaries that the auditor made a guess of; the others were passed over.
    correct
        Of the guesses.
    epsilon, delta
        The promise, for one canary added or removed.

    Raises
    ------
    PrivacyError
        If the counts do not fit each other.
    """
    from scipy.stats import binom

    if not 0 <= correct <= guesses <= canaries:
        raise PrivacyError(
            "audit",
            f"{correct} of {guesses} guesses are right, of {canaries} canaries",
            "Pass counts, each no larger than the next",
        )
    head = 1 / (1 + exp(-epsilon))
    at_least = float(binom.sf(correct - 1, guesses, head))
    just_below = np.cumsum(binom.pmf(np.arange(correct - 1, -1, -1), guesses, head))
    density = (just_below / np.arange(1, correct + 1)).max(initial=0.0)
    return min(1.0, at_least + 2 * canaries * delta * float(density))


def least_epsilon(
    canaries: int, guesses: int, correct: int, delta: float, confidence: float = 0.95
) -> float:
    """Return the least epsilon that the guesses leave possible.

    A mechanism that is ``(epsilon, delta)``-private gets a bound above its epsilon in no more than
    ``1 - confidence`` of all audits.

    Parameters
    ----------
    canaries, guesses, correct, delta
        See :func:`p_value`.
    confidence
        Of the bound.
    """
    allowed, low, high = 1 - confidence, 0.0, LARGEST
    if p_value(canaries, guesses, correct, low, delta) >= allowed:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        if p_value(canaries, guesses, correct, middle, delta) < allowed:
            low = middle
        else:
            high = middle
    return low


def guess_extremes(scores: np.ndarray, guesses: int) -> np.ndarray:
    """Return guesses of the canaries whose scores lie outermost, and pass the others over.

    Parameters
    ----------
    scores
        ``(M,)``, larger where the canary was more likely trained on.
    guesses
        How many to make, half for each side; fixed before the scores are seen.

    Returns
    -------
    numpy.ndarray
        int ``(M,)``: 1 trained on, -1 left out, 0 passed over.
    """
    scores = np.asarray(scores, float)
    if not 0 <= guesses <= len(scores) or guesses % 2:
        raise PrivacyError(
            "audit",
            f"{guesses} guesses of {len(scores)} canaries",
            "Make an even number, no more than there are canaries",
        )
    order, half = np.argsort(scores, kind="stable"), guesses // 2
    found = np.zeros(len(scores), int)
    found[order[len(scores) - half :]], found[order[:half]] = 1, -1
    return found
