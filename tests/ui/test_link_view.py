"""The explorer of links: its minutes against a sum by hand, its bars and its words."""

from __future__ import annotations

import math

import pytest

from fedlab_utils.errors import CourseError
from fedlab_utils.federated import Link, round_minutes
from fedlab_utils.ui import LinkExplorer
from tests.ui.drive import drive

WAYS = {"all numbers": (2.5, 4.0), "4 bits": (0.4, 0.5)}


def explorer(**more: float) -> LinkExplorer:
    return LinkExplorer(WAYS, steps=100, step_seconds=0.3, **more)


def test_minutes_are_bits_over_speed_in_every_round() -> None:
    shown = explorer(latency=0.0)
    shown.up.value, shown.down.value, shown.local_steps.value = 2, 20, 20
    row = shown.shown["minutes"]["all numbers"]
    assert shown.shown["rounds"] == 5
    assert row["up"] == pytest.approx(5 * 4.0 * 8 / 2 / 60)
    assert row["down"] == pytest.approx(5 * 2.5 * 8 / 20 / 60)
    assert row["training"] == pytest.approx(100 * 0.3 / 60)


@pytest.mark.parametrize("local", [1, 10, 50])
def test_the_whole_is_as_many_rounds_as_the_model_of_links_has(local: int) -> None:
    shown = explorer(latency=45.0)
    shown.local_steps.value, shown.up.value = local, 5
    for name, (sent, received) in WAYS.items():
        one = round_minutes([Link(5, 50, 45.0)], [sent], [received], [local * 0.3])
        total = sum(shown.shown["minutes"][name].values())
        assert total == pytest.approx(math.ceil(100 / local) * one)


def test_bars_and_words_say_the_same() -> None:
    shown = explorer()
    shown.local_steps.value = 5
    for trace, part in zip(shown.plot.data, ("down", "training", "up"), strict=True):
        assert trace.name == part
        assert list(trace.y) == list(WAYS)
        assert list(trace.x) == [row[part] for row in shown.shown["minutes"].values()]
    words = shown.describe()
    assert "5 in a round, hence 20 rounds" in words
    assert f"4 bits {sum(shown.shown['minutes']['4 bits'].values()):.3g} min" in words
    assert shown.twin().alt == words


def test_nothing_to_send_is_refused() -> None:
    with pytest.raises(CourseError, match="nothing to send"):
        LinkExplorer({})


def test_it_follows_its_sliders() -> None:
    assert drive(explorer()) == 10 + 10 + 7
