"""Checks of lesson 04: patients dealt without a leak, an order with a skew, a distance."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, as_number, describe, judge
from fedlab_utils.course.checks.smoothing import told_of_smoothing
from fedlab_utils.course.guard import Answer

_SEEDS = 160
_SIGMAS = 5.5  # how far chance may lead, in standard deviations


def deal(answer: Answer) -> str:
    """Patients with one to three visits, dealt to two, three and five hospitals."""
    for patients, count in ((7, 2), (11, 3), (13, 5)):
        patient_of = _visits(patients)
        _refuse_lost(_dealt(answer, patient_of, count, 0), patient_of, count)
        homes = []
        for seed in range(_SEEDS // count):
            groups = _dealt(answer, patient_of, count, seed)
            _refuse_lost(groups, patient_of, count)
            homes.append(_homes(groups, patient_of))
        _refuse_sizes(homes, count)
        _refuse_order(homes, count)
    visits = _visits(9)
    first, again = (_dealt(answer, visits, 3, 5) for _ in "ab")
    named_anew = [_dealt(answer, _renamed(visits, ending), 3, 5) for ending in "abcd"]
    if first != again or any(_unordered(groups) != _unordered(first) for groups in named_anew):
        raise Wrong(
            "The same generator gives other hospitals the second time, or when all is as it was "
            "and each patient's name is one letter longer. Take all chance from `rng`, and sort "
            "the patients first: the order of a `set` changes from run to run."
        )
    return "Nobody at two places: a score at one hospital is not won by knowing its patients."


def _visits(patients: int) -> dict[str, str]:
    """Case -> patient; visits of a patient do not stand together, as in a folder by date."""
    cases = [(p, v) for p in range(patients) for v in range(1 + p % 3)]
    order = np.random.default_rng(patients).permutation(len(cases))
    return {
        f"{'KQXB'[p % 4]}{p:02}-{v}": f"{'KQXB'[p % 4]}{p:02}"
        for p, v in map(cases.__getitem__, order)
    }


def _renamed(patient_of: dict[str, str], ending: str) -> dict[str, str]:
    """The same dict with longer names of patients, which sort as they did."""
    return {case: patient + ending for case, patient in patient_of.items()}


def _unordered(groups: list[list[str]]) -> list[set[str]]:
    return [set(group) for group in groups]


def _dealt(answer: Answer, patient_of: dict[str, str], count: int, seed: int) -> list[list[str]]:
    given = answer(patient_of, count, np.random.default_rng((41, seed)))
    try:
        groups = [[str(case) for case in group] for group in given]
    except TypeError:
        raise Wrong(f"Return a list of lists of case ids, not {describe(given)}.") from None
    if len(groups) != count:
        raise Wrong(f"{count} lists are due, one per hospital; you return {len(groups)}.")
    return groups


def _refuse_lost(groups: list[list[str]], patient_of: dict[str, str], count: int) -> None:
    cases = [case for group in groups for case in group]
    if set(cases) <= set(patient_of.values()) and not set(cases) & set(patient_of):
        raise Wrong(
            "You return patients. The hospitals' cases are due: all visits of each patient."
        )
    if strange := sorted(set(cases) - set(patient_of)):
        raise Wrong(f"{describe(strange[0])} is no case that was given.")
    if lost := sorted(set(patient_of) - set(cases)):
        patients = len(set(patient_of.values()))
        if {patient_of[case] for case in cases} == set(patient_of.values()):
            raise Wrong(
                "All patients are dealt, but not all their visits: "
                f"{len(lost)} of {len(patient_of)} cases are at no hospital, {lost[0]} for one."
            )
        raise Wrong(
            f"{len(lost)} of {len(patient_of)} cases are at no hospital, {lost[0]} for one. With "
            f"{patients} patients and {count} hospitals something is left over: deal it too."
        )
    if len(cases) > len(set(cases)):
        twice = next(case for case in cases if cases.count(case) > 1)
        raise Wrong(f"The case {twice} is dealt {cases.count(twice)} times: once is due.")
    for patient in sorted(set(patient_of.values())):
        there = sum(any(patient_of[case] == patient for case in group) for group in groups)
        if there > 1:
            raise Wrong(
                f"Visits of one patient, {patient}, are at {there} hospitals. That is a leak: a "
                "network would be judged on a patient whom it has learnt from. Deal patients, not "
                "cases."
            )


def _homes(groups: list[list[str]], patient_of: dict[str, str]) -> dict[str, int]:
    return {patient_of[case]: number for number, group in enumerate(groups) for case in group}


def _refuse_sizes(homes: list[dict[str, int]], count: int) -> None:
    for home in homes:
        sizes = np.bincount(list(home.values()), minlength=count)
        if np.ptp(sizes) > 1:
            raise Wrong(
                f"{len(home)} patients come to hospitals of {', '.join(map(str, sizes))} patients. "
                "Their numbers should differ by one at most: do not draw a hospital for each "
                "patient, nor balance cases; shuffle the patients and deal them in turn."
            )


def _refuse_order(homes: list[dict[str, int]], count: int) -> None:
    """Each patient should be at each hospital equally often, and each pair as often as chance."""
    if all(home == homes[0] for home in homes):
        raise Wrong(
            "Every generator gives the same hospitals. Shuffle with `rng`: in the order of their "
            "names patients may be sorted by date, scanner or hospital."
        )
    names = sorted(homes[0])
    table = np.array([[home[name] for name in names] for home in homes])
    share = np.array([(table == number).mean(0) for number in range(count)])
    sizes = len(names) // count + np.arange(2) * (len(names) % count > 0)
    low, high = sizes / len(names)
    room = _SIGMAS * np.sqrt(high * (1 - low) / len(homes))
    if (share > high + room).any() or (share < low - room).any():
        raise Wrong(
            "Some patients come to some hospitals far more often than others. Each should be "
            "anywhere with the same chance: shuffle all patients with `rng.permutation`."
        )
    pairs = [(table[:, i] == table[:, j]).mean() for i in range(len(names)) for j in range(i)]
    several = len(names) // count + (np.arange(count) < len(names) % count)
    due = (several * (several - 1)).sum() / (len(names) * (len(names) - 1))
    if np.max(pairs) > due + _SIGMAS * np.sqrt(due * (1 - due) / len(homes)):
        raise Wrong(
            "Some patients go together far more often than chance has it. Shuffle patients, "
            "not blocks of them."
        )


def skewed_order(answer: Answer) -> str:
    """Volumes of two sizes of cohort at five skews."""
    rng = np.random.default_rng(166)
    for patients in (9, 12):
        values = rng.lognormal(4, 0.8, patients).round(2)
        place = rng.random(patients)
        for skew in (0.2, 0.5, 0.8, 1.0, 0.0):
            _one_order(answer, values, place, skew)
    return "`make_hospitals` does the same, and leaves those whose value is unknown at random."


def _one_order(answer: Answer, values: np.ndarray, place: np.ndarray, skew: float) -> None:
    number = len(values)
    order = values.argsort()
    rank = order.argsort()

    def mixed(sorted_place: np.ndarray, weight: float = skew) -> np.ndarray:
        return np.argsort((1 - weight) * place + weight * sorted_place)

    want = mixed(rank / number)
    if skew == 0:
        want_case = "skew 0, where the random places decide"
    elif skew == 1:
        want_case = "skew 1, where the values decide"
    else:
        want_case = f"skew {skew}"
    mistakes = {
        "The weights are the other way round: `skew` belongs to the sorted place": mixed(
            rank / number, 1 - skew
        ),
        "The largest value comes first; the smallest is due": mixed((number - 1 - rank) / number),
        "You mix the value itself, in ml, with a place from 0 to 1: the volumes swamp it. Take the "
        "patient's place in the sorted order": mixed(values),
        "The value divided by the largest is not the place in the order: one huge tumour would "
        "push all others together": mixed(values / values.max()),
        "The value scaled from 0 to 1 is not the place in the order: one huge tumour would push "
        "all others together": mixed((values - values.min()) / np.ptp(values)),
        "`argsort` once says who comes first, not at which place each one is: take `argsort` of "
        "the `argsort`": mixed(order / number),
        "The place is k / N, from 0 to just below 1, as the random places are; yours ends at "
        "N - 1": mixed(rank.astype(float)),
        "The place is k / N; you divide by N - 1": mixed(rank / (number - 1)),
        "You rank the random places too; take them as they are": np.argsort(
            (1 - skew) * place.argsort().argsort() / number + skew * rank / number
        ),
        "You return each patient's place in the order. The order itself is due: whose turn is "
        "first, second, ...": want.argsort(),
        "You return the mixed places; the order that they give is due (`argsort`)": (1 - skew)
        * place
        + skew * rank / number,
        "You leave the skew out: that is the sorted order": order,
    }
    got = as_array(answer(values, place, skew), (number,))
    judge(got, want, mistakes, case=f"{number} patients and {want_case}")


def jensen_shannon_distance(answer: Answer) -> str:
    """Counts of few and of many patients, with empty bins, alike and apart."""
    cases = {
        "5 and 40 patients in four bins": ([1, 2, 2, 0], [10, 5, 5, 20]),
        "two hospitals that share no bin": ([3, 0, 4, 0], [0, 6, 0, 1]),
        "the same shares from 6 and 12 patients": ([1, 2, 3], [2, 4, 6]),
        "two bins": ([9, 1], [4, 12]),
    }
    for name, (first, second) in cases.items():
        _one_distance(answer, np.array(first), np.array(second), name)
    return "A small hospital lies far from the rest by chance alone: always compare with chance."


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    there = a > 0
    with np.errstate(divide="ignore"):
        return float((a[there] * np.log2(a[there] / b[there])).sum())


def _one_distance(answer: Answer, first: np.ndarray, second: np.ndarray, case: str) -> None:
    p, q = first / first.sum(), second / second.sum()
    middle, both = (p + q) / 2, (p > 0) & (q > 0)
    together = (first + second) / (first + second).sum()
    divergence = (_relative(p, middle) + _relative(q, middle)) / 2
    right = np.sqrt(divergence)
    mistakes = {
        "That is the divergence; the distance is its root": divergence,
        "You take the natural logarithm; to base 2 (`np.log2`) the largest distance is 1": (
            right * np.sqrt(np.log(2))
        ),
        "You take the natural logarithm, and the root is missing": divergence * np.log(2),
        "Counts are not shares: divide by their sum first, or a large hospital counts more": (
            np.sqrt(
                max(
                    0.0,
                    (
                        _relative(first.astype(float), (first + second) / 2)
                        + _relative(second.astype(float), (first + second) / 2)
                    )
                    / 2,
                )
            )
        ),
        "The middle is the mean of the shares, not the shares of all patients together: here both "
        "hospitals count alike": np.sqrt((_relative(p, together) + _relative(q, together)) / 2),
        "You leave out a bin that is empty at one hospital only: the other's share counts there. "
        "Leave bins out of each of the two sums by itself": np.sqrt(
            max(0.0, _relative(p[both], middle[both]) + _relative(q[both], middle[both])) / 2
        ),
        "You take the sum of both halves; their mean is due": np.sqrt(2) * right,
        "Only one of the two is compared with the middle; take the mean of both": np.sqrt(
            max(0.0, _relative(p, middle))
        ),
        "You compare the two with each other, which is infinite where one bin is empty. Compare "
        "each with their middle": np.sqrt(max(0.0, _relative(p, q))),
        "That is half the sum of absolute differences, the total variation": np.abs(p - q).sum()
        / 2,
    }
    got = answer(first, second)
    value = as_number(got)
    if np.isnan(value):
        raise Wrong(
            f"For {case} your function gives NaN. An empty bin adds nothing: leave it out of the "
            "sum before you take the logarithm, since 0 times minus infinity is no number."
        )
    if told := told_of_smoothing(value, first, second):
        mistakes[told] = value
    judge(got, right, mistakes, case=case, atol=1e-7)
