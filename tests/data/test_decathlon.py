from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedlab_utils.data.decathlon import check_index
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.errors import LabelError, LayoutError, UnreadableFileError
from tests.data.published import write_msd

# As in the dataset.json of Task01_BrainTumour.
MODALITY = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
LABELS = {
    "0": "background",
    "1": "edema",
    "2": "non-enhancing tumor",
    "3": "enhancing tumour",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_msd(tmp_path / "Task01_BrainTumour")


def declare(root: Path, **entries: object) -> None:
    (root / "dataset.json").write_text(json.dumps({"name": "BRATS", **entries}))


@pytest.mark.parametrize(
    "entries",
    [
        {"modality": MODALITY, "labels": LABELS},
        {},
        {"modality": {"0": "FLAIR", "1": "T1", "2": "T1CE", "3": "T2"}},
        {"modality": {"0": "T2-FLAIR", "1": "T1n", "2": "T1-Gd", "3": "t2w"}},
        {"labels": {"1": "Oedema", "2": "necrosis", "3": "ET"}},
        {"labels": {"0": "background", "1": "ED", "2": "NCR/NET", "3": "Gd-enhancing"}},
    ],
)
def test_what_agrees_is_read(root, entries):
    declare(root, **entries)
    found = find_cases(root)
    assert len(found.cases) == 1
    assert found.problems == ()


def test_no_index_no_check(root):
    check_index(root)
    assert len(find_cases(root).cases) == 1


@pytest.mark.parametrize(
    ("modality", "seen"),
    [
        ({**MODALITY, "0": "T1w", "1": "FLAIR"}, "modality 0 is 'T1w', where FLAIR is read"),
        ({**MODALITY, "2": "T2w", "3": "t1gd"}, "modality 2 is 'T2w', where T1ce is read"),
        ({**MODALITY, "1": "t1gd", "2": "T1w"}, "modality 1 is 't1gd', where T1 is read"),
        ({"0": "MRI"}, "modality 0 is 'MRI', where FLAIR is read"),
        ({"0": "FLAIR", "1": "T1"}, "modality 2 is None, where T1ce is read"),
        ({**MODALITY, "4": "ADC"}, "modality 4 is 'ADC', where nothing is read"),
        (["FLAIR", "T1w"], "not a table of numbers"),
    ],
)
def test_another_order_of_volumes_is_refused(root, modality, seen):
    declare(root, modality=modality, labels=LABELS)
    with pytest.raises(LayoutError, match=seen) as raised:
        find_cases(root)
    assert raised.value.case == str(root / "dataset.json")
    assert "FLAIR, T1, T1ce, T2" in raised.value.remedy


@pytest.mark.parametrize(
    ("labels", "seen"),
    [
        ({**LABELS, "1": "necrosis", "2": "edema"}, "labels 1 is 'necrosis', where peritumoural"),
        ({**LABELS, "2": "enhancing", "3": "non-enhancing"}, "labels 2 is 'enhancing', where nec"),
        ({"0": "background", "1": "tumor"}, "labels 1 is 'tumor'"),
        ({**LABELS, "4": "resection cavity"}, "labels 4 is 'resection cavity', where nothing"),
        ({**LABELS, "0": "edema"}, "labels 0 is 'edema', where background is read"),
    ],
)
def test_another_meaning_of_labels_is_refused_unless_the_user_names_it(root, labels, seen):
    declare(root, modality=MODALITY, labels=labels)
    with pytest.raises(LabelError, match=seen) as raised:
        find_cases(root)
    assert raised.value.case == str(root / "dataset.json")
    assert "scheme=" in raised.value.remedy
    [case] = find_cases(root, scheme="brats2023").cases
    assert case.scheme == "brats2023"


def test_a_folder_below_the_index_is_checked_too(root):
    declare(root, modality={**MODALITY, "0": "T2w"})
    with pytest.raises(LayoutError, match="modality 0 is 'T2w'"):
        find_cases(root / "imagesTr")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"\x93NUMPY"])
def test_a_broken_index_is_a_problem_and_the_cases_are_found(root, content):
    (root / "dataset.json").write_bytes(content)
    found = find_cases(root)
    assert len(found.cases) == 1
    [problem] = found.problems
    assert isinstance(problem, UnreadableFileError)
    assert "no JSON" in problem.cause


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_an_index_of_another_kind_declares_nothing(root, content):
    (root / "dataset.json").write_text(content)
    assert find_cases(root).problems == ()
