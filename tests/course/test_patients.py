from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import nibabel
import numpy as np
import pytest

from fedlab_utils.course import open_patients
from fedlab_utils.course.execute import execute
from fedlab_utils.course.notebook import solved_notebook
from fedlab_utils.course.source import lessons
from fedlab_utils.data import Case
from fedlab_utils.data import cohort as module
from fedlab_utils.errors import IntensityError, LayoutError, UnreadableFileError

every_lesson = pytest.mark.parametrize("lesson", lessons()[:3], ids=lambda lesson: lesson.stem)


@pytest.fixture
def folder(phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of six phantom patients, named in FEDLAB_DATA."""
    copied = Path(shutil.copytree(phantom_dir, tmp_path / "mine"))
    monkeypatch.setenv("FEDLAB_DATA", str(copied))
    return copied


def files_of(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.rglob(f"*_{ending}.nii.gz"), key=lambda path: path.name)


def truncate(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:2000])
    return path.parent.name


@pytest.mark.usefixtures("folder")
def test_one_case_of_each_institution_comes_first() -> None:
    cohort, cases = open_patients(at_most=4)
    names = cohort.table.loc[[case.files.case_id for case in cases], "institution"]
    assert names.nunique() == min(4, cohort.table["institution"].nunique())
    assert len(cohort) == 6


def test_a_bad_case_is_named_with_the_way_out_and_another_takes_its_place(folder, capsys) -> None:
    bad = truncate(files_of(folder, "t1")[0])
    cohort, [case] = open_patients()
    assert cohort.cases[0].case_id == bad != case.files.case_id
    found, left_out = capsys.readouterr().out.splitlines()
    assert found == cohort.description
    assert left_out.startswith(f"Left out: {bad}: ")
    assert "truncated" in left_out


def test_an_incomplete_case_is_named_too(folder, capsys) -> None:
    missing = files_of(folder, "t2")[3]
    missing.unlink()
    assert len(open_patients()[0]) == 5
    assert f"Left out: {missing.parent.name}: " in capsys.readouterr().out


def test_of_many_bad_cases_a_few_are_named(folder, capsys, monkeypatch) -> None:
    monkeypatch.setattr("fedlab_utils.course.patients._NAMED", 2)
    for path in files_of(folder, "flair")[:5]:
        path.write_bytes(b"")
    open_patients(at_most=6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith("Left out: ") for line in lines] == [False, True, True, False]
    assert "3 more" in lines[-1]
    assert "fedlab validate" in lines[-1]


def test_nothing_readable_says_what_to_do(folder, phantom_dir, capsys, monkeypatch) -> None:
    for path in files_of(folder, "t1ce"):
        truncate(path)
    monkeypatch.setattr(module, "phantom_folder", lambda: phantom_dir)
    cohort, _ = open_patients()
    assert cohort.root == phantom_dir
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder}: none of 6 cases can be used; ")
    assert "phantom" in second
    monkeypatch.delenv("FEDLAB_DATA")
    monkeypatch.setattr(module, "phantom_folder", lambda: folder)
    with pytest.raises(UnreadableFileError, match="Remove the folder"):
        open_patients()


@pytest.mark.usefixtures("folder")
def test_a_case_that_the_lesson_cannot_use_is_left_out_too(capsys) -> None:
    def refuse_two(case: Case) -> None:
        if case.files.case_id in refused:
            raise IntensityError(case.files.case_id, "nothing shows", "Look at it")

    refused = open_patients()[0].table.index[:2].tolist()
    capsys.readouterr()
    _, cases = open_patients(at_most=6, must_pass=refuse_two)
    assert len(cases) == 4
    out = capsys.readouterr().out
    assert all(f"Left out: {case_id}: nothing shows. Look at it." in out for case_id in refused)
    assert len(open_patients(at_most=2, must_pass=refuse_two)[1]) == 2


def test_a_folder_without_segmentations_gives_way_to_the_phantom(
    folder, phantom_dir, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(module, "phantom_folder", lambda: phantom_dir)
    for path in files_of(folder, "seg")[1:]:
        path.unlink()
    assert len(open_patients(at_most=2)[1]) == 1
    capsys.readouterr()
    files_of(folder, "seg")[0].unlink()
    cohort, [case] = open_patients()
    assert cohort.root == phantom_dir
    assert case.labels is not None
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder}: none of its 6 cases has a segmentation. ")
    assert "phantom" in second


@pytest.mark.parametrize("name", [".", "nowhere"])
def test_what_is_no_data_set_gives_way_to_the_phantom(
    name, tmp_path, phantom_dir, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(module, "phantom_folder", lambda: phantom_dir)
    monkeypatch.setenv("FEDLAB_DATA", str(tmp_path / name))
    assert open_patients()[0].root == phantom_dir
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / name}: ")
    assert second == "Until then this lesson goes on with the phantom patients."


def test_a_phantom_folder_that_is_no_data_set_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FEDLAB_DATA", raising=False)
    monkeypatch.setattr(module, "phantom_folder", lambda: tmp_path)
    with pytest.raises(LayoutError, match="empty"):
        open_patients()


@pytest.mark.notebooks
@every_lesson
def test_a_lesson_runs_on_a_bad_case_and_a_good_one(lesson, folder, tmp_path) -> None:
    for path in files_of(folder, "seg")[2:]:
        shutil.rmtree(path.parent)
    bad = truncate(files_of(folder, "t1")[0])
    notebook = solved_notebook(lesson)
    execute(notebook, lesson.stem, home=tmp_path, data=folder)
    assert f"Left out: {bad}: " in nbformat.writes(notebook)


@pytest.mark.notebooks
@every_lesson
def test_a_lesson_runs_on_a_folder_without_segmentations(lesson, folder, tmp_path) -> None:
    for path in files_of(folder, "seg"):
        path.unlink()
    notebook = solved_notebook(lesson)
    execute(notebook, lesson.stem, home=tmp_path, data=folder)
    assert "none of its 6 cases has a segmentation" in nbformat.writes(notebook)


@pytest.mark.notebooks
def test_the_lesson_on_preprocessing_leaves_out_what_cannot_be_preprocessed(
    folder, tmp_path
) -> None:
    bad = files_of(folder, "t1")[0].parent
    for quarter, ending in enumerate(("t1", "t1ce", "t2", "flair")):
        [path] = bad.glob(f"*_{ending}.nii.gz")
        image = nibabel.load(path)
        part = np.zeros(image.shape, np.int16)
        part[quarter * 10 : quarter * 10 + 9] = 50 + np.arange(image.shape[2])
        nibabel.save(nibabel.Nifti1Image(part, image.affine, image.header), path)
    lesson = lessons()[2]
    notebook = solved_notebook(lesson)
    execute(notebook, lesson.stem, home=tmp_path, data=folder)
    assert f"Left out: {bad.name}: no voxel shows signal" in nbformat.writes(notebook)


@pytest.mark.notebooks
def test_the_first_lesson_goes_on_where_the_folder_is_empty(tmp_path) -> None:
    (empty := tmp_path / "empty").mkdir()
    notebook = solved_notebook(lessons()[0])
    execute(notebook, "00", home=tmp_path, data=empty)
    text = nbformat.writes(notebook)
    assert "Mend this first: patients." in text
    assert f"{empty}: the folder is empty. " in text
    assert "goes on with the phantom patients" in text
