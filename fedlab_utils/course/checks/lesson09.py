"""Checks of lesson 09: patients by coin, clipping and noise, and delta of one noisy sum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedlab_utils.course.checks import Wrong, describe, judge
from fedlab_utils.course.guard import Answer


def _coins(numbers: np.ndarray) -> Callable[[int], np.ndarray]:
    """A source of numbers that are known beforehand, however many are asked for at a time."""
    given = [0]

    def uniform(count: int) -> np.ndarray:
        first = given[0]
        given[0] += int(count)
        return np.resize(np.roll(numbers, -first), int(count)).copy()

    return uniform


def patient_sample(answer: Answer) -> str:
    """Patients of one to four slices, in no order; some coins above the rate and some below."""
    rng = np.random.default_rng(91)
    for rate, count in ((0.4, 5), (0.15, 9), (1.0, 4)):
        ids = [f"P{n:02d}" for n in rng.permutation(40)[:count]]
        of = [str(p) for p in rng.permutation(np.repeat(ids, rng.integers(1, 5, count)))]
        numbers = rng.permutation((np.arange(len(of)) + 0.5) / len(of))
        ordered = sorted(ids)
        if count == 9:
            rate = float(numbers[count // 2])  # one coin shows just the rate: it is not below
        drawn = dict(zip(ordered, numbers, strict=False))
        due = [n for n, p in enumerate(of) if drawn[p] < rate]
        first = dict.fromkeys(of)
        in_place = dict(zip(first, numbers, strict=False))
        fixed = ordered[: round(rate * count)]
        mistakes = {
            "You toss a coin for each slice. That protects a slice; a patient with many slices is "
            "hardly protected at all": [n for n in range(len(of)) if numbers[n] < rate],
            "Patients get their numbers in the order in which they appear; alphabetical order is "
            "due": [n for n, p in enumerate(of) if in_place[p] < rate],
            "You take a fixed number of patients; the accountant's sums hold for a coin for each, "
            "so that the number varies": [n for n, p in enumerate(of) if p in fixed],
            "The coin is turned: who draws a number *below* the rate takes part": [
                n for n, p in enumerate(of) if drawn[p] > rate
            ],
            "Who draws just the rate is not *below* it, and stays out": [
                n for n, p in enumerate(of) if drawn[p] <= rate
            ],
            "You return patients; the numbers of their slices are due": sorted(
                p for p in ids if drawn[p] < rate
            ),
            "Of each chosen patient one slice is taken; all of them are due": sorted(
                {p: n for n, p in reversed(list(enumerate(of))) if drawn[p] < rate}.values()
            ),
        }
        got = answer(of, rate, _coins(numbers))
        _judge_numbers(got, due, mistakes, f"{len(of)} slices of {count} patients, rate {rate}")
    return "A patient is in or out with everything, and nobody can tell beforehand."


def _judge_numbers(got: object, due: list[int], mistakes: dict[str, list], case: str) -> None:
    try:
        found = [n.item() if hasattr(n, "item") else n for n in got]
    except TypeError:
        raise Wrong(f"Return a list of slice numbers, not {describe(got)}.") from None
    if found == due:
        return
    if sorted(map(str, found)) == sorted(map(str, due)):
        raise Wrong(f"The right slices, in another order: rising order is due (for {case}).")
    for diagnosis, slip in mistakes.items():
        if found == slip:
            raise Wrong(f"{diagnosis} (for {case}).")
    raise Wrong(f"For {case} your function gives {describe(found)}; {describe(due)} is due.")


def private_mean(answer: Answer) -> str:
    """Gradients shorter and longer than the bound, one of length 0, and a step without patients."""
    rng = np.random.default_rng(92)
    for count, size, bound, noise, expected in ((4, 6, 0.5, 1.3, 3.0), (5, 7, 2.0, 0.7, 8.0)):
        gradients = (
            rng.normal(0, 1, (count, size)) * np.array([0.02, *[3.0] * (count - 1)])[:, None]
        )
        gradients[1] = 0.0
        draw = rng.normal(0, 1, size)
        judge(
            answer(gradients, bound, noise, expected, _normal(draw)),
            *_mean_values(gradients, bound, noise, expected, draw),
            case=f"{count} patients, bound {bound}, noise {noise}",
            rtol=1e-4,
            atol=1e-6,
        )
    empty = np.zeros((0, 3))
    got = answer(empty, 0.5, 2.0, 4.0, _normal(np.array([1.0, -1.0, 2.0])))
    judge(
        got,
        np.array([1.0, -1.0, 2.0]) / 4,
        {"A step without patients gives nothing, and that would tell. Noise is due": np.zeros(3)},
        case="a step in which no patient takes part",
        rtol=1e-4,
        atol=1e-6,
    )
    return "No patient moves the sum by more than the bound; the noise is measured by it."


def _normal(draw: np.ndarray) -> Callable[[object], np.ndarray]:
    """A source of noise that is known beforehand, for one gradient."""

    def normal(shape: object) -> np.ndarray:
        if np.prod(shape) != draw.size:
            raise Wrong(
                f"You ask for noise of shape {shape}. It is added once, to the sum: as many "
                f"numbers as one gradient has, {draw.size} here."
            )
        return np.reshape(draw, shape).copy()

    return normal


def _mean_values(
    gradients: np.ndarray, bound: float, noise: float, expected: float, draw: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The right value, and what likely mistakes give."""
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    safe = np.where(lengths > 0, lengths, 1.0)
    clipped = gradients * np.minimum(1.0, bound / safe)
    total, added = clipped.sum(0), noise * bound * draw
    plain = gradients.sum(0)
    of_sum = plain * min(1.0, bound / np.linalg.norm(plain))
    scaled, count = (gradients / safe * bound).sum(0), len(gradients)
    each = np.clip(gradients, -bound, bound).sum(0)
    return (total + added) / expected, {
        "You divide by the number of patients in this step. It is private too; divide by the "
        "expected one": (total + added) / count,
        "The noise is not multiplied by the bound: a larger bound lets patients move more, and "
        "needs more noise": (total + noise * draw) / expected,
        "The noise multiplier is missing": (total + bound * draw) / expected,
        "There is no noise": total / expected,
        "There is no clipping": (plain + added) / expected,
        "You clip the sum. One patient can still turn it wherever he likes; clip each patient's "
        "gradient": (of_sum + added) / expected,
        "You clip each number by itself; the length of the whole gradient is bounded": (
            each + added
        )
        / expected,
        "Short gradients are made longer; clipping only shortens": (scaled + added) / expected,
        "The noise is added to the mean, not to the sum: it is as large as if there were one "
        "patient": total / expected + added,
        "The sum comes back; divide by the expected number of patients": total + added,
    }


def gaussian_delta(answer: Answer) -> str:
    """Noise multipliers and epsilons whose delta lies between nearly 0 and nearly 1."""
    from scipy.stats import norm

    for epsilon, noise in ((0.7, 1.0), (0.2, 3.0), (4.0, 0.5), (0.0, 2.0)):
        high, low = 1 / (2 * noise) - epsilon * noise, -1 / (2 * noise) - epsilon * noise
        first, second = norm.cdf(high), norm.cdf(low)
        judge(
            answer(epsilon, noise),
            first - np.exp(epsilon) * second,
            {
                "The factor `exp(epsilon)` before the second term is missing": first - second,
                "The second term is taken off, not added": first + np.exp(epsilon) * second,
                "The second term is missing": first,
                "The first term's sign is turned: 1 / (2 sigma) less epsilon times sigma": norm.cdf(
                    -high
                )
                - np.exp(epsilon) * second,
                "The factor is `exp(epsilon)`, not epsilon": first - epsilon * second,
            }
            if epsilon
            else {},
            case=f"epsilon {epsilon}, noise multiplier {noise}",
            rtol=1e-4,
            atol=1e-9,
        )
    return "One noisy sum has an epsilon for each delta: a curve, not a number."
