from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import cache
from fedlab_utils.data.cache import build_cache, entry_name, load_preprocessed
from fedlab_utils.data.case import Case, load_case
from fedlab_utils.data.layouts import CaseFiles
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.errors import CacheError, DataError, UnreadableFileError
from tests.conftest import REPOSITORY
from tests.data import tiny

SETTINGS = PreprocessSettings(spacing=8.0)


@pytest.fixture
def files(tmp_path: Path) -> CaseFiles:
    return tiny.write(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entries(folder: Path) -> list[str]:
    """What lies in the cache, finished or not, apart from the memo of digests."""
    return sorted(p.name for p in folder.iterdir() if p.name != "digests")


def test_cached_arrays_are_those_of_preprocessing(files: CaseFiles, folder: Path) -> None:
    fresh = preprocess(load_case(files), SETTINGS)
    for _ in ("cold", "warm"):
        cached = load_preprocessed(files, SETTINGS, folder)
        assert np.array_equal(cached.image, fresh.image.astype(np.float16))
        np.testing.assert_allclose(cached.image, fresh.image, atol=0.002)
        assert np.array_equal(cached.labels, fresh.labels)
        assert np.array_equal(cached.brain, fresh.brain)
        assert np.array_equal(cached.affine, fresh.affine)
        for field in fields(Preprocessed):
            if field.name not in {"image", "labels", "brain", "affine"}:
                assert getattr(cached, field.name) == getattr(fresh, field.name)


def test_arrays_are_read_only_maps_with_contiguous_slices(files: CaseFiles, folder: Path) -> None:
    cached = load_preprocessed(files, SETTINGS, folder)
    for array in (cached.image, cached.labels, cached.brain):
        assert isinstance(array, np.memmap)
        assert array[..., 3].flags.f_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[..., 0] = 0


def test_warm_cache_reads_no_image(
    files: CaseFiles, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_preprocessed(files, SETTINGS, folder)
    monkeypatch.setattr("fedlab_utils.data.case.load_case", lambda _: pytest.fail("read again"))
    load_preprocessed(files, SETTINGS, folder)


def test_a_case_without_segmentation(files: CaseFiles, folder: Path) -> None:
    assert load_preprocessed(replace(files, label=None), SETTINGS, folder).labels is None


def test_name_follows_content_settings_scheme_and_code(
    files: CaseFiles, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        entry_name(files, SETTINGS, folder),
        entry_name(files, PreprocessSettings(spacing=7.0), folder),
        entry_name(files, PreprocessSettings(spacing=8.0, n4=True), folder),
        entry_name(replace(files, scheme="brats2023"), SETTINGS, folder),
        entry_name(replace(files, label=None), SETTINGS, folder),
        entry_name(tiny.write(tmp_path / "other", seed=1), SETTINGS, folder),
    ]
    monkeypatch.setattr(cache, "CODE_VERSION", cache.CODE_VERSION + 1)
    names.append(entry_name(files, SETTINGS, folder))
    assert len(set(names)) == len(names)
    assert all(name.startswith("Brats18_Tiny_1_1-") for name in names)


def test_name_does_not_follow_the_place(files: CaseFiles, folder: Path, tmp_path: Path) -> None:
    moved = tiny.write(tmp_path / "elsewhere")
    shutil.copytree(files.label.parent, moved.label.parent, dirs_exist_ok=True)
    assert entry_name(files, SETTINGS, folder) == entry_name(moved, SETTINGS, folder)


@pytest.mark.parametrize("victim", ["image.npy", "labels.npy", "brain.npy", "meta.json"])
@pytest.mark.parametrize("harm", ["truncated", "missing", "empty"])
def test_a_spoilt_entry_is_built_again(
    files: CaseFiles, folder: Path, victim: str, harm: str
) -> None:
    before = np.array(load_preprocessed(files, SETTINGS, folder).image)
    (entry,) = entries(folder)
    path = folder / entry / victim
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-5] if harm == "truncated" else b"")
    after = load_preprocessed(files, SETTINGS, folder)
    assert np.array_equal(after.image, before)
    assert entries(folder) == [entry]


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_full_disk_leaves_no_cache(
    files: CaseFiles, folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    real, calls = np.save, []

    def full(path: Path, array: np.ndarray) -> None:
        calls.append(path)
        if len(calls) == failing:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, array)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(CacheError, match=r"Brats18_Tiny_1_1.*No space left.*FEDLAB_CACHE"):
        load_preprocessed(files, SETTINGS, folder)
    assert entries(folder) == []
    monkeypatch.undo()
    load_preprocessed(files, SETTINGS, folder)
    assert len(entries(folder)) == 1


def test_a_disk_that_fills_up_while_syncing_leaves_no_cache(
    files: CaseFiles, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CacheError):
        load_preprocessed(files, SETTINGS, folder)
    assert entries(folder) == []


def test_a_cache_folder_that_is_a_file(files: CaseFiles, folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(CacheError):
        load_preprocessed(files, SETTINGS, folder)


def test_an_unreadable_case_is_not_cached(files: CaseFiles, folder: Path) -> None:
    files.label.unlink()
    with pytest.raises(UnreadableFileError, match="Brats18_Tiny_1_1"):
        load_preprocessed(files, SETTINGS, folder)
    assert not folder.exists() or entries(folder) == []


CHILD = """
import sys, time
from pathlib import Path
from fedlab_utils.data import cache
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.preprocessing import PreprocessSettings
data, folder, mode = sys.argv[1:]
(files,) = find_cases(Path(data)).cases
if mode == "hang":
    write = cache.write_entry
    def hang(where, result):
        write(where, result)
        (where / "meta.json").unlink()
        print("half", flush=True)
        time.sleep(60)
    cache.write_entry = hang
else:
    open_ = cache.open_entry
    def open_late(entry, case_id, patient_id, first=[True]):
        found = open_(entry, case_id, patient_id)
        if first:
            first.clear()
            assert found is None
            print("ready", flush=True)
            sys.stdin.readline()
        return found
    cache.open_entry = open_late
result = cache.load_preprocessed(files, PreprocessSettings(spacing=8.0), Path(folder))
print(float(result.image.astype("float32").sum()), flush=True)
"""


def child(data: Path, folder: Path, mode: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data), str(folder), mode],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_at_once(files: CaseFiles, folder: Path, tmp_path: Path) -> None:
    """Both find no entry, then both build it."""
    builders = [child(tmp_path / "data", folder, "race") for _ in range(2)]
    assert [b.stdout.readline().strip() for b in builders] == ["ready", "ready"]
    for builder in builders:
        builder.stdin.write("\n")
        builder.stdin.flush()
    sums = [builder.communicate(timeout=60)[0].strip() for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0]
    assert sums[0] == sums[1] != ""
    assert len(entries(folder)) == 1
    ours = load_preprocessed(files, SETTINGS, folder)
    assert float(ours.image.astype(np.float32).sum()) == float(sums[0])


def test_a_killed_builder_leaves_no_entry(files: CaseFiles, folder: Path, tmp_path: Path) -> None:
    builder = child(tmp_path / "data", folder, "hang")
    assert builder.stdout.readline().strip() == "half"
    assert len(entries(folder)) == 1  # its temporary folder
    builder.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    builder.communicate(timeout=60)
    expected = entry_name(files, SETTINGS, folder)
    assert expected not in entries(folder)
    load_preprocessed(files, SETTINGS, folder)
    assert entries(folder) == [expected]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_case_does_not_hide_the_others(tmp_path: Path, folder: Path, workers: int) -> None:
    cases = [tiny.write(tmp_path / "data", f"Brats18_Tiny_{k}_1", seed=k) for k in range(3)]
    cases[1].label.write_bytes(b"no NIfTI")
    seen = []
    problems = build_cache(
        cases, SETTINGS, workers, lambda done, total: seen.append((done, total)), folder
    )
    assert [(type(p).__mro__[1], p.case) for p in problems] == [(DataError, "Brats18_Tiny_1_1")]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert [name.split("-")[0] for name in entries(folder)] == [
        "Brats18_Tiny_0_1",
        "Brats18_Tiny_2_1",
    ]


@pytest.mark.parametrize("error", [MemoryError("no 4 TiB"), RuntimeError("surprise")])
def test_an_unforeseen_error_is_a_problem_of_its_case(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    cases = [tiny.write(tmp_path / "data", f"Brats18_Tiny_{k}_1", seed=k) for k in range(3)]

    def fail_on_1(case: Case, settings: PreprocessSettings) -> Preprocessed:
        if case.files.case_id == "Brats18_Tiny_1_1":
            raise error
        return preprocess(case, settings)

    monkeypatch.setattr(cache, "preprocess", fail_on_1)
    (problem,) = build_cache(cases, SETTINGS, workers=1, cache_dir=folder)
    assert type(problem) is DataError
    assert problem.case == "Brats18_Tiny_1_1"
    assert f"({type(error).__name__}: {error})" in problem.cause
    assert len(entries(folder)) == 2


def die_on_1(files: CaseFiles, **_: object) -> None:
    """Stand-in for an attempt in a worker: one case takes more memory than there is."""
    if files.case_id == "Brats18_Tiny_1_1":
        os._exit(1)


def test_a_case_that_kills_its_process_is_a_problem(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [tiny.write(tmp_path / "data", f"Brats18_Tiny_{k}_1", seed=k) for k in range(3)]
    monkeypatch.setattr(cache, "_attempt", die_on_1)
    (problem,) = build_cache(cases, SETTINGS, workers=2, cache_dir=folder)
    assert problem.case == "Brats18_Tiny_1_1"
    assert "killed the process" in problem.cause


def test_a_full_disk_stops_the_building_of_many(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [tiny.write(tmp_path / "data", f"Brats18_Tiny_{k}_1") for k in range(2)]
    monkeypatch.setattr(np, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(CacheError):
        build_cache(cases, SETTINGS, workers=1, cache_dir=folder)


def test_cached_cases_start_no_process(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [tiny.write(tmp_path / "data", f"Brats18_Tiny_{k}_1", seed=k) for k in range(3)]
    assert build_cache(cases[:2], SETTINGS, workers=1, cache_dir=folder) == ()
    handed: list[str] = []

    def spread(work, left, *_: object) -> list:
        handed.extend(files.case_id for files in left)
        return [work(files) for files in left]

    monkeypatch.setattr(cache, "spread", spread)
    seen: list[tuple[int, int]] = []
    told = {"progress": lambda done, total: seen.append((done, total)), "cache_dir": folder}
    assert build_cache(cases, SETTINGS, **told) == ()
    assert handed == ["Brats18_Tiny_2_1"]
    assert seen == [(2, 3), (3, 3)]


def test_no_cases_no_problems(folder: Path) -> None:
    assert build_cache((), SETTINGS, cache_dir=folder) == ()


def test_folder_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: CaseFiles
) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "mine"))
    load_preprocessed(files, SETTINGS)
    assert len(entries(tmp_path / "mine")) == 1
