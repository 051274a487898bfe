"""The ledger: it only grows, stops in time, and survives whatever ends the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedlab_utils.errors import PrivacyBudgetError, PrivacyError
from fedlab_utils.privacy.accounting import epsilon_of
from fedlab_utils.privacy.ledger import HEADER, Ledger

RDP = {"accountant": "rdp"}


def test_a_charge_stops_before_the_budget_breaks(tmp_path: Path) -> None:
    ledger = Ledger(2.0, tmp_path / "ledger.txt", **RDP)
    assert ledger.spent() == 0
    steps = ledger.left(1.5, 0.1)
    for _ in range(steps):
        ledger.charge(1.5, 0.1)
    assert ledger.history == [(1.5, 0.1, steps)]
    assert ledger.spent() == epsilon_of([(1.5, 0.1, steps)], 1e-5, "rdp") <= 2.0
    size = (tmp_path / "ledger.txt").stat().st_size
    with pytest.raises(PrivacyBudgetError, match=r"of 2 is spent \(delta 1e-05, per patient\)"):
        ledger.charge(1.5, 0.1)
    assert (tmp_path / "ledger.txt").stat().st_size == size
    assert ledger.history == [(1.5, 0.1, steps)]
    ledger.charge(50.0, 0.1)  # a step that costs next to nothing still fits


def test_what_is_left_is_counted_down_as_if_asked_anew(tmp_path: Path) -> None:
    ledger = Ledger(3.0, tmp_path / "ledger.txt", **RDP)
    first = ledger.left(1.0, 0.1)
    ledger.charge(1.0, 0.1)
    again = Ledger(3.0, tmp_path / "ledger.txt", **RDP)
    assert ledger.left(1.0, 0.1) == again.left(1.0, 0.1) == first - 1
    ledger.charge(2.0, 0.2)
    again = Ledger(3.0, tmp_path / "ledger.txt", **RDP)
    assert ledger.left(1.0, 0.1) == again.left(1.0, 0.1)


def test_a_new_process_goes_on_where_the_old_one_stopped(tmp_path: Path) -> None:
    file = tmp_path / "hospital" / "ledger.txt"
    first = Ledger(8.0, file, **RDP)
    for noise, rate in ((1.0, 0.1), (1.0, 0.1), (1.3, 0.05), (1.0, 0.1)):
        first.charge(noise, rate)
    again = Ledger(8.0, file, **RDP)
    assert again.history == first.history == [(1.0, 0.1, 2), (1.3, 0.05, 1), (1.0, 0.1, 1)]
    assert again.spent() == first.spent()


def test_what_the_context_knows_and_the_file_does_not_is_written_down(tmp_path: Path) -> None:
    file = tmp_path / "ledger.txt"
    Ledger(8.0, file, **RDP).charge(1.0, 0.1)
    more = Ledger(8.0, file, **RDP, history=[(1.0, 0.1, 3), (2.0, 0.1, 1)])
    fewer = Ledger(8.0, file, **RDP, history=[(1.0, 0.1, 1)])
    for ledger in (more, fewer):
        assert sorted(ledger.history) == [(1.0, 0.1, 3), (2.0, 0.1, 1)]


def test_in_memory_it_counts_too() -> None:
    ledger = Ledger(float("inf"), history=[(1.0, 0.1, 2)], **RDP)
    ledger.charge(1.0, 0.1)
    assert ledger.history == [(1.0, 0.1, 3)]


WORKER = """
import sys
from pathlib import Path
from fedlab_utils.privacy.ledger import Ledger
ledger = Ledger(float("inf"), Path(sys.argv[1]), accountant="rdp")
while True:
    ledger.charge(1.0, 0.1)
    print("step", flush=True)  # the step comes after its charge
"""


def test_killed_at_any_point_no_step_is_without_its_charge(tmp_path: Path) -> None:
    file, steps = tmp_path / "ledger.txt", 0
    for turn in range(3):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(file)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout.readline() == "step\n"
        time.sleep(0.02 * turn)
        os.kill(worker.pid, signal.SIGKILL)
        steps += 1 + worker.stdout.read().count("step\n")
        worker.wait()
        charged = sum(count for *_, count in Ledger(9.0, file, **RDP).history)
        assert steps <= charged <= steps + turn + 1


@pytest.mark.parametrize("rest", ["1.0 0", "1.0", "1", '{"ledger'])
def test_a_charge_cut_short_never_had_its_step_and_is_struck_out(tmp_path: Path, rest: str) -> None:
    file = tmp_path / "ledger.txt"
    Ledger(8.0, file, **RDP).charge(1.0, 0.1)
    with file.open("a") as handle:
        handle.write(rest)
    ledger = Ledger(8.0, file, **RDP)
    ledger.charge(2.0, 0.1)
    assert Ledger(8.0, file, **RDP).history == [(1.0, 0.1, 1), (2.0, 0.1, 1)]


def test_a_file_cut_short_in_its_first_line_is_an_empty_ledger(tmp_path: Path) -> None:
    file = tmp_path / "ledger.txt"
    for content in ("", json.dumps(HEADER)[:9]):
        file.write_text(content)
        ledger = Ledger(8.0, file, **RDP)
        assert ledger.history == []
        ledger.charge(1.0, 0.1)
        assert Ledger(8.0, file, **RDP).history == [(1.0, 0.1, 1)]


@pytest.mark.parametrize(
    "content",
    [
        "hello\n",
        '{"ledger": 2}\n',
        json.dumps(HEADER) + "\n1.0 0.1\nnan 0.1\n1.0 0.1\n",
        json.dumps(HEADER) + "\n-1.0 0.1\n",
        json.dumps(HEADER) + "\n1.0 7\n",
        json.dumps(HEADER) + "\n1.0 0.1 0.2\n",
        json.dumps(HEADER) + "\n\n",
        "\x00\x01\n",
    ],
)
def test_a_damaged_ledger_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ledger.txt"
    file.write_text(content)
    with pytest.raises(PrivacyError, match="nobody knows what was spent"):
        Ledger(8.0, file, **RDP)
    assert file.read_text() == content


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_a_budget_of_nothing_is_refused(budget: float) -> None:
    with pytest.raises(PrivacyError, match="epsilon is"):
        Ledger(budget)


def test_two_processes_with_one_ledger_see_each_other_s_charges(tmp_path: Path) -> None:
    """One that is late with a round, and one that began the next: neither may exceed the budget."""
    file = tmp_path / "ledger.txt"
    first, second = Ledger(3.0, file, **RDP), Ledger(3.0, file, **RDP)
    allowed = first.left(1.0, 0.1)
    assert second.left(1.0, 0.1) == allowed
    for turn in range(allowed):
        (first, second)[turn % 2].charge(1.0, 0.1)
    for ledger in (first, second):
        with pytest.raises(PrivacyBudgetError):
            ledger.charge(1.0, 0.1)
        assert ledger.spent() == Ledger(3.0, file, **RDP).spent() <= 3.0


def test_processes_that_charge_at_the_same_time_lose_no_charge(tmp_path: Path) -> None:
    file = tmp_path / "ledger.txt"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(file)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "step\n"
    time.sleep(0.1)
    for worker in workers:
        worker.kill()
    steps = sum(1 + worker.communicate()[0].count("step\n") for worker in workers)
    charged = sum(count for *_, count in Ledger(9.0, file, **RDP).history)
    assert steps <= charged <= steps + 2


def test_a_ledger_that_vanishes_under_way_stops_the_steps(tmp_path: Path) -> None:
    file = tmp_path / "ledger.txt"
    ledger = Ledger(8.0, file, **RDP)
    ledger.charge(1.0, 0.1)
    file.unlink()
    with pytest.raises(PrivacyError, match="it is gone"):
        ledger.charge(1.0, 0.1)


def test_that_some_steps_fit_is_known_without_counting_how_many_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = Ledger(3.0, **RDP).left(1.0, 0.1)
    assert not Ledger(3.0, **RDP).allows(1.0, 0.1, most + 1)
    ledger = Ledger(3.0, tmp_path / "ledger.txt", **RDP)
    monkeypatch.setattr("fedlab_utils.privacy.ledger.steps_within", None)
    assert ledger.allows(1.0, 0.1, most)
    for _ in range(most):
        ledger.charge(1.0, 0.1)
    monkeypatch.undo()
    with pytest.raises(PrivacyBudgetError):
        ledger.charge(1.0, 0.1)
    ledger = Ledger(3.0, **RDP)
    assert ledger.allows(1.0, 0.1, 2)
    ledger.charge(1.0, 0.1)
    assert ledger.left(1.0, 0.1) == most - 1
    ledger.charge(2.0, 0.1)  # of another kind: what was known is not
    assert ledger.left(1.0, 0.1) == Ledger(3.0, **RDP, history=ledger.history).left(1.0, 0.1)
