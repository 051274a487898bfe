"""Every kind of bad input beside a good case: a typed error that names it, and nothing hidden.

One row per kind. All of them go through the same doors as a student's folder: find, validate, load.
"""

from __future__ import annotations

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.validate import validate_folder
from fedlab_utils.errors import (
    DuplicateCaseError,
    GeometryError,
    IntensityError,
    LabelError,
    LayoutError,
    MissingFileError,
    UnreadableFileError,
)
from tests.data.published import BRATS, LPS, SHAPE, save, scan, segmentation, write_case

GOOD, BAD = "Brats18_2013_2_1", "Brats18_TCIA05_396_1"


def path_of(root: Path, role: str) -> Path:
    return root / BAD / f"{BAD}{BRATS[role]}.nii.gz"


def put(role: str, array: np.ndarray, affine: np.ndarray = LPS) -> Callable[[Path], object]:
    return lambda root: save(path_of(root, role), array, affine)


def put_bytes(role: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda root: path_of(root, role).write_bytes(change(path_of(root, role).read_bytes()))


def with_value(value: float) -> np.ndarray:
    volume = scan("T1").astype(np.float32)
    volume[4, 4, 4] = value
    return volume


def claim_huge(content: bytes) -> bytes:
    raw = bytearray(gzip.decompress(content))
    raw[42:48] = struct.pack("<3h", 30000, 30000, 30000)
    return gzip.compress(bytes(raw))


def link_to_itself(root: Path) -> None:
    path_of(root, "T2").unlink()
    path_of(root, "T2").symlink_to(path_of(root, "T2"))


def folder_instead(role: str) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        path_of(root, role).unlink()
        path_of(root, role).mkdir()

    return spoil


def forbid(root: Path) -> None:
    path_of(root, "T1").chmod(0)


def duplicate(root: Path) -> None:
    write_case(root / "copy", BAD)


KINDS = {
    "missing modality": (
        lambda root: path_of(root, "FLAIR").unlink(),
        MissingFileError,
        "FLAIR missing",
    ),
    "truncated gzip": (
        put_bytes("T1", lambda content: content[: len(content) // 2]),
        UnreadableFileError,
        "truncated",
    ),
    "empty file": (put_bytes("T1", lambda _: b""), UnreadableFileError, "empty (0 bytes)"),
    "not NIfTI": (put_bytes("T1", lambda _: b"%PDF-1.7" * 90), UnreadableFileError, "%PDF"),
    "wrong shape": (put("T2", scan("T2")[:-1]), GeometryError, "(11, 14, 10)"),
    "affines that differ": (
        put("T2", scan("T2"), LPS @ np.diag([1, 1, 2, 1.0])),
        GeometryError,
        "9.00 mm apart",
    ),
    "header in metres": (
        put("T1", scan("T1"), LPS @ np.diag([1e-3, 1e-3, 1e-3, 1])),
        GeometryError,
        "voxels of 0.001 x 0.001 x 0.001 mm",
    ),
    "NaN": (put("T1", with_value(np.nan)), IntensityError, "nan"),
    "infinity": (put("T1", with_value(-np.inf)), IntensityError, "-inf"),
    "all-zero volume": (put("T1ce", np.zeros(SHAPE, np.uint8)), IntensityError, "but zeros"),
    "unknown label": (put("label", segmentation(enhancing=7)), LabelError, "value 7"),
    "float labels far from integers": (
        put("label", segmentation() * 0.6),
        LabelError,
        "no whole number, the first 0.6",
    ),
    "4-D where 3-D is due": (put("T1", np.ones((*SHAPE, 2))), GeometryError, "12x14x10x2"),
    "a header that claims too much": (put_bytes("T1", claim_huge), GeometryError, "30000x30000"),
    "duplicate ids": (duplicate, DuplicateCaseError, "there twice"),
    "unreadable permissions": (forbid, UnreadableFileError, "permissions"),
    "a folder for a sequence": (folder_instead("T1"), UnreadableFileError, "is a folder, not a"),
    "a folder for the labels": (folder_instead("label"), UnreadableFileError, "is a folder, not a"),
    "symlink loop": (link_to_itself, UnreadableFileError, "cannot be opened"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    # A path with spaces and letters of several alphabets is part of every test.
    root = tmp_path / "Données à moi" / "脳 мозг"
    write_case(root / GOOD, GOOD)
    write_case(root / BAD, BAD)
    return root


@pytest.fixture
def obey_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make who may read everything, as the superuser and Windows let one, respect a file's mode."""
    opened = Path.open

    def open_if_allowed(path: Path, *how: object, **more: object) -> object:
        if not path.stat().st_mode & 0o222:  # forbidden for good: Windows knows no other bit
            raise PermissionError(13, "Permission denied")
        return opened(path, *how, **more)

    monkeypatch.setattr(Path, "open", open_if_allowed)


@pytest.mark.usefixtures("obey_permissions")
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_case_is_named_and_the_good_one_is_found(root, kind):
    spoil, error, words = KINDS[kind]
    spoil(root)
    good, bad = validate_folder(root)
    assert (good.case, good.problems, good.warnings) == (GOOD, (), ())
    assert bad.case == BAD
    [problem] = bad.problems
    assert problem.startswith(f"{error.__name__}: ")
    assert words in problem
    assert problem.count(". ") >= 1, "cause and remedy are two sentences"

    cohort = load_cohort(root)
    assert cohort.load(GOOD).image.any()
    if len(cohort) == 2:
        with pytest.raises(error) as raised:
            cohort.load(BAD)
    else:
        [problem] = cohort.problems
        with pytest.raises(error) as raised:
            raise problem
    assert raised.value.case == BAD
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "spoil", "warning"),
    [
        ("float labels near integers", put("label", segmentation() * 0.9961), None),
        (
            "negative intensities",
            put("T1", np.where(scan("T1"), scan("T1") - 300, 0).astype(np.int16)),
            None,
        ),
        (
            "tumour outside the brain",
            put(
                "label", np.where(np.indices(SHAPE).sum(0) == 0, 2, segmentation()).astype(np.uint8)
            ),
            "1 tumour voxels lie outside the brain",
        ),
    ],
)
def test_odd_but_usable(root, kind, spoil, warning):
    spoil(root)
    _, odd = validate_folder(root)
    assert odd.problems == (), kind
    assert [text.startswith(warning or "-") for text in odd.warnings] == ([True] if warning else [])
    assert load_cohort(root).load(BAD).labels.any()


@pytest.mark.parametrize("door", [load_cohort, validate_folder])
def test_an_empty_folder(tmp_path, door):
    with pytest.raises(LayoutError, match=re.escape(f"{tmp_path}: the folder is empty")):
        door(tmp_path)


@pytest.mark.parametrize("door", [load_cohort, validate_folder])
@pytest.mark.parametrize("name", ["BraTS.zip", "Task01_BrainTumour.tar", "set.tar.gz"])
def test_an_archive_in_place_of_a_folder(tmp_path, door, name):
    (tmp_path / name).write_bytes(b"PK\3\4")
    with pytest.raises(LayoutError, match=r"is an archive. Unpack it"):
        door(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"colour,shape\nred,round\n", "ClinicalTableError"),
        (b"", "ClinicalTableError"),
        (f"BraTS18ID\n{GOOD}\n".encode(), None),
        (f"\ufeffBraTS18ID;Age\n{GOOD};60,5\n".encode(), None),
        (f"BraTS18ID,Age,Ä\n{GOOD},60.5,ß\n".encode("latin-1"), None),
        (f"BraTS18ID\tAge\n{GOOD}\t60.5\n".encode("utf-16"), None),
    ],
    ids=["foreign columns", "empty", "missing columns", "utf-8-sig", "latin-1", "utf-16"],
)
def test_a_bad_table_hides_no_case(root, content, error):
    (root / "survival_data.csv").write_bytes(content)
    reports = {report.case: report.problems for report in validate_folder(root)}
    assert reports[GOOD] == reports[BAD] == ()
    assert ("survival_data.csv" in reports) == bool(error)
    cohort = load_cohort(root)
    assert len(cohort) == 2
    assert [type(problem).__name__ for problem in cohort.problems] == ([error] if error else [])
    if b"Age" in content.replace(b"\0", b""):
        assert cohort.table.loc[GOOD, "age"] == 60.5
