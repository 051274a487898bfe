"""Checks of lesson 06: FedProx's term, SCAFFOLD's gradient and its control variates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, describe, judge, places_in
from fedlab_utils.course.guard import Answer

if TYPE_CHECKING:
    import torch
    from torch import nn

_NEAR = {"rtol": 1e-5, "atol": 1e-7}


def proximal_term(answer: Answer) -> str:
    """Two networks with a buffer, some way from where their round began."""
    for seed, mu in ((61, 0.3), (62, 1.7)):
        model, start = _moved(seed)
        before = {name: value.clone() for name, value in start.items()}
        got = answer.given(model, start, mu)
        if any(not np.array_equal(start[name], value) for name, value in before.items()):
            raise Wrong("You change `start`, which the caller still needs: make new tensors.")
        value = _scalar(got)
        judge(value, *_proximal_values(model, start, mu), case=f"mu = {mu}", **_NEAR)
        _judge_pull(got, model, start, mu)
    return "Its gradient is mu times the way already walked: a spring, tied to the round's start."


def _moved(seed: int) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """A network in float64, buffers between its weights, and other weights before."""
    import torch
    from torch import nn

    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).double()
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(torch.tensor(rng.normal(1, 0.5, tuple(value.shape))))
    start = {
        name: value.clone()
        + (torch.tensor(rng.normal(0, 1, tuple(value.shape))) if value.ndim else 3)
        for name, value in model.state_dict().items()
    }
    return model, start


def _scalar(got: object) -> float:
    import torch

    if got is None:
        raise Wrong("Your function returns `None`. Did you forget the `return`?")
    if not isinstance(got, torch.Tensor):
        raise Wrong(f"Return a torch tensor, so that a gradient can flow; not {describe(got)}.")
    if got.numel() != 1:
        raise Wrong(f"Return one number for all weights together; yours has shape {(*got.shape,)}.")
    return float(got.detach().reshape(()))


def _proximal_values(
    model: nn.Module, start: Mapping[str, torch.Tensor], mu: float
) -> tuple[float, dict[str, float]]:
    """The right value, and what likely mistakes give."""
    trained = {name for name, _ in model.named_parameters()}
    state = {name: value.double().numpy() for name, value in model.state_dict().items()}
    apart = {name: state[name] - start[name].double().numpy() for name in state}
    mine = [apart[name] for name in sorted(trained)]
    squares = sum((d**2).sum() for d in mine)
    norms = sum(np.sqrt((d**2).sum()) for d in mine)
    everything = sum((d**2).sum() for d in apart.values())
    numbers = sum(d.size for d in mine)
    beside = zip((n for n, _ in model.named_parameters()), start.values(), strict=False)
    by_place = sum(((state[n] - before.double().numpy()) ** 2).sum() for n, before in beside)
    return mu / 2 * squares, {
        "The 2 is missing: it is mu / 2 times the sum, so that the gradient is mu times the "
        "difference": mu * squares,
        "You halve twice: the term is mu / 2 times the sum, so that the gradient is mu times the "
        "difference": mu / 4 * squares,
        "mu / 2 is squared with the differences: square first, then multiply by mu / 2": (mu / 2)
        ** 2
        * squares,
        "mu is squared with the differences: square first, then multiply by mu / 2": mu**2
        / 2
        * squares,
        "You add up the norms of the tensors, not squared. The square of a norm is the sum of the "
        "squared differences, and only that is FedProx": mu / 2 * norms,
        "You add up the norms of the tensors, not squared, and the 2 is missing": mu * norms,
        "You take the root of the whole sum; FedProx squares the distance": mu / 2 * squares**0.5,
        "You take absolute differences; they should be squared": mu
        / 2
        * sum(np.abs(d).sum() for d in mine),
        "You sum the differences before you square them, so that they cancel: square each one": mu
        / 2
        * sum(d.sum() ** 2 for d in mine),
        "You measure the distance from the current weights to themselves, which is 0. `start` "
        "holds the weights that the round began with": 0.0,
        "You measure how large the weights are, not how far they are from `start`": mu
        / 2
        * sum((state[name] ** 2).sum() for name in trained),
        "Buffers are counted too, such as running averages. They are not trained, no gradient "
        "moves them: take `model.named_parameters()`": mu / 2 * everything,
        "You pair weights and `start` by their place; buffers stand between them. Go by name": mu
        / 2
        * by_place,
        "You take a mean; the sum over all weights is due": mu / 2 * squares / numbers,
        "You take the mean of each tensor; the sum over all weights is due": mu
        / 2
        * sum((d**2).mean() for d in mine),
        "You take the last tensor only: add up over all of them": mu
        / 2
        * (apart[list(dict(model.named_parameters()))[-1]] ** 2).sum(),
        "mu is missing": squares / 2,
        "The term pulls back where it is added to the loss: it is positive": -mu / 2 * squares,
    }


def _judge_pull(
    got: torch.Tensor, model: nn.Module, start: Mapping[str, torch.Tensor], mu: float
) -> None:
    """A right value may come without a slope: by ``detach``, ``item`` or from ``state_dict``."""
    if not got.requires_grad:
        raise Wrong(
            "The value is right, but no gradient flows, so that the term pulls at nothing: use the "
            "parameters themselves, not `state_dict()`, `detach()` or `.data`."
        )
    got.sum().backward()
    for name, parameter in model.named_parameters():
        due = mu * (parameter.detach() - start[name]).numpy()
        grad = parameter.grad
        if grad is not None and np.allclose(2 * grad.numpy(), due, **_NEAR):
            raise Wrong(
                "The value is right, but its gradient is half of what is due, mu / 2 times the "
                "difference: one of the two factors of each square is detached."
            )
        if grad is None or not np.allclose(grad.numpy(), due, **_NEAR):
            raise Wrong(
                f"The value is right, but a part of its gradient is lost, that of `{name}`."
            )


def _tensors(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """One tensor for each of three parameters of different shapes."""
    import torch

    shapes = {"conv.weight": (2, 3, 1), "conv.bias": (2,), "norm.weight": (4,)}
    return {name: torch.tensor(rng.normal(0, 1, shape)) for name, shape in shapes.items()}


def _as_dict(got: object, due: Mapping[str, torch.Tensor], what: str = "Your function") -> dict:
    """Return an answer's arrays by name, or tell that a dict with the parameters' names is due."""
    if not isinstance(got, Mapping):
        raise Wrong(f"{what} should return a dict, name -> tensor, but returns {describe(got)}.")
    if set(got) != set(due):
        raise Wrong(
            f"{what} should hold the names {sorted(due)}; yours are {sorted(map(str, got))}."
        )
    return {name: as_array(got[name], tuple(value.shape)) for name, value in due.items()}


def _flat(values: Mapping[str, object]) -> np.ndarray:
    return np.concatenate([np.ravel(values[name]) for name in sorted(values)])


def corrected_gradient(answer: Answer) -> str:
    """Random gradients and control variates of three parameters."""
    for seed in (63, 64):
        rng = np.random.default_rng(seed)
        gradient, server, own = _tensors(rng), _tensors(rng), _tensors(rng)
        got = _as_dict(answer(gradient, server, own), gradient)
        g, c, mine = _flat(gradient), _flat(server), _flat(own)
        judge(
            _flat(got),
            g + c - mine,
            {
                "The sign is turned: add what the others' gradients were (`server`) and take off "
                "this hospital's `own`": g - c + mine,
                "`own` is not taken off": g + c,
                "`own` is added; it should be taken off": g + c + mine,
                "`server` is not added": g - mine,
                "`server` is taken off as well; it should be added": g - c - mine,
                "The gradient itself is missing: it is turned, not replaced": c - mine,
                "The correction is taken off twice or scaled": g + 2 * (c - mine),
                "The gradient comes back as it was": g,
            },
            case="three parameters' gradients",
            places=places_in(gradient),
            **_NEAR,
        )
    return "Its sum over hospitals is that of the gradients: only the directions are shared."


def new_variate(answer: Answer) -> str:
    """Random variates and weights; steps and learning rates that are neither 1 nor equal."""
    for seed, steps, rate in ((65, 7, 0.05), (66, 3, 0.4)):
        rng = np.random.default_rng(seed)
        own, server, start, end = (_tensors(rng) for _ in range(4))
        got = answer(own, server, start, end, steps, rate)
        if not (isinstance(got, tuple | list) and len(got) == 2):
            raise Wrong("Return two dicts: the new control variate, and by how much it changed.")
        new = _flat(_as_dict(got[0], own, "The first thing you return"))
        change = _flat(_as_dict(got[1], own, "The second thing you return"))
        due, mistakes = _variate_values(*map(_flat, (own, server, start, end)), steps, rate)
        told = f"{steps} steps at learning rate {rate}"
        if np.allclose(new, due - _flat(own), **_NEAR) and np.allclose(change, due, **_NEAR):
            raise Wrong(
                "The two are in the other order: return the new control variate first, then by "
                "how much it changed."
            )
        case, places = f"the new control variate after {told}", places_in(own)
        judge(new, due, mistakes, case=case, places=places, **_NEAR)
        judge(
            change,
            due - _flat(own),
            {
                "The change is 0: `own` was overwritten before you took the difference": 0 * due,
                "The change has the wrong sign: it is the new variate less the old one": _flat(own)
                - due,
                "You return the new variate twice; the server adds up *changes*": due,
                "The change is measured from `server`; this hospital's old variate is `own`": due
                - _flat(server),
            },
            case=f"the change after {told}",
            places=places,
            **_NEAR,
        )
    return "It costs no gradient: the way walked, divided by the stride, is their mean."


def _variate_values(
    own: np.ndarray, server: np.ndarray, start: np.ndarray, end: np.ndarray, steps: int, rate: float
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The new variate by option II, and what likely mistakes give."""
    walked, stride = start - end, steps * rate
    due = own - server + walked / stride
    forgot = "must be divided by K times eta, the number of steps times the learning rate"
    return due, {
        f"The way walked {forgot}; it is not divided at all": own - server + walked,
        f"The way walked {forgot}; the learning rate is missing": own - server + walked / steps,
        f"The way walked {forgot}; the number of steps is missing": own - server + walked / rate,
        f"The way walked {forgot}; you multiply": own - server + walked * stride,
        f"The way walked {forgot}; you divide by K and multiply by eta: put the product in "
        "brackets": own - server + walked / steps * rate,
        f"The way walked {forgot}; you divide by eta and multiply by K: put the product in "
        "brackets": own - server + walked / rate * steps,
        f"The way walked {forgot}; you multiply by eta": own - server + walked * rate,
        f"The way walked {forgot}; you multiply by K": own - server + walked * steps,
        "The way has the wrong sign: gradients point uphill, so it is start less end": own
        - server
        - walked / stride,
        "`server` and `own` are swapped: the steps were turned by server - own, and that is taken "
        "off again": server - own + walked / stride,
        "`server` is added; it should be taken off, since it was added to every gradient": own
        + server
        + walked / stride,
        "`server` is missing: every step was turned by server - own, and that is no gradient of "
        "this hospital": own + walked / stride,
        "`own` is missing: every step was turned by server - own, and that is taken off again": (
            walked / stride - server
        ),
        "Both `own` and `server` are missing: the steps were turned by server - own": walked
        / stride,
    }
