from __future__ import annotations

import os
import signal
import threading

import pytest

from fedlab_utils.data import interrupts
from fedlab_utils.data.interrupts import first_interrupt_only, interrupts_held

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends itself POSIX signals")


@pytest.fixture(autouse=True)
def _ordinary_handlers() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_stops_and_later_ones_wait(number, capsys) -> None:
    steps = []

    def work() -> None:
        with first_interrupt_only():
            try:
                signal.raise_signal(number)
                steps.append("never")
            finally:
                for _ in range(3):
                    signal.raise_signal(signal.SIGINT)
                    signal.raise_signal(signal.SIGTERM)
                steps.append("cleaned up")

    for _ in range(2):  # the second time as the first
        with pytest.raises(KeyboardInterrupt):
            work()
    assert steps == ["cleaned up"] * 2
    assert capsys.readouterr().err.count("Stopping") == 2


def test_blocks_in_blocks() -> None:
    steps = []

    def work() -> None:
        with first_interrupt_only():
            try:
                with first_interrupt_only():
                    signal.raise_signal(signal.SIGINT)
            finally:
                signal.raise_signal(signal.SIGINT)
                steps.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["cleaned up"]


def test_a_cleaning_up_that_never_ends_can_be_stopped(monkeypatch) -> None:
    monkeypatch.setattr(interrupts, "_PATIENCE_S", 0.0)
    with first_interrupt_only():
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_what_is_held_comes_at_the_end_of_the_outermost_block() -> None:
    steps = []

    def work() -> None:
        with first_interrupt_only(), interrupts_held():
            with interrupts_held():
                signal.raise_signal(signal.SIGINT)
                steps.append("inner")
            steps.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["inner", "outer"]


def test_nothing_is_raised_where_nothing_was_heard() -> None:
    with first_interrupt_only(), interrupts_held():
        pass


def test_handlers_of_others_are_left_alone() -> None:
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    with first_interrupt_only():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert heard == [1, 1]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_change_no_handler() -> None:
    seen = []

    def look() -> None:
        with first_interrupt_only(), interrupts_held():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
