"""Each piece of advice belongs to an error that the installed numpy and torch really raise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from fedlab_utils.course.advice import _ADVICE, advice
from fedlab_utils.course.guard import explain


def _weights() -> torch.Tensor:
    return torch.ones(3, 2, requires_grad=True)


def several_numbers() -> None:
    (2 * _weights()).backward()


def no_way_back() -> None:
    (_weights() > 0).float().mean().backward()


def plain_number() -> None:
    (2 * _weights()).sum().item().backward()


def dict_for_a_tensor() -> None:
    torch.nn.Conv2d(4, 3, 1)({"image": 1})


def overwritten() -> None:
    answer = _weights().exp()
    loss = answer.sum()
    answer *= 2
    loss.backward()


def twice() -> None:
    loss = _weights().exp().sum()
    loss.backward()
    loss.backward()


def overwritten_leaf() -> None:
    weights = _weights()
    weights *= 2


def numpy_of_a_gradient() -> None:
    _weights().numpy()


def numpy_s_sum() -> None:
    np.sum(_weights(), axis=0)


def asked_of_an_array() -> None:
    if np.zeros(2) > 0:
        return


def asked_of_a_tensor() -> None:
    if torch.zeros(2) > 0:
        return


def numbers_for_a_mask() -> None:
    np.zeros(2)[np.zeros(2)] = 1


def mask_of_another_shape() -> None:
    np.zeros((3, 2))[np.ones(2, bool)] = 1


MISTAKES = {
    several_numbers: "starts from one number",
    no_way_back: "cuts the way",
    plain_number: "`item()` after it",
    dict_for_a_tensor: "behind `got`",
    overwritten: "overwritten",
    twice: "Call `backward` once",
    overwritten_leaf: "make a new tensor",
    numpy_of_a_gradient: "torch's own operations",
    numpy_s_sum: "x.sum(dim=...)",
    asked_of_an_array: "by a mask",
    asked_of_a_tensor: "torch.where",
    numbers_for_a_mask: "Compare first",
    mask_of_another_shape: "of its own shape",
}


@pytest.mark.parametrize(("mistake", "meaning"), MISTAKES.items(), ids=lambda x: str(x)[:20])
def test_an_error_is_explained_and_the_line_named(mistake: Callable, meaning: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011
        mistake()
    said = explain(raised.value, mistake, 10)
    assert meaning in said
    assert f"In `{mistake.__name__}`, line" in said


def test_each_advice_is_tried_above() -> None:
    assert len(MISTAKES) == len(_ADVICE)


def test_other_errors_speak_for_themselves() -> None:
    assert advice("division by zero") == ""


def test_a_list_of_signatures_is_left_out() -> None:
    with pytest.raises(TypeError) as raised:
        dict_for_a_tensor()
    assert len(str(raised.value).splitlines()) > 2
    said = explain(raised.value, dict_for_a_tensor, 10)
    assert "got (dict" in said
    assert "expected one of" not in said
    assert "didn't match" not in said
