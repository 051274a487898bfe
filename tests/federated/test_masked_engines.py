"""A private masked round in every engine: the same weights, the same budget spent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.federated.checkpoint import read_checkpoint

pytestmark = pytest.mark.xdist_group("federation_run")

PRIVATE = "--epsilon 50 --delta 1e-3 --patient-rate 0.9 --simulated-noise --secure"
SHORT = "--hospitals 3 --rounds 1 --local-steps 1 --threads 1"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masked") / "data"
    return write_cohort(folder, cases=9, seed=5, spacing=4.0, workers=1)


def ran(data: Path, engine: str, out: Path) -> Path:
    words = f"simulate {SHORT} {PRIVATE} --engine {engine}".split()
    found = CliRunner().invoke(app, [*words, "--data", str(data), "--out", str(out)])
    assert found.exit_code == 0, found.output
    return out


@pytest.fixture(scope="module")
def here(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(data, "inprocess", tmp_path_factory.mktemp("masked") / "here")


@pytest.mark.parametrize("engine", ["ray", "deployment"])
def test_engines_agree(data: Path, here: Path, tmp_path: Path, engine: str) -> None:
    """The noise is decided by a seed here, so that it can be the same."""
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    there = ran(data, engine, tmp_path / engine)
    due, found = read_checkpoint(here), read_checkpoint(there)
    for name, value in due.weights.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=1e-6, atol=1e-9)
    first, second = (json.loads((run / "result.json").read_text("utf-8")) for run in (here, there))
    assert not second["rounds"][0]["left_out"]
    assert set(second["privacy"]["spent"]) == {"H1", "H2", "H3"}
    assert second["privacy"]["spent"] == pytest.approx(first["privacy"]["spent"])
