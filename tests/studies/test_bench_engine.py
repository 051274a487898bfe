"""The engines' benchmark: the same work in each, told as ratios."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
import torch

from fedlab_utils.federated import FederationSettings, UNetFederation
from fedlab_utils.federated.checkpoint import read_checkpoint
from fedlab_utils.federated.run import simulate
from fedlab_utils.federated.unet_settings import open_task
from fedlab_utils.studies import bench_engine
from fedlab_utils.studies.bench_engine_child import plain_loop


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
        return {"cold_start": 1, "seconds_per_round": taken, "total": taken, "peak_mb": 100}

    monkeypatch.setattr(bench_engine, "_child", child)
    monkeypatch.setattr(bench_engine, "_job", lambda *told: {"spacing": told[2], "steps": told[5]})
    told = bench_engine.run(turns=2, ray=True)
    assert told[bench_engine.INPROCESS]["round_ratio"] == pytest.approx(1.5)
    assert told[bench_engine.RAY]["total_ratio"] == pytest.approx(4.0)
    assert told[bench_engine.RAY + bench_engine.LIGHT]["total_ratio"] == pytest.approx(4.0)
    # Each engine twice, after a run that fills the cache; at last the memory of 4 and of 100.
    assert [(job["spacing"], job["steps"]) for job in jobs] == 7 * [(2, 8)] + 9 * [(8, 1)]
    assert sum("100 hospitals" in name for name in told) == 1
