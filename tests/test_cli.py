"""The command line, as a shell or a program sees it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from tests.conftest import REPOSITORY
from tests.data.published import write_case

run = CliRunner().invoke


def test_phantom_then_validate(tmp_path: Path) -> None:
    """In a layout with a folder per case and in one without; the others are the writer's test."""
    for layout in ("brats2023", "msd"):
        out = tmp_path / layout
        made = run(
            app,
            [
                "phantom",
                "--cases=2",
                "--spacing=6",
                "--layout",
                layout,
                "--out",
                str(out),
                "--json",
            ],
        )
        assert made.exit_code == 0, made.output
        assert json.loads(made.stdout) == {"folder": str(out), "cases": 2, "layout": layout}
        checked = run(app, ["validate", str(out), "--json"])
        assert checked.exit_code == 0, checked.output
        rows = json.loads(checked.stdout)
        assert len(rows) >= 2
        assert all(row["layout"] == layout and row["problems"] == [] for row in rows)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize(
    "words", ["validate DIR", "validate DIR --json", "hospitals --hospitals=2 --json --data DIR"]
)
def test_output_that_cannot_be_written_is_one_line(phantom_dir: Path, words: str) -> None:
    """Neither a traceback, nor a second complaint when Python ends."""
    given = [str(phantom_dir) if word == "DIR" else word for word in words.split()]
    command = [sys.executable, "-m", "fedlab_utils", *given]
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            command, cwd=REPOSITORY, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 2
    assert ran.stderr == "The output cannot be written: No space left on device.\n"


def test_validate_exits_1_and_names_the_faulty_case_only(phantom_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    shutil.copytree(phantom_dir, folder)
    flair = sorted(folder.rglob("*_flair.nii.gz"))[2]
    flair.unlink()
    checked = run(app, ["validate", str(folder), "--json"])
    assert checked.exit_code == 1
    rows = json.loads(checked.stdout)
    faulty = [row for row in rows if row["problems"]]
    assert len(rows) == 6
    assert [row["case"] for row in faulty] == [flair.parent.name]
    assert "FLAIR" in faulty[0]["problems"][0]


def test_validate_counts_cases_and_tables_apart(phantom_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    shutil.copytree(phantom_dir, folder)
    (folder / "survival_data.csv").write_text("colour\nred\n")
    (folder / "clinical_notes.xlsx").touch()
    checked = run(app, ["validate", str(folder)])
    assert checked.exit_code == 1
    assert "6 cases, 0 faulty; faulty tables and folders: 1" in checked.stderr
    told = [line for line in checked.stdout.splitlines() if line.startswith("clinical_notes")]
    assert len(told) == 1
    assert "warning" in told[0]


def test_a_folder_that_is_no_data_set_is_one_clear_line(tmp_path: Path) -> None:
    ran = run(app, ["validate", str(tmp_path)])
    assert ran.exit_code == 2
    assert ran.output.count("\n") == 1
    assert "Traceback" not in ran.output


def test_a_refusal_is_a_json_document_too(tmp_path: Path) -> None:
    ran = run(app, ["validate", str(tmp_path / "nowhere"), "--json"])
    assert ran.exit_code == 2
    error = json.loads(ran.stdout)["error"]
    assert (error["type"], error["case"]) == ("MissingFileError", str(tmp_path / "nowhere"))
    assert (
        ran.stderr == f"MissingFileError: {error['case']}: {error['cause']}. {error['remedy']}.\n"
    )
    assert json.loads(run(app, ["phantom", "--spacing=nan", "--json"]).stdout)["error"]


@pytest.mark.parametrize(
    "wrong",
    [["--spacing", "nan"], ["--out", "{file}/x"]]
    + ([["--out", "/proc/x"]] if sys.platform == "linux" else []),
)
def test_phantoms_that_cannot_be_made_are_one_clear_line(tmp_path: Path, wrong: list[str]) -> None:
    (tmp_path / "file").touch()
    options = [option.format(file=tmp_path / "file") for option in wrong]
    ran = run(app, ["phantom", "--cases=1", f"--out={tmp_path / 'c'}", *options])
    assert ran.exit_code == 2
    assert ran.output.startswith("DataError: ")
    assert ran.output.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_letters_that_the_terminal_does_not_have(tmp_path: Path, form: list[str]) -> None:
    folder = tmp_path / "cohort"
    write_case(folder / "患者1", "患者1")
    (folder / "患者1" / "患者1_seg.nii.gz").write_bytes(b"")
    ran = subprocess.run(
        [sys.executable, "-m", "fedlab_utils", "validate", folder, "--layout=brats2018", *form],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    assert b"\\u60a3\\u8005" + b"1" in ran.stdout
    if form:
        assert [row["case"] for row in json.loads(ran.stdout)] == ["患者1"]


def test_phantom_never_overwrites(phantom_dir: Path) -> None:
    before = sorted(path.name for path in phantom_dir.rglob("*"))
    ran = run(app, ["phantom", "--cases", "1", "--spacing", "6", "--out", str(phantom_dir)])
    assert ran.exit_code == 2
    assert sorted(path.name for path in phantom_dir.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    command = [sys.executable, "-m", "fedlab_utils", "phantom", "--cases", "500", "--out", str(out)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # A background job inherits SIGINT ignored; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while not any(tmp_path.rglob("*.nii.gz")):
        assert time.monotonic() < deadline, "no case was written"
        time.sleep(0.05)
    # What a terminal does: every process of the foreground group gets the signal.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
