"""Where a number came from can be read off it."""

from __future__ import annotations

import json
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import pytest

from fedlab_utils.segmentation.provenance import checkout_state, device_name, record_provenance
from tests.conftest import REPOSITORY


def test_names_commit_versions_device_and_time() -> None:
    about = record_provenance(time.time() - 12, command="fedlab x", seeds=[1, 2])
    assert about["packages"]["torch"] == version("torch")
    assert (about["command"], about["seeds"]) == ("fedlab x", [1, 2])
    assert 12 <= about["wall_seconds"] < 60
    assert about["device"] == device_name("cpu")
    assert "core" in about["device"]
    assert json.loads(json.dumps(about)) == about
    if (REPOSITORY / ".git").exists():
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
        ).stdout.strip()
        assert head.startswith(about["commit"])
        assert isinstance(about["changed"], bool)


@pytest.mark.parametrize(("touched", "changed"), [("data/results/a.json", False), ("b", True)])
def test_a_record_is_no_change_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touched: str, changed: bool
) -> None:
    for name in ("data/results/a.json", "b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("old")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)
    place = tmp_path / "fedlab_utils" / "segmentation" / "provenance.py"
    monkeypatch.setattr("fedlab_utils.segmentation.provenance.__file__", str(place))
    assert checkout_state()["changed"] is False
    (tmp_path / touched).write_text("new")
    assert checkout_state()["changed"] is changed


@pytest.mark.parametrize(("cores", "said"), [(1, "1 core"), (2, "2 cores")])
def test_one_core_is_one_core(monkeypatch: pytest.MonkeyPatch, cores: int, said: str) -> None:
    monkeypatch.setattr("fedlab_utils.data.workers.available_cores", lambda: cores)
    assert device_name("cpu").endswith(f", {said}")
