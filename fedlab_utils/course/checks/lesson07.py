"""Checks of lesson 07: minutes from bytes, top-k with a memory, and rounding that is fair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, as_number, describe, judge
from fedlab_utils.course.guard import Answer

_SIGMAS = 5.5  # how far chance may lead, in standard deviations
_REPEATS = 800  # of each value that is rounded


def minutes_per_round(answer: Answer) -> str:
    """Three hospitals, of which another one is slowest in each case, for another reason."""
    cases = {
        "a hospital with a thin line up": ([2, 3, 4], [5, 6, 7], [50, 40, 90], [2, 30, 20]),
        "a hospital with a thin line down": ([30, 20, 9], [1, 3, 2], [80, 1, 60], [9, 10, 11]),
        "lines that hardly matter": ([1, 3, 2], [2, 1, 4], [900, 800, 700], [500, 600, 950]),
    }
    for number, (case, (sent, received, down, up)) in enumerate(cases.items()):
        training = np.roll([11.0, 17.0, 240.0], -number - 1)
        there, back = 8 * np.array(sent) / down, 8 * np.array(received) / up
        each, turned = there + training + back, 8 * np.array(sent) / up + training
        turned = turned + 8 * np.array(received) / down
        judge(
            answer(sent, received, down, up, training.tolist()),
            each.max() / 60,
            {
                "A byte has 8 bits: megabytes become megabits first": (
                    (there + back) / 8 + training
                ).max()
                / 60,
                "The hospitals' times are added up; they work at the same time": each.sum() / 60,
                "You take the mean over hospitals; the server waits for the slowest": each.mean()
                / 60,
                "You take the fastest hospital; the server waits for the slowest": each.min() / 60,
                "Up and down are exchanged: what is sent to a hospital comes over its line down": (
                    turned.max() / 60
                ),
                "The training is missing": (there + back).max() / 60,
                "The way down is missing": (training + back).max() / 60,
                "The way up is missing": (there + training).max() / 60,
                "You add the slowest of each part; the three may be different hospitals": (
                    there.max() + training.max() + back.max()
                )
                / 60,
                "These are seconds; minutes are due": each.max(),
            },
            case=case,
        )
    return "One thin line sets the pace of all."


def top_k(answer: Answer) -> str:
    """Changes and memories of about one size; once everything is sent, once a single number."""
    rng = np.random.default_rng(71)
    for count, keep in ((9, 3), (14, 5), (8, 1), (6, 6)):
        change, memory = rng.normal(0, 1, count), rng.normal(0, 0.8, count)
        change[1], memory[1] = -3.0, 0.4
        sent, left = _unpacked(answer(change, memory, keep), count, keep)
        wanted, case = change + memory, f"{keep} of {count} numbers"
        due = _largest(wanted, np.abs(wanted), keep)
        judge(
            sent,
            due,
            {
                "The memory does not take part: without this *error feedback* a small change that "
                "comes again and again is never sent": _largest(change, np.abs(change), keep),
                "You choose by the change alone; what waits in the memory must be able to come "
                "up": _largest(wanted, np.abs(change), keep),
                "You choose by change and memory together, and send the change alone": _largest(
                    change, np.abs(wanted), keep
                ),
                "Large negative numbers count as well: choose by absolute value": _largest(
                    wanted, wanted, keep
                ),
                "These are the smallest": _largest(wanted, -np.abs(wanted), keep),
                "The memory is taken off; what did not travel is still owed": _largest(
                    change - memory, np.abs(change - memory), keep
                ),
            },
            case=f"what is sent, {case}",
        )
        judge(
            left,
            wanted - due,
            {
                "The memory forgets what was not sent: all of it is lost": np.zeros(count),
                "The old memory comes back; of the new changes nothing is kept": memory,
                "What was sent stays in the memory, and would be sent twice": wanted,
                "The memory keeps what was not sent of this change, and forgets what waited "
                "before": np.where(due == 0, change, 0),
                "The memory keeps what *was* sent; what was not is due": due,
                "The memory has the wrong sign: it is what is still owed": due - wanted,
            },
            case=f"the memory, {case}",
        )
    return "Sent and memory add up to change and old memory: nothing is lost, some of it is late."


def _unpacked(got: object, count: int, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what was sent as a row with zeros between, and the memory."""
    if not (isinstance(got, tuple | list) and len(got) == 3):
        raise Wrong(f"Return three things: places, values and memory; not {describe(got)}.")
    places, values, memory = as_array(got[0]), as_array(got[1]), as_array(got[2], (count,))
    if places.dtype.kind not in "iu":
        raise Wrong(
            f"The places are whole numbers, such as `[0, 4]`; yours are {describe(got[0])}."
        )
    if len(places.ravel()) != keep or len(set(places.ravel().tolist())) != keep:
        raise Wrong(f"{keep} different places are due; yours are {describe(places.tolist())}.")
    if places.min() < 0 or places.max() >= count:
        raise Wrong(f"Places go from 0 to {count - 1}; yours are {describe(places.tolist())}.")
    row = np.zeros(count)
    row[places.ravel()] = as_array(values, places.shape).ravel()
    return row, memory


def _largest(of: np.ndarray, by: np.ndarray, keep: int) -> np.ndarray:
    row, chosen = np.zeros(len(of)), np.argsort(-by)[:keep]
    row[chosen] = of[chosen]
    return row


def random_rounding(answer: Answer) -> str:
    """Values between two levels, many times each; values on a level; nothing but zeros."""
    for levels, unit in ((7, 0.5), (127, 0.25)):
        steps = np.array([-levels, -5.6, -1.85, 0.4, 2.62, 4.9, 3.0])
        of = np.random.default_rng(levels).permutation(np.repeat(np.arange(7), _REPEATS))
        case = f"levels from -{levels} to {levels}"
        found = []
        for seed in range(3):
            got = answer(steps[of] * unit, levels, np.random.default_rng(seed))
            whole, scale = _rounded(got, len(of))
            judge(
                scale,
                levels * unit,
                {
                    "The largest value is the scale only if you forget the sign: take the largest "
                    "*absolute* value": 4.9 * unit,
                    "The scale is the largest absolute value, not the width of a step": unit,
                    "The scale is the largest absolute value, not 1": 1.0,
                },
                case=f"the scale, {case}",
            )
            found.append(np.array([whole[of == n] for n in range(7)]))
        _judge_rounded(np.concatenate(found, axis=1), steps, levels, case)
    whole, scale = _rounded(answer(np.zeros(5), 7, np.random.default_rng(0)), 5)
    if whole.any() or scale != 0:
        raise Wrong(
            "Where all numbers are 0, so is the scale, and you divide by it: return zeros and 0."
        )
    return "Rounded coarsely, and right on average: errors of many hospitals and rounds cancel."


def _rounded(got: object, count: int) -> tuple[np.ndarray, float]:
    if not (isinstance(got, tuple | list) and len(got) == 2):
        raise Wrong(f"Return two things: the whole numbers and the scale; not {describe(got)}.")
    whole, scale = as_array(got[0], (count,)), as_number(got[1], "As scale your function")
    if not np.isfinite(whole).all():
        raise Wrong("Some numbers are not finite: you divide by a scale of 0.")
    if not np.array_equal(whole, np.round(whole)):
        raise Wrong("Your numbers are not whole: send levels, which fit in a few bits.")
    return whole.astype(float), scale


def _judge_rounded(found: np.ndarray, steps: np.ndarray, levels: int, case: str) -> None:
    """Compare whole numbers ``(value, draw)`` with the steps that they stand for."""
    if np.abs(found).max() > levels:
        raise Wrong(
            f"For {case} you return {found.flat[np.abs(found).argmax()]:g}: the largest value is "
            f"{levels} steps of scale / {levels} from 0."
        )
    low, part = np.floor(steps), steps - np.floor(steps)
    ways: Mapping[str, np.ndarray] = {
        "You round to the nearest. That is biased: a change of 0.4 steps, come a hundred times, is "
        "never seen": np.rint(steps),
        "You always round down, so that the model drifts to lower numbers": low,
        "You always round up, so that the model drifts to higher numbers": np.ceil(steps),
        "You cut off what comes after the point, so that everything shrinks towards 0": np.trunc(
            steps
        ),
    }
    for diagnosis, way in ways.items():
        if (found == way[:, None]).all():
            raise Wrong(f"{diagnosis} (for {case}).")
    apart = ((found < low[:, None]) | (found > np.ceil(steps)[:, None])).any(axis=1)
    if apart.any():
        n = int(apart.argmax())
        raise Wrong(
            f"For {case} a value of {steps[n]:g} steps becomes {found[n].min():g} to "
            f"{found[n].max():g}; it goes to one of its two neighbours, and stays if it is whole."
        )
    one_draw = found.reshape(len(steps), 3, _REPEATS)
    if (one_draw == one_draw[:, :, :1]).all():
        raise Wrong("One random number decides for all values of a call: draw one for each.")
    up, sigma = (found - low[:, None]).mean(axis=1), np.sqrt(part * (1 - part) / found.shape[1])
    if (np.abs(up - part) <= _SIGMAS * sigma + 1e-12).all():
        return
    between, room = part > 0, _SIGMAS * 0.5 / np.sqrt(found.shape[1])
    for diagnosis, share in {
        "Up or down by a fair coin, however near the level is. That is biased: the nearer level "
        "must be the likelier one": 0.5,
        "The chances are turned: a value just below a level should mostly go up to it": 1 - part,
    }.items():
        if (np.abs(up - share)[between] < room).all():
            raise Wrong(f"{diagnosis} (for {case}).")
    n = int(np.abs(up - part).argmax())
    raise Wrong(
        f"Your rounding is biased: for {case} a value of {steps[n]:g} steps becomes "
        f"{found[n].mean():.3f} on average."
    )
