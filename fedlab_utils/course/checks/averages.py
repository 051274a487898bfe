"""Models to average, and what a wrong average of them tells (lesson 05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, describe, judge

if TYPE_CHECKING:
    import torch

_NEAR = {"rtol": 1e-5, "atol": 1e-6}


def models(count: int, seed: int) -> list[dict[str, torch.Tensor]]:
    """Models with matrices, a lone number and a count, whose names come in different orders."""
    import torch

    rng = np.random.default_rng((51, seed))
    states = []
    for number in range(count):
        state = {
            "conv.weight": torch.tensor(rng.normal(0, 1, (2, 3)), dtype=torch.float32),
            "other.weight": torch.tensor(rng.normal(0, 1, (2, 3)), dtype=torch.float32),
            "scale": torch.tensor(rng.normal(0, 1), dtype=torch.float32),
            "batches": torch.tensor(11 + 5 * number + seed),
        }
        order = list(state)
        if number % 2:
            order = [order[1], order[0], *order[:1:-1]]
        states.append({name: state[name] for name in order})
    return states


def judge_average(
    got: object, values: list, states: list[dict], name: str, patients: list[int]
) -> None:
    """Say what is wrong with one name's average of ``values``, one value per hospital."""
    import torch

    if not isinstance(got, torch.Tensor):
        raise Wrong(f"`{name}` should be a tensor again; yours is {describe(got)}.")
    stack = np.array([value.numpy() for value in values], float)
    exact = np.average(stack, axis=0, weights=patients)
    value = as_array(got, stack.shape[1:])
    if not values[0].is_floating_point():
        _one_count(got, value, exact, stack, name)
        return
    mistakes = _mistakes(stack, patients) | _by_place(states, name, patients)
    mistakes |= _other_weights(value, stack, patients)
    told = f"{name!r} of hospitals with {', '.join(map(str, patients))} patients"
    judge(value, exact, mistakes, case=told, **_NEAR)
    if got.dtype != values[0].dtype:
        raise Wrong(f"`{name}` is right, but of type {got.dtype}; {values[0].dtype} came in.")


def _mistakes(stack: np.ndarray, patients: list[int]) -> dict[str, np.ndarray]:
    """Diagnosis -> what that mistake makes of one name's values."""
    count = np.reshape(np.array(patients, float), (-1, *[1] * (stack.ndim - 1)))
    return {
        "That is the plain mean of the models: each hospital counts by its patients": stack.mean(0),
        "The weights are not divided by their sum: they must come to 1": (stack * count).sum(0),
        "You divide by the number of hospitals; divide by the number of all patients": (
            stack * count
        ).mean(0),
        "Every weight is 0. A share is a fraction, so divide by `/`: `//` cuts the decimals off": (
            0 * stack[0]
        ),
        "Each weight is 1, as if a hospital's patients were divided by themselves: divide by the "
        "number of all patients": stack.sum(0),
        "The share is upside down: a hospital's patients divided by those of all, not the "
        "reverse": (stack * count.sum() / count).sum(0),
        "Small hospitals count more than large ones: you divide by the patients": (
            stack / count
        ).sum(0)
        / (1 / count).sum(),
        "You return one hospital's model, the first": stack[0],
        "You return one hospital's model, the last": stack[-1],
    }


def _other_weights(
    value: np.ndarray, stack: np.ndarray, patients: list[int]
) -> dict[str, np.ndarray]:
    """The weights that lead to ``value``, told, with what they give; none if it has too few."""
    rows = stack.reshape(len(stack), -1)
    if rows.shape[1] <= len(rows):
        return {}
    used = np.linalg.lstsq(rows.T, value.ravel(), rcond=None)[0]
    due = np.divide(patients, sum(patients))
    mine, right = (", ".join(f"{weight:.3g}" for weight in of) for of in (used, due))
    told = f"Your weights are {mine}, which come to {used.sum():.3g}; {right} are due"
    return {told: (used @ rows).reshape(value.shape)}


def _by_place(states: list[dict], name: str, patients: list[int]) -> dict[str, np.ndarray]:
    """What comes of pairing by place, where the shapes at this place are the same."""
    place = list(states[0]).index(name)
    there = [list(state.values())[place].numpy() for state in states]
    if len({value.shape for value in there}) > 1:
        return {}
    told = (
        "You go by the place in the dict; go by name: another hospital may list its weights in "
        "another order"
    )
    return {told: np.average(np.array(there, float), axis=0, weights=patients)}


def _one_count(
    got: torch.Tensor, value: np.ndarray, exact: np.ndarray, stack: np.ndarray, name: str
) -> None:
    """A whole number: rounded to the nearest, and still whole."""
    if got.is_floating_point():
        raise Wrong(
            f"`{name}` counts something, an integer in every model, and comes back as {got.dtype}: "
            "no hospital could load it exactly. Round the average and keep the type: "
            "`.round().to(first.dtype)`."
        )
    mistakes = {
        "You cut the decimals off; round to the nearest": np.floor(exact),
        "You leave integers as the first hospital has them": stack[0],
        "That is the plain mean": np.rint(stack.mean(0)),
    }
    judge(value, np.rint(exact), mistakes, case=f"the whole number {name!r}")
