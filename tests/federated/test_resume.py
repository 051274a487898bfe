"""A federation that is killed anywhere and resumed ends with the bits of one that was not."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import Context, RecordDict

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import (
    Federation,
    FederationSettings,
    federate,
    make_client_app,
    make_server_app,
    run_in_process,
)
from fedlab_utils.federated.client import OUT
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.rounds import RESUME
from fedlab_utils.federated.scaffold import Scaffold
from tests.federated.two_part import EVERY, TwoPartTask, cut_off, settings_of


def judged_throughout(found: Federation, every: int) -> bool:
    """Whether hospitals could judge the model at every look: one of NaN compares as equal."""
    last = len(found.history)
    looks = [r for r in found.history if r.round % every == 0 or r.round == last]
    return all(r.validation and r.score is not None and not r.unjudged for r in looks)


def same(one: Federation, other: Federation) -> bool:
    plain = [[replace(report, seconds=0.0) for report in f.history] for f in (one, other)]
    return (
        plain[0] == plain[1]
        and one.best_round == other.best_round
        and one.test == other.test
        and all(torch.equal(one.last[n], other.last[n]) for n in one.last)
        and all(torch.equal(one.weights[n], other.weights[n]) for n in one.weights)
    )


@pytest.mark.parametrize("name", EVERY)
def test_a_run_cut_off_after_any_round_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    settings = settings_of(name)
    whole = federate(TwoPartTask(), settings)
    assert judged_throughout(whole, settings.evaluate_every)
    for cut in range(1, 5):
        out = tmp_path / str(cut)
        cut_off(TwoPartTask(), settings, out, after=cut)
        assert same(federate(TwoPartTask(), settings, out, resume=True), whole)


def killed_at(call: int, work: Callable[[], object]) -> bool:
    """Fork, and kill the child with signal 9 at its n-th function call; False if it ended."""
    child = os.fork()
    if child == 0:
        left = call

        def count(_frame, event: str, _what) -> None:
            nonlocal left
            left -= event in ("call", "c_call")
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.setprofile(count)
            work()
            sys.setprofile(None)
        except BaseException:
            os._exit(9)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork to kill")
@pytest.mark.parametrize("name", EVERY)
def test_kill_9_at_twenty_random_points_loses_nothing(name: str, tmp_path: Path) -> None:
    """Killed again and again, at random calls, writes included: the last one gets through."""
    settings, task = settings_of(name), TwoPartTask()
    whole = federate(task, settings)
    assert judged_throughout(whole, settings.evaluate_every)
    calls = 0

    def count(_frame, event: str, _what) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    federate(task, settings, tmp_path / "counted")
    sys.setprofile(None)
    rng = np.random.default_rng(list(name.encode()))
    points = rng.integers(calls, size=4)
    for number, point in enumerate(points):
        out = tmp_path / str(number)
        killed = 0
        # The second death comes somewhere in what the first left to do.
        for at in (point, rng.integers(calls - point)):
            killed += killed_at(int(at), lambda out=out: federate(task, settings, out, resume=True))
        assert killed >= 1
        assert same(federate(task, settings, out, resume=True), whole)
        assert not list(out.rglob(".fedlab-tmp*"))


def test_a_finished_run_is_read_again_and_may_be_made_longer(tmp_path: Path) -> None:
    settings = settings_of("scaffold")
    first = federate(TwoPartTask(), settings, tmp_path)
    told = []
    again = federate(TwoPartTask(), settings, tmp_path, resume=True, on_round=told.append)
    assert same(first, again)
    assert not told
    longer = replace(settings, rounds=8)
    resumed = federate(TwoPartTask(), longer, tmp_path, resume=True)
    assert same(resumed, federate(TwoPartTask(), longer))


def test_a_longer_run_without_validation_patients_ends_with_its_own_last_round(
    tmp_path: Path,
) -> None:
    class Unvalidated(TwoPartTask):
        def evaluate(self, network, hospital, part) -> dict:
            return super().evaluate(network, hospital, part) if part == "test" else {}

    for name in ("fedavg", "personal", "every other round"):
        out, settings = tmp_path / name, replace(settings_of(name), rounds=4)
        longer = replace(settings, rounds=6)
        assert federate(Unvalidated(), settings, out).best_round == 4
        resumed = federate(Unvalidated(), longer, out, resume=True)
        assert resumed.best_round == 6
        assert same(resumed, federate(Unvalidated(), longer))
        assert same(resumed, federate(Unvalidated(), longer, out, resume=True))


@pytest.mark.parametrize(("first", "then"), [(3, 6), (3, 4), (6, 3)])
def test_a_look_that_another_number_of_rounds_would_not_have_is_not_resumed_from(
    tmp_path: Path, first: int, then: int
) -> None:
    """With a look every other round, round 3 is looked at in a run of three rounds alone."""
    settings = settings_of("every other round")
    cut_off(TwoPartTask(), replace(settings, rounds=first), tmp_path, after=3)
    words = (
        f"its round 3 .* in a run of {first} rounds.*, and {then} are asked for.*Ask for {first}"
    )
    with pytest.raises(FederationError, match=words):
        federate(TwoPartTask(), replace(settings, rounds=then), tmp_path, resume=True)
    whole = federate(TwoPartTask(), replace(settings, rounds=first))
    assert same(
        federate(TwoPartTask(), replace(settings, rounds=first), tmp_path, resume=True), whole
    )


@pytest.mark.parametrize(("first", "cut", "then"), [(4, 4, 7), (5, 3, 7), (5, 2, 4), (7, 2, 3)])
def test_another_number_of_rounds_with_the_same_looks_so_far_is_as_undisturbed(
    tmp_path: Path, first: int, cut: int, then: int
) -> None:
    settings = settings_of("every other round")
    cut_off(TwoPartTask(), replace(settings, rounds=first), tmp_path, after=cut)
    other = replace(settings, rounds=then)
    assert same(
        federate(TwoPartTask(), other, tmp_path, resume=True), federate(TwoPartTask(), other)
    )


def test_a_resumed_run_knows_who_took_part_and_on_whom_they_judged(tmp_path: Path) -> None:
    """Hospital 1 has other training patients after the pause, hospital 2 other validation ones."""

    class Validated(TwoPartTask):
        judged = (5, 5, 5, 5)

        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            return row | {"num-examples": self.judged[hospital]}

    settings = settings_of("scaffold")
    cut_off(Validated(), settings, tmp_path, after=2)
    other = Validated()
    other.counts, other.judged = (1, 9, 3, 4), (5, 5, 9000, 5)
    found = federate(other, settings, tmp_path, resume=True)
    for report in found.history[2:]:
        (node,) = report.left_out
        assert re.search("patients=9.*patients=2.* enrolled before", report.left_out[node])
        assert report.unjudged["H2"] == "it judged on 9000 patients, and before on 5"


@pytest.mark.parametrize("uniform", [False, True])
def test_a_hospital_that_is_away_at_the_restart_still_has_its_share(
    tmp_path: Path, uniform: bool
) -> None:
    """SCAFFOLD's shares are of all who ever enrolled, and not of those that came back."""
    settings = replace(settings_of("scaffold"), uniform=uniform)

    def run(folder: Path | None, resume: bool, absent_from: int) -> Federation:
        return federate_without(TwoPartTask(), settings, folder, resume, absent_from)

    whole = run(None, False, 3)
    cut_off(TwoPartTask(), settings, tmp_path, after=2)
    assert same(run(tmp_path, True, 3), whole)


def federate_without(
    task: TwoPartTask,
    settings: FederationSettings,
    out: Path | None,
    resume: bool,
    absent_from: int,
) -> Federation:
    """Run where the last hospital has gone from a round on."""
    ended: list[Federation] = []
    begun = 2 if resume else 0

    class Strategy(Scaffold):
        def join(self, roster, *more) -> Scaffold:
            enrol = roster.enrol

            def without(grid, timeout=None) -> None:
                nonlocal begun
                begun += 1
                if begun >= absent_from:
                    grid.absent = {list(grid.contexts)[-1]}
                enrol(grid, timeout)

            roster.enrol = without
            return super().join(roster, *more)

    Strategy.__name__ = Scaffold.__name__  # whose run it goes on with

    def strategy_of(settings: FederationSettings) -> Scaffold:
        return Strategy(settings.server_rate, settings.uniform)

    server = make_server_app(lambda _: task, strategy_of, on_end=ended.append)
    config = settings.to_config() | {OUT: str(out) if out else "", RESUME: resume}
    run_in_process(make_client_app(lambda _: task), server, config, 4)
    return ended[0]


def test_a_hospital_whose_file_is_damaged_stays_left_out(tmp_path: Path) -> None:
    """It must not go on as if it had never remembered anything."""
    settings = settings_of("scaffold")
    federate(TwoPartTask(), replace(settings, rounds=2), tmp_path)
    for path in (tmp_path / "hospitals" / "001").iterdir():
        path.write_bytes(b"nonsense")
    found = federate(TwoPartTask(), settings, tmp_path, resume=True)
    for report in found.history[2:]:
        assert list(report.left_out) == ["H1"] == list(report.unjudged)
        assert "cannot be read" in report.left_out["H1"]
    assert list(found.unjudged) == ["H1"]
    assert "H1" not in found.test
    state = HospitalState(Context(1, 2, {}, RecordDict(), {}), tmp_path / "hospitals" / "001")
    for _ in range(2):
        with pytest.raises(FederationError, match=r"round-\d+.safetensors: .* in a new folder"):
            state.rewind(9)


def test_a_process_that_is_late_writes_no_round_before_a_later_one(tmp_path: Path) -> None:
    """Another process of the hospital has written round 3 before this one ends round 2."""

    def state() -> HospitalState:
        return HospitalState(Context(1, 2, {}, RecordDict(), {}), tmp_path)

    def written() -> list[str]:
        return sorted(path.name for path in tmp_path.iterdir())

    state().keep(1)
    late = state()
    late.rewind(2)
    state().keep(3)
    late.keep(2)
    assert written() == ["round-000001.safetensors", "round-000003.safetensors"]
    late.keep(3)
    late.keep(4)
    assert written() == ["round-000003.safetensors", "round-000004.safetensors"]


def test_two_processes_of_a_hospital_may_forget_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lists the folder before either deletes: a file that was listed is gone."""
    listed = HospitalState._files

    def also(number: int) -> None:
        gone = (number, tmp_path / f"round-{number:06d}.safetensors")
        monkeypatch.setattr(HospitalState, "_files", lambda state: sorted([*listed(state), gone]))

    also(0)
    for number in (1, 2, 3):
        HospitalState(Context(1, 2, {}, RecordDict(), {}), tmp_path).keep(number)
    also(9)
    state = HospitalState(Context(1, 2, {}, RecordDict(), {}), tmp_path)
    state.rewind(4)
    assert [number for number, _ in listed(state)] == [2, 3]


def test_the_best_round_is_chosen_on_validation_and_judged_with_its_own_layers(
    tmp_path: Path,  # noqa: ARG001
) -> None:
    """Rounds get worse here, so that the first is the best, and its personal layers count."""

    class Worse(TwoPartTask):
        def evaluate(self, network, hospital, part) -> dict:
            row = super().evaluate(network, hospital, part)
            distance = float((network.at + network.head).detach().norm())
            return row | {"score": -distance, "head": float(network.head.detach().sum())}

    settings = replace(settings_of("personal"), fraction=1.0)
    found = federate(Worse(), settings)
    assert found.best_round == 1
    assert {n: r["head"] for n, r in found.test.items()} == {
        n: r["head"] for n, r in found.history[0].validation.items()
    }
    assert found.test != {n: found.history[-1].validation[n] for n in found.test}
    assert "head" not in found.weights
