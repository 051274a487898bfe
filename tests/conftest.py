"""Settings and fixtures that every test may use."""

from __future__ import annotations

import json
import os
import shutil

# Before numpy, torch or matplotlib are imported: two workers share two cores, no window opens.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["FLWR_TELEMETRY_ENABLED"] = "0"

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the cells of a notebook in one process, in their order, and begin with long lessons."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker(pytest.mark.notebooks)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    measured = json.loads((REPOSITORY / "notebooks" / "measured.json").read_text("utf-8"))
    seconds = {stem: told["seconds"] for stem, told in measured.items()}
    items.sort(
        key=lambda item: -max((s for n, s in seconds.items() if n in item.nodeid), default=0)
    )


@pytest.fixture(scope="session")
def phantom_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six phantom patients at 4 mm, as a BraTS 2018 folder. Read only."""
    from fedlab_utils.data.phantom import write_cohort

    return write_cohort(
        tmp_path_factory.mktemp("phantom") / "cohort", cases=6, seed=7, spacing=4.0, workers=1
    )


@pytest.fixture
def folder(phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of six phantom patients, named in FEDLAB_DATA."""
    copied = Path(shutil.copytree(phantom_dir, tmp_path / "mine"))
    monkeypatch.setenv("FEDLAB_DATA", str(copied))
    return copied


@pytest.fixture(scope="session")
def real_dir() -> Path:
    """The folder of real BraTS cases that FEDLAB_DATA names, or a skip."""
    root = os.environ.get("FEDLAB_DATA")
    if not root:
        pytest.skip("FEDLAB_DATA is not set: no real BraTS folder to read")
    return Path(root)


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches and progress of a test out of the checkout and out of the student's home."""
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "fedlab-cache"))
    monkeypatch.setenv("FEDLAB_HOME", str(tmp_path / "fedlab-home"))
