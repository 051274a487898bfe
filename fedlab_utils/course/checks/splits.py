"""Whether splits into training and test are as large as asked, and their chance fair."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong


def judge_chance(chosen: np.ndarray) -> None:
    """Every patient, and every pair of patients, must be drawn about as often as any other.

    ``chosen`` is 1 where a split (row) draws a patient (column). The limits are five and a half
    standard deviations, so that not one right answer in ten thousand is refused.
    """
    splits = len(chosen)
    if len(np.unique(chosen, axis=0)) < 10:
        raise Wrong("Other generators give the same split: draw the patients at random with `rng`.")
    often = chosen.mean(axis=0)
    if np.abs(often - 0.4).max() > 5.5 * np.sqrt(0.4 * 0.6 / splits):
        raise Wrong(
            f"In {splits} splits of 40 % some patients are drawn in {often.min():.0%}, others in "
            f"{often.max():.0%}: each should be as likely, however many scans it has."
        )
    together = (chosen.T @ chosen / splits)[np.triu_indices(20, k=1)]
    due = 0.4 * 7 / 19
    if np.abs(together - due).max() > 5.5 * np.sqrt(due * (1 - due) / splits):
        raise Wrong(
            f"Some pairs of patients come together in {together.max():.0%} of the splits, others "
            f"in {together.min():.0%}: draw each patient by itself, not neighbours in a row."
        )


def judge_sizes(sizes: list[int], fraction: float, count: int, scans: int) -> None:
    """Of 20 patients ``count`` must be in the test set, whatever the seed."""
    low, high = min(sizes), max(sizes)
    exact = f"{fraction} of 20 patients are {fraction * 20:g}"
    if low == high == count:
        return
    if low == high == 20 - count:
        raise Wrong(
            f"{low} of 20 patients are True, and {count} are due: is that the training set? True "
            "marks the scans to test on."
        )
    if low < high > count:
        raise Wrong(
            f"The test set has {low} to {high} patients, another number for each seed; {count} are "
            "due. Do you decide for each patient by a throw of its own? Draw `count` of the list."
        )
    if low < high:
        raise Wrong(
            f"The test set has {low} to {high} patients instead of {count}: somebody is drawn "
            "twice. Do you draw from the scans in place of `np.unique(patients)`, or with putting "
            "back (`replace=True` is the default of `rng.choice`)?"
        )
    if low == count + 1 and count < fraction * 20:
        raise Wrong(f"{exact}, and you take {low}: round to the nearest, not always up.")
    if low == count - 1 and count > fraction * 20:
        raise Wrong(f"{exact}, and you take {low}: round to the nearest, not always down.")
    if low == round(fraction * scans):
        raise Wrong(f"You take {low} patients: {fraction} of the {scans} *scans*. {exact}.")
    raise Wrong(f"{low} of 20 patients in the test set; {count} are due.")
