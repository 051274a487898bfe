"""The engines' benchmark: the same work in each, told as ratios."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.federated import FederationSettings, UNetFederation
from fedlab_utils.federated.checkpoint import read_checkpoint
from fedlab_utils.federated.run import simulate
from fedlab_utils.federated.unet_settings import open_task
from fedlab_utils.studies import bench_engine
from fedlab_utils.studies.bench_engine_child import SampledPeak, plain_loop


def test_the_plain_loop_does_the_same_work_in_forty_lines(
    phantom_dir: Path, tmp_path: Path
) -> None:
    assert len(inspect.getsource(plain_loop).splitlines()) <= 40
    federation = UNetFederation(data=str(phantom_dir), hospitals=2, threads=1)
    settings = FederationSettings(rounds=1, local_steps=1)
    ends = []
    plain_loop(federation, settings, ends.append)
    assert ends == [1]
    plain = {n: v.clone() for n, v in open_task(federation).network().state_dict().items()}
    simulate(tmp_path / "run", federation, settings)
    found = read_checkpoint(tmp_path / "run").weights
    assert all(torch.equal(plain[n], torch.from_numpy(value)) for n, value in found.items())


def test_ratios_are_to_the_plain_loop_and_to_engine_a(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {bench_engine.PLAIN: 1.0, bench_engine.INPROCESS: 1.5, bench_engine.RAY: 6.0}

    jobs = []

    def child(name: str, job: dict, folder: Path) -> dict[str, float]:  # noqa: ARG001
        jobs.append(json.loads(json.dumps(job)))
        taken = seconds[name]
        peaks = {"peak_mb": 100, "own_mb": 50}
        return {"cold_start": 1, "seconds_per_round": taken, "total": taken, **peaks}

    monkeypatch.setattr(bench_engine, "_child", child)
    monkeypatch.setattr(bench_engine, "_job", lambda *told: {"edge": told[2], "steps": told[5]})
    told = bench_engine.run(turns=2, ray=True)
    assert told[bench_engine.INPROCESS]["round_ratio"] == pytest.approx(1.5)
    assert told[bench_engine.RAY]["total_ratio"] == pytest.approx(4.0)
    assert told[bench_engine.RAY + bench_engine.LIGHT]["total_ratio"] == pytest.approx(4.0)
    # Each engine twice, after a run that fills the cache; at last the memory of 4 and of 100.
    assert [(job["edge"], job["steps"]) for job in jobs] == 7 * [(2, 8)] + 9 * [(8, 1)]
    assert sum("100 hospitals" in name for name in told) == 1


def test_a_job_says_nothing_that_nobody_reads(tmp_path: Path) -> None:
    job = bench_engine._job(tmp_path / "patients", 6, 4.0, 2, 1, 1)
    assert set(job) == {"data", "hospitals", "rounds", "local_steps"}


HOLDER = """
import sys, time
held = bytearray(b"x") * (int(sys.argv[1]) * 10**6)
print("held", flush=True)
sys.stdin.read()
"""

STARTER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]], start_new_session=True)
held = bytearray(b"x") * (int(sys.argv[2]) * 10**6)
sys.stdin.read()
"""


def test_the_peak_of_a_run_is_the_sum_over_its_processes_whoever_waits_for_them(
    tmp_path: Path,
) -> None:
    """A child with Flower's mark and its own child hold 150 MB each; one without a mark 300."""
    marked = os.environ | {"FLWR_HOME": str(tmp_path)}
    bare = {name: value for name, value in os.environ.items() if name != "FLWR_HOME"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    run = [sys.executable, "-c", STARTER, HOLDER, "150"]
    other = [sys.executable, "-c", HOLDER, "300"]
    with SampledPeak() as idle:
        pass
    with (
        SampledPeak() as peak,
        subprocess.Popen(run, env=marked, **pipes) as first,
        subprocess.Popen(other, env=bare, **pipes) as second,
    ):
        for process in (first, second):
            assert process.stdout.readline() == b"held\n"
        until = time.monotonic() + 60
        while peak.megabytes < idle.megabytes + 300 and time.monotonic() < until:
            time.sleep(0.1)
    assert 300 < peak.megabytes - idle.megabytes < 450


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell shared memory")
def test_pages_of_a_file_are_in_the_peak_and_not_among_the_own(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.truncate(200 * 10**6)
    with SampledPeak() as before:
        pass
    pages = np.memmap(tmp_path / "file", np.uint8, "r")
    with SampledPeak() as peak:
        assert pages.sum() == 0  # touches them all
        time.sleep(0.6)
    assert peak.megabytes - before.megabytes > 150
    assert peak.own - before.own < 50


def measured(monkeypatch: pytest.MonkeyPatch, a: float, b: float, memory: float) -> None:
    """Let engine (a) take `a` plain loops, (b) `b` times (a), and 100 hospitals so much memory."""
    seconds = {bench_engine.PLAIN: 1.0, bench_engine.INPROCESS: a, bench_engine.RAY: a * b}

    def child(name: str, job: dict, folder: Path) -> dict[str, float]:  # noqa: ARG001
        taken = seconds[name]
        own = 500.0 * (memory if job.get("hospitals") == bench_engine.HUNDRED else 1.0)
        peaks = {"peak_mb": 900.0, "own_mb": own}
        return {"cold_start": 1.0, "seconds_per_round": taken, "total": taken, **peaks}

    monkeypatch.setattr(bench_engine, "_child", child)
    monkeypatch.setattr(bench_engine, "_job", lambda *_: {})
    monkeypatch.setattr(bench_engine.importlib.util, "find_spec", lambda _: True)


MET, MISSED = (1.05, 5.0, 1.099), (1.052, 4.998, 1.1)
LIGHT_A, LIGHT_B = (
    name + bench_engine.LIGHT for name in (bench_engine.INPROCESS, bench_engine.RAY)
)
HUNDRED = "in process (a), 100 hospitals of 300 patients"


@pytest.mark.parametrize(("figures", "met"), [(MET, True), (MISSED, False)])
def test_goals_stand_beside_the_ratios(
    monkeypatch: pytest.MonkeyPatch, figures: tuple, met: bool
) -> None:
    measured(monkeypatch, *figures)
    ran = CliRunner().invoke(app, ["bench", "engine", "--json"])
    assert ran.exit_code == 0
    told = json.loads(ran.stdout)
    goals = {name: row["goals"] for name, row in told.items() if "goals" in row}
    engine_a = {"round_ratio": {"rule": "at most", "bound": 1.05, "met": met}}
    engine_b = {"total_ratio": {"rule": "at least", "bound": 5.0, "met": met}}
    memory = {"own_ratio": {"rule": "below", "bound": 1.1, "met": met}}
    assert goals == {
        bench_engine.INPROCESS: engine_a,
        LIGHT_A: engine_a,
        bench_engine.RAY: engine_b,
        LIGHT_B: engine_b,
        HUNDRED: memory,
    }
    assert told[HUNDRED]["own_ratio"] == pytest.approx(figures[2])


def test_a_missed_goal_is_told_in_words_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, *MISSED)
    ran = CliRunner().invoke(app, ["bench", "engine"])
    assert ran.exit_code == 0
    lines = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert "round_ratio 1.052 (goal: at most 1.05, missed)" in lines[bench_engine.INPROCESS]
    assert "total_ratio 4.998 (goal: at least 5, missed)" in lines[LIGHT_B]
    assert lines[HUNDRED] == "peak_mb 900, own_mb 550, own_ratio 1.1 (goal: below 1.1, missed)"
    assert "goal" not in lines[bench_engine.PLAIN]


def test_what_was_not_measured_misses_no_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, 1.0, 5.0, float("nan"))
    monkeypatch.setattr(bench_engine.importlib.util, "find_spec", lambda _: None)
    ran = CliRunner().invoke(app, ["bench", "engine"])
    assert ran.exit_code == 0
    assert "missed" not in ran.stdout
    assert "missing Ray is not installed" in ran.stdout
