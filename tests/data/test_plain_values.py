"""Which values a setting takes, what becomes of numpy's, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pytest

from fedlab_utils.data.plain_values import kind_of, make_plain, plain
from fedlab_utils.errors import DataError, FedLabError

HUGE = 10**5000

WRONG = {
    int: ["3", 2.5, 3.0, True, None, [3], np.float64(3), np.bool_(True), np.array(3), 3j],
    float: ["3", True, None, [3.0], float("nan"), -float("inf"), np.float64("nan"), np.array(3.0)],
    bool: ["no", 0, 1.0, None, np.int64(1), [True]],
    str: [3, None, True, b"fedavg", ["fedavg"], ("fedavg",), {"fedavg": 1}],
}
"""What is refused, by what is due."""
WRONG[float] += [HUGE, np.True_, 3j, np.str_("3")]

RIGHT = {
    int: [(3, 3), (-1, -1), (np.int64(3), 3), (np.uint8(3), 3), (HUGE, HUGE)],
    float: [
        (0.5, 0.5),
        (3, 3.0),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int8(3), 3.0),
    ],
    bool: [(True, True), (False, False), (np.bool_(True), True)],
    str: [("", ""), ("fedavg", "fedavg"), (np.str_("fedavg"), "fedavg")],
}
"""What is taken, and what becomes of it."""


@pytest.mark.parametrize(
    ("kind", "value", "due"),
    [(kind, *pair) for kind, pairs in RIGHT.items() for pair in pairs],
    ids=lambda value: type(value).__name__,
)
def test_what_is_taken(kind: type, value: object, due: object) -> None:
    found = plain("it", value, kind)
    assert found == due
    assert type(found) is kind


@pytest.mark.parametrize(
    ("kind", "value"),
    [(kind, value) for kind, values in WRONG.items() for value in values],
    ids=lambda value: type(value).__name__,
)
def test_what_is_refused(kind: type, value: object) -> None:
    with pytest.raises(DataError) as raised:
        plain("it", value, kind, DataError)
    assert raised.value.case == "it"
    if value is not HUGE:
        assert raised.value.cause == f"it is {value!r}"


def test_a_value_is_shown_in_one_short_line() -> None:
    with pytest.raises(FedLabError, match=r"^rate: it is a number of 16610 bits[.] Pass a finite"):
        plain("rate", HUGE, float)
    with pytest.raises(FedLabError) as raised:
        plain("rate", np.zeros((99, 99)), float)
    assert "\n" not in str(raised.value)
    assert len(raised.value.cause) < 100


@dataclass(frozen=True)
class Few:
    """Settings."""

    rate: float = 1.0
    name: str = "x"
    step: float | None = None

    def __post_init__(self) -> None:
        make_plain(self, DataError)


def test_every_field_of_settings_is_made_plain() -> None:
    made = Few(np.int64(2), np.str_("y"))
    assert (made, type(made.rate), type(made.name)) == (Few(2.0, "y"), float, str)
    with pytest.raises(DataError, match=r"name: it is 3[.] Pass text"):
        Few(name=3)


def test_a_number_may_be_left_open_where_none_is_the_default() -> None:
    assert [kind_of(field) for field in fields(Few)] == [float, str, float]
    assert Few().step is None
    assert (Few(step=2).step, type(Few(step=2).step)) == (2.0, float)
    for wrong in ({"step": "2"}, {"rate": None}):
        with pytest.raises(DataError, match="Pass a finite number"):
            Few(**wrong)
