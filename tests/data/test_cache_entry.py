from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.cache_entry import open_entry, write_entry
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.errors import CacheError
from tests.data import tiny


@pytest.fixture(scope="module")
def patient() -> Preprocessed:
    return preprocess(tiny.case(warnings=("odd",)), PreprocessSettings(8.0))


@pytest.fixture
def entry(patient: Preprocessed, tmp_path: Path) -> Path:
    write_entry(tmp_path, patient)
    return tmp_path


@pytest.mark.parametrize("labelled", [True, False])
def test_what_is_written_is_opened(patient: Preprocessed, tmp_path: Path, labelled: bool) -> None:
    if not labelled:
        patient = replace(patient, labels=None)
    write_entry(tmp_path, patient)
    opened = open_entry(tmp_path, "case", "patient")
    assert (opened.case_id, opened.patient_id) == ("case", "patient")
    assert (opened.labels is not None) == labelled
    np.testing.assert_array_equal(opened.image, patient.image.astype(np.float16))
    for field in fields(Preprocessed):
        if field.name in {"labels", "brain", "affine"}:
            np.testing.assert_array_equal(getattr(opened, field.name), getattr(patient, field.name))
        elif field.name not in {"image", "case_id", "patient_id"}:
            assert getattr(opened, field.name) == getattr(patient, field.name)


def test_arrays_are_mapped_slice_after_slice(entry: Path) -> None:
    opened = open_entry(entry, "case", "patient")
    for array in (opened.image, opened.labels, opened.brain):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
        assert array[..., 3].flags.f_contiguous


def test_nothing_there(tmp_path: Path) -> None:
    assert open_entry(tmp_path / "nowhere", "case", "patient") is None
    (tmp_path / "file").touch()
    assert open_entry(tmp_path / "file", "case", "patient") is None


@pytest.mark.parametrize("victim", ["image.npy", "labels.npy", "brain.npy", "meta.json"])
def test_what_is_not_whole_is_not_opened(entry: Path, victim: str) -> None:
    (entry / victim).write_bytes((entry / victim).read_bytes()[:-5])
    assert open_entry(entry, "case", "patient") is None


@pytest.mark.parametrize("key", ["affine", "spacing", "box", "bytes"])
def test_a_record_that_lacks_something_is_not_opened(entry: Path, key: str) -> None:
    meta = json.loads((entry / "meta.json").read_text())
    del meta[key]
    (entry / "meta.json").write_text(json.dumps(meta))
    assert open_entry(entry, "case", "patient") is None


@pytest.mark.parametrize("record", ["null", "[]", '{"bytes": null}', '{"bytes": {}}', "{"])
def test_a_record_that_is_something_else_is_not_opened(entry: Path, record: str) -> None:
    (entry / "meta.json").write_text(record)
    assert open_entry(entry, "case", "patient") is None


def test_a_disk_that_fails_is_named(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(np, "load", fail)
    with pytest.raises(
        CacheError, match=r"case1: the cache entry .* cannot be read: .*output error"
    ):
        open_entry(entry, "case1", "patient")
