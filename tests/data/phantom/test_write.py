from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fedlab_utils.data import load_case, load_cohort, validate_folder
from fedlab_utils.data.phantom import make_patient, write_cohort
from fedlab_utils.data.phantom import write as module
from fedlab_utils.errors import DataError
from tests.conftest import REPOSITORY
from tests.data.test_workers import all_gone

SPACING = 6.0


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("layout", module.LAYOUTS)
def test_the_loader_reads_back_what_was_made(tmp_path: Path, layout: str) -> None:
    folder = write_cohort(
        tmp_path / "c", cases=3, seed=2, spacing=SPACING, layout=layout, workers=1
    )
    cohort = load_cohort(folder)
    assert cohort.layout == layout
    assert cohort.problems == cohort.warnings == ()
    for report in validate_folder(folder, workers=1):
        assert report.is_case
        assert report.problems == report.warnings == ()
    for index in range(3):
        case_id = module.case_ids(index, 2, layout)[0]
        patient = make_patient(index, seed=2, spacing=SPACING)
        case = cohort.load(case_id)
        np.testing.assert_array_equal(case.image, patient.image)
        np.testing.assert_array_equal(case.labels, patient.labels)
        np.testing.assert_allclose(case.affine, patient.affine)
        assert case.warnings == ()
        row = cohort.table.loc[case_id]
        assert row.grade == patient.clinical["grade"]
        assert row.age == pytest.approx(patient.clinical["age"])
        assert row.survival_days == patient.clinical["survival_days"]
        assert row.institution == patient.clinical["institution"]


def test_files_look_like_published_ones(phantom_dir: Path) -> None:
    cohort = load_cohort(phantom_dir)
    assert len(cohort) == 6
    for files in cohort.cases:
        assert files.case_id.startswith(f"Brats18_Phantom{files.site.removeprefix('Phantom')}_")
        for path in files.paths:
            image = nib.load(path)
            assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
            kind = np.uint8 if path == files.label else np.int16
            assert image.get_data_dtype() == kind
            assert image.header["xyzt_units"] & 7 == 2  # mm
        assert set(np.unique(nib.load(files.label).dataobj)) <= {0, 1, 2, 4}
        assert not load_case(files).warnings


def test_survival_table_is_that_of_the_challenge(phantom_dir: Path) -> None:
    lines = (phantom_dir / "survival_data.csv").read_text().splitlines()
    assert lines[0] == "BraTS18ID,Age,Survival,ResectionStatus"
    high = sorted(path.name for path in (phantom_dir / "HGG").iterdir())
    assert sorted(line.split(",")[0] for line in lines[1:]) == high


def test_some_patients_come_twice_where_the_layout_knows_visits(tmp_path: Path) -> None:
    twice = [i for i in range(60) if len(module.case_ids(i, 2, "brats2023")) == 2]
    assert 2 <= len(twice) <= 15
    count = twice[0] + 1
    folder = write_cohort(tmp_path / "c", count, seed=2, spacing=8.0, layout="brats2023", workers=1)
    cohort = load_cohort(folder)
    assert len(cohort) == count + 1
    first, second = (cohort.load(name) for name in module.case_ids(twice[0], 2, "brats2023"))
    np.testing.assert_array_equal(first.labels, second.labels)
    assert (first.image != second.image).any()
    assert cohort.table.patient_id.nunique() == count


def test_how_it_was_made_stands_beside_the_patients(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "c", 2, seed=5000, spacing=8, layout="msd", workers=1)
    told = json.loads((folder / "phantom.json").read_text("utf-8"))
    assert told == {"seed": 5000, "spacing": 8.0, "layout": "msd", "cases": 2}


def test_the_decathlon_has_its_index(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "c", 2, spacing=8.0, layout="msd", workers=1)
    index = json.loads((folder / "dataset.json").read_text())
    assert index["numTraining"] == 2
    for pair in index["training"]:
        assert nib.load(folder / pair["image"]).shape == (30, 30, 19, 4)
        assert (folder / pair["label"]).exists()


def test_files_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one, two = (
        write_cohort(tmp_path / str(n), cases=3, seed=4, spacing=8.0, workers=n) for n in (1, 2)
    )
    assert _contents(one) == _contents(two)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(DataError, match="there already"):
        write_cohort(tmp_path / "mine", cases=1)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_an_unknown_layout_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="brats2019"):
        write_cohort(tmp_path / "c", cases=1, layout="brats2019")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"cases": 0}, "cases is 0"),
        ({"cases": -3}, "cases is -3"),
        ({"cases": 2.5}, "cases is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**128}, "seed has 129 bits"),
        ({"seed": 10**5000}, "seed has 16610 bits"),
        ({"spacing": 0.4}, "spacing is 0.4 mm"),
        ({"spacing": 8.1}, "spacing is 8.1 mm"),
        ({"spacing": float("nan")}, "spacing is nan mm"),
        ({"spacing": float("inf")}, "spacing is inf mm"),
    ],
)
def test_numbers_out_of_range_are_refused_before_any_work(
    tmp_path: Path, settings: dict[str, float], cause: str
) -> None:
    with pytest.raises(DataError, match=f"phantom: {cause}[.] Pass a"):
        write_cohort(tmp_path / "c", **{"cases": 1, **settings})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("keep")
    for out in (tmp_path / "file" / "c", tmp_path / ("x" * 300)):
        with pytest.raises(DataError, match="cannot be written") as raised:
            write_cohort(out, cases=1, spacing=8.0, workers=1)
        assert raised.value.case == str(out)
    assert (tmp_path / "file").read_text() == "keep"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    # written by a worker, and by this process
    monkeypatch.setattr(module, "write_nifti" if workers == 1 else "write_tables", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        write_cohort(tmp_path / "c", cases=2, spacing=8.0, workers=workers)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, workers: int) -> None:
    place = tmp_path / "place"
    place.mkdir()

    def stop(done: int, total: int) -> None:
        assert (done, total) == (1, 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(place / "c", cases=4, spacing=8.0, workers=workers, progress=stop)
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")
@pytest.mark.parametrize(
    ("layout", "signals"),
    [
        ("brats2018", [signal.SIGINT] * 2),
        ("brats2018", [signal.SIGTERM, signal.SIGINT]),
        ("msd", [signal.SIGINT] * 5),
    ],
)
def test_however_often_it_is_stopped_it_leaves_nothing(
    tmp_path: Path, layout: str, signals: list[signal.Signals]
) -> None:
    place = tmp_path / "place"
    command = "import sys; from fedlab_utils.cli import app; app(sys.argv[1:])"
    options = ["--cases=500", "--spacing=4", f"--layout={layout}", f"--out={place / 'cohort'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", command, "phantom", *options],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        # A background job inherits SIGINT ignored; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not any(place.rglob("*.nii.gz")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no case was written"
        time.sleep(0.02)
    for number in signals:
        if process.poll() is None:
            os.killpg(process.pid, number)
            time.sleep(0.1)
    said = process.communicate(timeout=60)[1]
    # The last one may come when all is done and the interpreter itself is about to end.
    assert process.returncode in (130, -signal.SIGINT)
    assert said.strip().startswith("Stopping")
    assert "Nothing half-written was left behind" in said
    assert all_gone(process.pid)
    assert list(place.iterdir()) == []


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen = []
    write_cohort(
        tmp_path / "c", 3, spacing=8.0, workers=1, progress=lambda *step: seen.append(step)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
