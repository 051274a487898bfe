from __future__ import annotations

import copy
import time

import numpy as np
import pytest

from fedlab_utils.course.checks import Wrong
from fedlab_utils.course.guard import (
    Answer,
    TimeUp,
    explain,
    limited_printing,
    raised_on_purpose,
    time_limit,
)


def test_each_call_gets_fresh_copies() -> None:
    array, table = np.arange(3), {"a": [1, 2]}
    guarded = Answer(lambda a, t: (a is array, t["a"] is table["a"]), "f")
    assert guarded(array, t=table) == (False, False)


@pytest.mark.parametrize(
    ("given", "change"),
    [
        (np.zeros(3), lambda a: a.__setitem__(0, 1)),
        ({"a": np.zeros(2)}, lambda d: d["a"].fill(2)),
        ([[1], [2]], lambda x: x[0].append(1)),
        ({1, 2}, lambda s: s.add(3)),
    ],
)
def test_changed_arguments_are_noticed(given, change) -> None:
    def answer(value):
        change(value)
        return 1

    with pytest.raises(Wrong, match="work on a copy"):
        Answer(answer, "f")(given)


def test_a_changed_tensor_is_noticed_and_an_unchanged_nan_is_not() -> None:
    import torch

    with pytest.raises(Wrong, match="Tensor"):
        Answer(lambda t: t.add_(1), "f")(torch.zeros(2))
    assert Answer(lambda _: 1, "f")(torch.tensor([float("nan")])) == 1
    assert Answer(lambda *_: 1, "f")(np.array([np.nan]), float("nan")) == 1


def test_what_cannot_be_copied_is_passed_on() -> None:
    generator = (i for i in range(3))
    with pytest.raises(TypeError):
        copy.deepcopy(generator)
    assert Answer(list, "f")(generator) == [0, 1, 2]


def test_the_time_limit_stops_a_loop_and_leaves_no_alarm() -> None:
    def loop() -> None:
        while True:
            pass

    with pytest.raises(TimeUp), time_limit(0.1):
        loop()
    with time_limit(0.1):
        pass
    time.sleep(0.3)  # an alarm left behind would end the test run here


def test_printing_is_cut_inside_the_block_only(capsys) -> None:
    with limited_printing(5):
        print("123456789")
        print("dropped")
    print("after")
    assert capsys.readouterr().out.splitlines() == [
        "12345",
        "[what your function prints beyond this is left out]",
        "after",
    ]


def test_the_argument_that_was_changed_is_named() -> None:
    def fill(_first, volume, /, brain, *more, scale=None):
        (more[0] if more else scale if scale is not None else volume).fill(1)
        return brain

    zeros = np.zeros(2)
    for args, kwargs, says in (
        ((zeros, zeros, zeros), {}, "`f` changes `volume`, the ndarray"),
        ((zeros, zeros, zeros), {"scale": zeros}, "`f` changes `scale`, the ndarray"),
        ((zeros, zeros, zeros, zeros), {}, "`f` changes the ndarray"),
    ):
        with pytest.raises(Wrong, match=says):
            Answer(fill, "f")(*args, **kwargs)
    with pytest.raises(Wrong, match="`f` changes the list"):
        Answer(lambda *values: values[0].clear() or 1, "f")([1])


def test_a_raise_is_told_from_a_step_that_failed() -> None:
    def refuse(_value):
        raise ValueError("no")

    def refuse_again(value):
        try:
            refuse(value)
        except ValueError as error:
            raise ValueError("still no") from error

    for given, purpose in (
        (refuse, True),
        (refuse_again, True),
        (int, False),
        (lambda _: int("x"), False),
        (lambda _: bool(np.zeros(2) > 0), False),
        (lambda _: np.stack([np.zeros(1), np.zeros(2)]), False),
        (lambda v: refuse(v), True),
    ):
        with pytest.raises(ValueError) as raised:  # noqa: PT011
            given("x")
        assert raised_on_purpose(raised.value, given) is purpose


def test_a_misspelt_name_is_told_the_near_one() -> None:
    def answer(optimiser: int) -> int:
        return optimizer + optimiser  # noqa: F821

    with pytest.raises(NameError) as raised:
        answer(1)
    assert "Did you mean `optimiser`?" in explain(raised.value, answer, 10)


def test_a_name_like_no_other_may_be_in_a_cell_that_was_not_run() -> None:
    def answer() -> int:
        return xylophone_of_grandmother  # noqa: F821

    with pytest.raises(NameError) as raised:
        answer()
    assert "Did you run the cells above" in explain(raised.value, answer, 10)


def test_a_line_with_backticks_stays_in_its_box() -> None:
    def answer() -> str:
        return "`" + 1

    with pytest.raises(TypeError) as raised:
        answer()
    assert """: `return "'" + 1`.""" in explain(raised.value, answer, 10)
