from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedlab_utils.course import open_patients
from fedlab_utils.course.patients import draw_patients, several_patients
from fedlab_utils.data import Case, Cohort, PreprocessSettings
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.phantom import embedded
from fedlab_utils.errors import IntensityError, LayoutError, UnreadableFileError


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
    monkeypatch.setattr(embedded, "phantom_folder", lambda: phantom_dir)
    cohort, _ = open_patients()
    assert cohort.root == phantom_dir
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder}: none of 6 cases can be used; ")
    assert "phantom" in second
    monkeypatch.delenv("FEDLAB_DATA")
    monkeypatch.setattr(embedded, "phantom_folder", lambda: folder)
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
    monkeypatch.setattr(embedded, "phantom_folder", lambda: phantom_dir)
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
    monkeypatch.setattr(embedded, "phantom_folder", lambda: phantom_dir)
    monkeypatch.setenv("FEDLAB_DATA", str(tmp_path / name))
    assert open_patients()[0].root == phantom_dir
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path / name}: ")
    assert second == "Until then this lesson goes on with the phantom patients."


def test_a_phantom_folder_that_is_no_data_set_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("FEDLAB_DATA", raising=False)
    monkeypatch.setattr(embedded, "phantom_folder", lambda: tmp_path)
    with pytest.raises(LayoutError, match="empty"):
        open_patients()


def large_cohort(institutions: dict[str | None, int], visits: int = 1) -> Cohort:
    """A cohort of files that nobody opens: so many patients of each institution."""
    cases, values = [], []
    for name, patients in institutions.items():
        for number in range(patients):
            for visit in range(visits):
                patient = f"{name}-{number:04}"
                cases.append(CaseFiles(f"{patient}-{visit}", patient, str(visit), "x", "y", {}))
                values.append(name)
    index = [case.case_id for case in cases]
    table = pd.DataFrame({"institution": pd.array(values, "string")}, index=index)
    return Cohort(Path("there"), "x", "a large folder", tuple(cases), (), table)


def test_enough_patients_are_drawn_and_one_that_cannot_be_used_is_left_out(
    folder, capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "cache"))
    bad = truncate(files_of(folder, "flair")[2])
    some = several_patients(6, PreprocessSettings(spacing=8.0), fewest=5)
    assert set(some.table.index) == set(open_patients()[0].table.index) - {bad}
    drawn = draw_patients(open_patients()[0], 4, seed=3)
    few = several_patients(4, PreprocessSettings(spacing=8.0), fewest=5)
    assert set(few.table.index) == set(drawn.table.index) - {bad}
    assert "Too few" not in capsys.readouterr().out


def test_phantoms_take_the_place_of_too_few(
    folder, phantom_dir, capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "phantom_folder", lambda: phantom_dir)
    some = several_patients(2, PreprocessSettings(spacing=8.0), fewest=7)
    assert (some.root, len(some)) == (phantom_dir, 2)
    assert folder != phantom_dir
    assert "Too few patients" in capsys.readouterr().out.splitlines()[-1]


def counted(cohort: Cohort) -> dict:
    return cohort.table["institution"].value_counts(dropna=False).to_dict()


@pytest.mark.parametrize("seed", range(5))
def test_a_sample_has_each_institutions_share(seed: int) -> None:
    sizes = {"big": 300, "middle": 90, "small": 7, None: 203}
    cohort = large_cohort(sizes)
    drawn = draw_patients(cohort, 60, seed)
    assert len(drawn) == 60
    found = {str(name): count for name, count in counted(drawn).items()}
    for name, patients in sizes.items():
        share = 60 * patients / 600
        count = found.get("<NA>" if name is None else name, 0)
        assert abs(count - share) < 1.5, (name, count, share)


def test_a_sample_depends_on_the_seed_and_not_on_the_order() -> None:
    cohort = large_cohort({"a": 100, "b": 100})
    backwards = cohort.subset(cohort.table.index[::-1])
    ids = [set(draw_patients(c, 60, s).table.index) for c, s in ((cohort, 3), (backwards, 3))]
    assert ids[0] == ids[1]
    assert ids[0] != set(draw_patients(cohort, 60, 4).table.index)
    drawn = draw_patients(cohort, 60, 3)
    assert list(drawn.table.index) == sorted(drawn.table.index), "in the cohort's order"


def test_every_patient_is_as_likely_in_a_small_institution_as_in_a_large_one() -> None:
    cohort = large_cohort({"large": 95, "small": 5})
    counts = dict.fromkeys(cohort.table.index, 0)
    draws = 600
    for seed in range(draws):
        for case_id in draw_patients(cohort, 20, seed).table.index:
            counts[case_id] += 1
    by_place = {
        name: np.mean([n for c, n in counts.items() if c[:5] == name[:5]]) / draws
        for name in ("large", "small")
    }
    assert by_place["large"] == pytest.approx(0.2, abs=0.02)
    assert by_place["small"] == pytest.approx(0.2, abs=0.03)


def test_visits_of_a_patient_are_drawn_together_and_count_as_scans() -> None:
    drawn = draw_patients(large_cohort({"a": 40, "b": 40}, visits=3), 61, seed=1)
    assert len(drawn) == 60
    assert len(drawn.patients) == 20
    assert len(draw_patients(large_cohort({"a": 4}, visits=3), 2, seed=1).patients) == 1


def test_a_cohort_that_is_small_enough_is_taken_whole_and_institutions_may_be_unknown() -> None:
    cohort = large_cohort({"a": 30, "b": 20})
    assert list(draw_patients(cohort, 60, 0).table.index) == list(cohort.table.index)
    nameless = replace(large_cohort({None: 200}), table=large_cohort({None: 200}).table[[]])
    assert len(draw_patients(nameless, 60, 0)) == 60
