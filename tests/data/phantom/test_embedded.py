"""The embedded patients are made once, whoever asks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.data import phantom
from fedlab_utils.data.phantom import embedded
from fedlab_utils.data.phantom.embedded import embedded_patients
from fedlab_utils.errors import DataError


def test_they_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def write(out: Path, **settings: object) -> None:
        made.append((out, settings))
        out.mkdir()

    folder = tmp_path / "data" / "phantom"
    monkeypatch.setattr(embedded, "phantom_folder", lambda: folder)
    monkeypatch.setattr(phantom, "write_cohort", write, raising=False)
    assert embedded_patients() == embedded_patients() == folder
    assert made == [(folder, {"cases": 60, "seed": 7, "spacing": 2.0, "layout": "brats2018"})]


def test_two_kernels_may_make_them_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_the_race(out: Path, **settings: object) -> None:
        out.mkdir()
        raise DataError(out, f"it is there already ({settings['cases']} cases)", "Use it")

    def fail(out: Path, **_: object) -> None:
        raise DataError(out, "no space left", "Make room")

    monkeypatch.setattr(embedded, "phantom_folder", lambda: tmp_path / "phantom")
    monkeypatch.setattr(phantom, "write_cohort", fail, raising=False)
    with pytest.raises(DataError, match="no space left"):
        embedded_patients()
    monkeypatch.setattr(phantom, "write_cohort", lose_the_race, raising=False)
    assert embedded_patients() == tmp_path / "phantom"
