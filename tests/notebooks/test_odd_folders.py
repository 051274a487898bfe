"""Lessons on a student's own folder in which something is wrong: they go on and say what."""

from __future__ import annotations

import shutil

import nbformat
import nibabel
import numpy as np
import pytest

from fedlab_utils.course.execute import execute
from fedlab_utils.course.notebook import solved_notebook
from fedlab_utils.course.source import lessons
from tests.course.test_patients import files_of, truncate

pytestmark = pytest.mark.notebooks


def first_lessons(count: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("lesson", lessons()[:count], ids=lambda lesson: lesson.stem)


@first_lessons(4)
def test_a_lesson_runs_on_a_bad_case_and_a_good_one(lesson, folder, tmp_path) -> None:
    for path in files_of(folder, "seg")[2:]:
        shutil.rmtree(path.parent)
    bad = truncate(files_of(folder, "t1")[0])
    notebook = solved_notebook(lesson)
    execute(notebook, lesson.stem, home=tmp_path, data=folder)
    assert f"Left out: {bad}: " in nbformat.writes(notebook)


@first_lessons(3)
def test_a_lesson_runs_on_a_folder_without_segmentations(lesson, folder, tmp_path) -> None:
    for path in files_of(folder, "seg"):
        path.unlink()
    notebook = solved_notebook(lesson)
    execute(notebook, lesson.stem, home=tmp_path, data=folder)
    assert "none of its 6 cases has a segmentation" in nbformat.writes(notebook)


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


def test_the_first_lesson_goes_on_where_the_folder_is_empty(tmp_path) -> None:
    (empty := tmp_path / "empty").mkdir()
    notebook = solved_notebook(lessons()[0])
    execute(notebook, "00", home=tmp_path, data=empty)
    text = nbformat.writes(notebook)
    assert "Mend this first: patients." in text
    assert f"{empty}: the folder is empty. " in text
    assert "goes on with the phantom patients" in text
