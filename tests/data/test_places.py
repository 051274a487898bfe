from __future__ import annotations

import os
from pathlib import Path

import pytest

from fedlab_utils.data import places
from fedlab_utils.data.places import cache_folder, checkout, phantom_folder
from tests.conftest import REPOSITORY


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages" / "fedlab_utils" / "data" / "places.py"
    monkeypatch.setattr(places, "__file__", str(installed))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))


def test_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkout() == REPOSITORY
    assert phantom_folder() == REPOSITORY / "data" / "phantom"
    monkeypatch.setenv("FEDLAB_CACHE", "")
    assert cache_folder() == REPOSITORY / "data" / "cache"


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert phantom_folder() == REPOSITORY / "data" / "phantom"


@pytest.mark.usefixtures("_installed")
def test_installed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkout() is None
    monkeypatch.setenv("FEDLAB_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"
    assert phantom_folder() == tmp_path / "mine" / "phantom"
    monkeypatch.delenv("FEDLAB_CACHE")
    assert cache_folder() == tmp_path / ".cache" / "fedlab"
    assert phantom_folder() == tmp_path / ".cache" / "fedlab" / "phantom"


def test_a_checkout_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    for name in ("notebooks", "data", "fedlab_utils/data"):
        (shared / name).mkdir(parents=True)
    monkeypatch.setattr(places, "__file__", str(shared / "fedlab_utils" / "data" / "places.py"))
    monkeypatch.delenv("FEDLAB_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert cache_folder() == tmp_path / ".cache" / "fedlab"
    assert phantom_folder() == tmp_path / ".cache" / "fedlab" / "phantom"
    (shared / "data" / "phantom").mkdir()  # whoever set it up made them for all
    assert phantom_folder() == shared / "data" / "phantom"
