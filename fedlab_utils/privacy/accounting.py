"""How much privacy a run has spent: epsilon of many noisy steps on patients chosen by coin.

The sums are Opacus'. Two are offered. ``"prv"`` composes the distribution of the privacy loss
numerically (Gopi et al. 2021, arXiv:2106.02848) and is tight; ``"rdp"`` bounds it by Renyi
divergences (Mironov et al. 2019, arXiv:1908.10530), is quicker, and says some tenths more.

What epsilon means: whatever a step's receiver concludes from all steps together, it would have
concluded with a probability within a factor of ``exp(epsilon)``, but for ``delta``, had any one
patient not been there. Adjacent are two hospitals that differ by one patient *added or removed*.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from math import exp, log

import numpy as np

from fedlab_utils.errors import PrivacyError

ACCOUNTANTS = ("prv", "rdp")
PRECISION = 0.002
"""Of the numerical composition, as a part of epsilon."""

ORDERS = (*(1 + x / 4 for x in range(1, 40)), *range(11, 64), 80, 96, 128, 192, 256, 512, 1024)
"""Of the Renyi divergences that are tried; the best one counts."""

Steps = tuple[float, float, int]
"""Noise multiplier, sampling rate, number of steps."""

MOST_STEPS = 1_000_000
LEAST_NOISE, LARGEST_NOISE = 0.2, 1_000.0


def epsilon_of(history: Sequence[Steps], delta: float, accountant: str = "prv") -> float:
    """Return epsilon of all steps together, for one patient added or removed.

    Parameters
    ----------
    history
        Runs of equal steps: noise multiplier (deviation of the noise over the clipping bound),
        probability of a patient to take part, number of steps.
    delta
        Probability with which the bound may fail; well under 1 over the number of patients.
    accountant
        ``"prv"`` or ``"rdp"``.

    Raises
    ------
    PrivacyError
        If a number is out of range or there is no such accountant.
    """
    for noise, rate, steps in history:
        if not (0 < noise <= LARGEST_NOISE and 0 < rate <= 1 and 0 <= steps <= MOST_STEPS):
            raise PrivacyError(
                "accounting",
                f"noise {noise}, rate {rate} and {steps} steps",
                f"Pass noise above 0 up to {LARGEST_NOISE:g}, a rate above 0 up to 1, and "
                f"at most {MOST_STEPS} steps",
            )
    if not 0 < delta < 1:
        raise PrivacyError("delta", f"it is {delta}", "Pass a number between 0 and 1, such as 1e-5")
    if accountant not in ACCOUNTANTS:
        known = " or ".join(ACCOUNTANTS)
        raise PrivacyError("accountant", f"it is {accountant!r}", f"Take {known}")
    runs = sorted(counted(history).items())
    taken = tuple((float(n), float(r), int(s)) for (n, r), s in runs if s)
    return _epsilon(taken, float(delta), accountant) if taken else 0.0


def counted(history: Sequence[Steps]) -> Counter[tuple[float, float]]:
    """Return the number of steps by noise multiplier and sampling rate, whatever their order."""
    found: Counter[tuple[float, float]] = Counter()
    for noise, rate, steps in history:
        found[noise, rate] += steps
    return found


@lru_cache(maxsize=4096)
def _epsilon(history: tuple[Steps, ...], delta: float, accountant: str) -> float:
    from opacus.accountants import PRVAccountant, RDPAccountant

    rough, tight = RDPAccountant(), PRVAccountant()
    rough.history, tight.history = list(history), list(history)
    # At rate 1 Opacus divides by zero on the way, and it suggests more orders than help.
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Optimal order is the")
        bound = float(rough.get_epsilon(delta, alphas=list(ORDERS)))
        if accountant == "rdp":
            return bound
        # An error given as a number, as Opacus has it, is coarse for small epsilons.
        error = min(max(PRECISION * bound, 1e-5), 0.1)
        return min(bound, float(tight.get_epsilon(delta, eps_error=error)))


def steps_within(
    budget: float,
    delta: float,
    noise: float,
    rate: float,
    history: Sequence[Steps] = (),
    accountant: str = "prv",
) -> int:
    """Return how many more such steps a budget allows, after those already taken.

    Parameters
    ----------
    budget
        Epsilon that must not be exceeded.
    delta, noise, rate, accountant
        See :func:`epsilon_of`.
    history
        Steps taken.
    """

    def fits(steps: int, by: str) -> bool:
        return epsilon_of([*history, (noise, rate, steps)], delta, by) <= budget

    low = _most(partial(fits, by="rdp"), 0)  # quick, and never more than the tight count
    return low if accountant == "rdp" else _most(partial(fits, by=accountant), low)


def _most(fits: Callable[[int], bool], low: int) -> int:
    """Return the largest number that fits, from one that does on."""
    stride = 1
    while low + stride <= MOST_STEPS and fits(low + stride):
        low, stride = low + stride, 2 * stride
    high = min(low + stride, MOST_STEPS + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def noise_for(
    budget: float, delta: float, rate: float, steps: int, accountant: str = "prv"
) -> float:
    """Return the least noise multiplier, within 0.1 %, with which the steps fit into a budget.

    No less than 0.2: below that epsilon runs into hundreds, and protects nobody.

    Raises
    ------
    PrivacyError
        If not even the largest noise is enough, or a number is out of range.
    """
    if not budget > 0:
        raise PrivacyError("budget", f"epsilon is {budget}", "Pass a number above 0")

    def over(logarithm: float, by: str) -> float:
        return log(epsilon_of([(exp(logarithm), rate, steps)], delta, by) / budget)

    high = LEAST_NOISE
    while over(log(high), "rdp") > 0:
        high *= 2
        if high > LARGEST_NOISE:
            raise PrivacyError(
                "budget",
                f"epsilon {budget:g} for {steps} steps at rate {rate:g} needs more noise than "
                f"{LARGEST_NOISE:g} times the bound",
                "Allow a larger epsilon, or take fewer steps",
            )
    noise = _root(partial(over, by="rdp"), high / 2, high)
    if accountant == "prv":
        noise = _root(partial(over, by="prv"), noise / 2, noise)
    return max(noise, LEAST_NOISE)


def _root(over: Callable[[float], float], low: float, high: float) -> float:
    """Return the noise, within 0.1 % above, from which on a falling function is below 0."""
    from scipy.optimize import brentq

    low, high = log(low), log(high)
    if over(low) <= 0:
        return exp(low)
    found = brentq(over, low, high, xtol=2.5e-4)
    while over(found) > 0:
        found += 2.5e-4
    return exp(found)
