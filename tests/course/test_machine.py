from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fedlab_utils.course import machine, preflight
from fedlab_utils.course.machine import LOOK, OK, STOP, Line, Preflight


def line(what: str) -> Line:
    return next(x for x in preflight().lines if x.what == what)


def test_every_line_has_a_verdict_in_words_and_something_to_do() -> None:
    report = preflight()
    table = ElementTree.fromstring(report.table_html())
    rows = ["".join(row.itertext()) for row in table.find("tbody")]
    assert len(rows) == len(report.lines) >= 9
    for x, row in zip(report.lines, rows, strict=True):
        assert x.verdict in (OK, LOOK, STOP)
        assert x.advice
        assert x.verdict in row
    assert report.summary in report.table_text()


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [((OK, OK), "ready"), ((OK, LOOK), "Worth a look: b"), ((STOP, LOOK), "Mend this first: a")],
)
def test_the_summary_names_the_worst(verdicts: tuple, says: str) -> None:
    lines = (Line("a", "x", verdicts[0]), Line("b", "y", verdicts[1]))
    assert says in Preflight(lines).summary


@pytest.mark.parametrize(
    ("gigabytes", "verdict"), [(1.0, STOP), (2.0, LOOK), (2.147, LOOK), (8.0, OK)]
)
def test_memory_is_judged(gigabytes: float, verdict: str, monkeypatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: (int(gigabytes * 1e9), True))
    assert line("memory").verdict == verdict


@pytest.mark.parametrize(("free", "verdict"), [(0.5e9, STOP), (3e9, LOOK), (50e9, OK)])
def test_disk_is_judged(free: float, verdict: str, monkeypatch) -> None:
    usage = shutil._ntuple_diskusage(100e9, 0, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert line("disk").verdict == verdict


def test_the_tier_is_judged(monkeypatch) -> None:
    monkeypatch.delenv("FEDLAB_DATA", raising=False)
    monkeypatch.delenv("FEDLAB_TIER", raising=False)
    assert "phantom" in line("patients").found
    assert (line("tier").found, line("tier").verdict) == ("laptop", OK)
    monkeypatch.setenv("FEDLAB_TIER", "huge")
    assert (line("tier").verdict, line("tier").found) == (STOP, "there is no tier 'huge'")
    monkeypatch.setenv("FEDLAB_TIER", " Laptop ")  # as the lessons take it
    assert (line("tier").verdict, line("tier").found) == (OK, "laptop")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setenv("FEDLAB_TIER", "gpu")
    assert line("tier").verdict == LOOK


def test_a_folder_of_patients_is_looked_into(phantom_dir, tmp_path, monkeypatch) -> None:
    mine = Path(shutil.copytree(phantom_dir, tmp_path / "mine"))
    (tmp_path / "empty").mkdir()
    for folder, says in (
        (tmp_path / "empty", "the folder is empty"),
        (tmp_path / "nowhere", "there is no such folder"),
    ):
        monkeypatch.setenv("FEDLAB_DATA", str(folder))
        assert line("patients").verdict == STOP
        assert line("patients").found == f"`{folder}`: {says}"
        assert line("patients").advice.endswith(". Or unset `FEDLAB_DATA` to use the phantom")
    monkeypatch.setenv("FEDLAB_DATA", str(mine))
    assert (line("patients").verdict, line("patients").found) == (
        OK,
        f"6 cases in the folder `{mine}`",
    )
    next(mine.rglob("*_t2.nii.gz")).unlink()
    assert line("patients").verdict == LOOK
    assert line("patients").found.endswith("; 1 problem")
    for path in mine.rglob("*_seg.nii.gz"):
        path.unlink()
    assert line("patients").verdict == STOP
    assert "has a segmentation" in line("patients").found


def test_a_folder_is_looked_into_as_the_lessons_read_it(phantom_dir, tmp_path, monkeypatch) -> None:
    """With FEDLAB_LAYOUT and FEDLAB_SCHEME, where the names in the folder do not tell."""
    case = next(phantom_dir.glob("*/*/*_t1.nii.gz")).parent
    (tmp_path / "patient1").mkdir()
    for path in case.iterdir():
        name = path.name.replace(case.name, "patient1")
        shutil.copyfile(path, tmp_path / "patient1" / name)
    monkeypatch.setenv("FEDLAB_DATA", str(tmp_path))
    assert line("patients").verdict == STOP
    monkeypatch.setenv("FEDLAB_LAYOUT", "brats2018")
    assert (line("patients").verdict, line("patients").found[:7]) == (OK, "1 case ")
    monkeypatch.setenv("FEDLAB_SCHEME", "brats1999")
    assert "no label scheme 'brats1999'" in line("patients").found


def test_the_place_is_recognised(monkeypatch) -> None:
    assert line("place").verdict == OK
    monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
    assert "Binder" in line("place").found
    monkeypatch.setitem(sys.modules, "google.colab", os)
    assert "Colab" in line("place").found


def test_a_graphics_card_that_torch_cannot_use_is_pointed_out(tmp_path, monkeypatch) -> None:
    import torch

    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Tesla T4, 15360 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(tool))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert (line("GPU").found, line("GPU").verdict) == ("Tesla T4, 15360 MiB", LOOK)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert line("GPU").verdict == OK


def test_a_look_that_fails_hides_no_other(monkeypatch) -> None:
    def broken() -> tuple[int, bool]:
        raise PermissionError("no")

    monkeypatch.setattr(machine, "memory_bytes", broken)
    report = preflight()
    assert line("memory").found == "could not be read (PermissionError: no)"
    assert len(report.lines) >= 9
