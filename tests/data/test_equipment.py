"""A hospital's scanner and what it lacks, against the phantom's own files and closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import (
    SEQUENCES,
    CaseFiles,
    Cohort,
    brain_mask,
    load_case,
    load_cohort,
    preprocess,
)
from fedlab_utils.data.brain import robust_zscore
from fedlab_utils.data.equipment import (
    GAMMA,
    REFERENCE,
    Equipment,
    exponents,
    phantom_seed,
    rendered_again,
    transformed,
)
from fedlab_utils.data.phantom import SCANNERS, make_patient, write_cohort
from fedlab_utils.data.phantom.origin import MAX_SEED, ORIGIN
from fedlab_utils.data.phantom.scanner import Scanner
from fedlab_utils.data.phantom.write import LAYOUTS
from fedlab_utils.errors import DataError, UnreadableFileError
from tests.data import tiny
from tests.data.test_hospitals import cohort as toy_cohort

THICK = SCANNERS["1.5T thick"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_phantoms_of_every_seed_are_told_by_the_file_beside_them(
    tmp_path: Path, layout: str
) -> None:
    for seed in (3, 5000, MAX_SEED):
        folder = tmp_path / str(seed) / "cohort"
        write_cohort(folder, 2, seed=seed, spacing=8.0, layout=layout, workers=1)
        cohort = load_cohort(folder)
        assert phantom_seed(cohort) == seed
        assert phantom_seed(cohort.subset([cohort.cases[1].case_id])) == seed
        assert phantom_seed(load_cohort(folder.parent)) == seed, "found from one folder above"


def test_without_the_file_seeds_up_to_999_are_tried(tmp_path: Path) -> None:
    for seed, found in ((7, 7), (999, 999), (1000, None)):
        out = write_cohort(tmp_path / str(seed), 2, seed=seed, spacing=8.0, workers=1)
        cohort = load_cohort(out)
        last = cohort.cases[1].paths[0].parent
        for path in (*last.iterdir(), last, out / ORIGIN):  # some patients, copied elsewhere
            path.rmdir() if path.is_dir() else path.unlink()
        assert phantom_seed(load_cohort(out)) == found


def test_patients_that_are_no_phantoms_have_no_seed(folder: Path) -> None:
    assert phantom_seed(toy_cohort(6)) is None
    assert phantom_seed(toy_cohort(6).subset([])) is None
    (folder / ORIGIN).unlink()
    cohort = load_cohort(folder)
    assert phantom_seed(cohort) == 7
    older = replace(cohort, table=cohort.table.assign(age=cohort.table["age"] + 1))
    assert phantom_seed(older) is None
    unknown = replace(cohort, table=cohort.table.assign(age=np.nan))
    assert phantom_seed(unknown) is None
    cases = tuple(replace(case, patient_id="BraTS2021_00000") for case in cohort)
    assert phantom_seed(replace(cohort, cases=cases)) is None


def test_a_file_that_names_another_seed_is_not_believed(folder: Path) -> None:
    cohort = load_cohort(folder)
    older = replace(cohort, table=cohort.table.assign(age=cohort.table["age"] + 1))
    unknown = replace(cohort, table=cohort.table.assign(age=np.nan))
    real = tuple(replace(case, patient_id="BraTS2021_00000") for case in cohort)
    first = cohort.cases[0].case_id
    for wrong, cause in (
        (older, f"{first} has another age"),
        (replace(cohort, cases=real), f"{first} has another age"),
        (replace(cohort, layout="upenn-gbm", cases=_as(cohort, "upenn-gbm")), "another age"),
        (unknown, "no table tells a patient's age"),
    ):
        with pytest.raises(DataError, match=f"phantoms of seed 7, and .*{cause}"):
            phantom_seed(wrong)
    (folder / ORIGIN).write_text('{"seed": 8}')
    with pytest.raises(DataError, match="phantoms of seed 8, and"):
        phantom_seed(load_cohort(folder))
    (folder / ORIGIN).write_text('{"seed": "8"}')
    with pytest.raises(UnreadableFileError, match="its seed is '8'"):
        phantom_seed(load_cohort(folder))


def _as(cohort: Cohort, layout: str) -> tuple[CaseFiles, ...]:
    return tuple(replace(case, layout=layout) for case in cohort)


def test_a_phantom_on_its_own_scanner_is_what_its_files_hold(phantom_dir: Path) -> None:
    cohort = load_cohort(phantom_dir)
    for files in cohort.cases[:3]:
        case = load_case(files)
        own = SCANNERS[cohort.table.loc[files.case_id, "scanner"]]
        np.testing.assert_array_equal(rendered_again(case, own, 7).image, case.image)


def test_a_second_visit_is_rendered_as_one(tmp_path: Path) -> None:
    out = write_cohort(tmp_path / "c", 12, seed=7, spacing=8.0, layout="brats2023", workers=1)
    cohort = load_cohort(out)
    second = next(files for files in cohort if files.visit == "001")
    case = load_case(second)
    own = SCANNERS[cohort.table.loc[second.case_id, "scanner"]]
    np.testing.assert_array_equal(rendered_again(case, own, 7).image, case.image)


def test_a_phantom_goes_to_another_scanner_with_its_tumour(phantom_dir: Path) -> None:
    case = load_case(load_cohort(phantom_dir).cases[0])
    number = int(case.files.patient_id[-3:]) - 1
    there = Equipment(THICK, phantom_seed=7).scan(case)
    np.testing.assert_array_equal(there.image, make_patient(number, 7, 4.0, THICK).image)
    np.testing.assert_array_equal(there.labels, case.labels)
    assert np.abs(there.image - case.image).max() > 10


def test_another_patient_is_not_rendered_over(phantom_dir: Path) -> None:
    case = load_case(load_cohort(phantom_dir).cases[0])
    with pytest.raises(DataError, match="not the phantom of this number in the cohort of seed 8"):
        rendered_again(case, THICK, 8)
    with pytest.raises(DataError, match="not the phantom"):
        rendered_again(replace(case, labels=np.roll(case.labels, 1, 0)), THICK, 7)


def noiseless(scanner: Scanner, thickness: float = 1.0, noise: float = 0.0) -> Scanner:
    """The scanner with fine voxels, or with slices of one thickness, and less or no noise."""
    shape = {"thickness_mm": thickness, "in_plane_mm": 1.0, "axis": 2, "noise": noise}
    sequences = {name: replace(getattr(scanner, name), **shape) for name in ("t1", "t1ce", "t2")}
    return replace(scanner, **sequences, flair=replace(scanner.flair, **shape))


def test_contrast_is_a_power_of_the_intensity() -> None:
    case = tiny.case()
    there = transformed(case, noiseless(THICK))
    inside = brain_mask(case.image)
    for before, after, gamma in zip(case.image, there.image, exponents(THICK), strict=True):
        level = np.median(before[inside])
        due = level * (before[inside] / level) ** gamma
        np.testing.assert_allclose(after[inside], due, rtol=1e-4)
    assert len(set(np.round(exponents(THICK), 3))) == 4
    assert exponents(SCANNERS[REFERENCE]) == (1.0,) * 4
    for scanner in SCANNERS.values():
        assert all(GAMMA[0] <= gamma <= GAMMA[1] for gamma in exponents(scanner))


def test_thick_slices_blur_along_their_normal_alone() -> None:
    rng = np.random.default_rng(0)
    rough = rng.uniform(200, 400, tiny.image().shape).astype(np.float32) * tiny.brain()
    case = tiny.case(image=rough, spacing=(2.0, 2.0, 2.0))
    image = transformed(case, noiseless(THICK, thickness=6.0)).image[0]
    core = tuple(slice(n // 3, 2 * n // 3) for n in image.shape)

    def likeness(axis: int) -> float:
        part = image[core]
        pair = (np.take(part, range(s, part.shape[axis] - 1 + s), axis).ravel() for s in (0, 1))
        return float(np.corrcoef(*pair)[0, 1])

    assert likeness(2) > 0.5
    assert abs(likeness(0)) < 0.2


def test_noise_comes_on_top_of_the_references() -> None:
    flat = np.where(tiny.brain(), 300, 0).astype(np.float32)[None].repeat(4, 0)
    case = tiny.case(image=flat, spacing=(1.0, 1.0, 1.0))
    noisy = noiseless(SCANNERS[REFERENCE], noise=0.13)
    image = transformed(case, noisy).image
    for volume, before in zip(image, SCANNERS[REFERENCE].sequences, strict=True):
        due = 300 * np.sqrt(0.13**2 - before.noise**2)
        assert volume[tiny.brain()].std() == pytest.approx(due, rel=0.05)


def test_a_real_scan_keeps_its_brain_its_labels_and_its_look_at_the_reference() -> None:
    case = tiny.case()
    there, again = transformed(case, THICK), transformed(case, THICK)
    np.testing.assert_array_equal(there.image, again.image)
    np.testing.assert_array_equal(brain_mask(there.image), brain_mask(case.image))
    np.testing.assert_array_equal(there.labels, case.labels)
    assert transformed(case, SCANNERS[REFERENCE]) is case
    other = replace(case, files=replace(case.files, case_id="Brats18_Tiny_2_1"))
    assert (transformed(other, THICK).image != there.image).any(), "noise of its own"


def test_a_sequence_that_covers_less_than_half_of_the_brain_is_scanned_where_it_was_measured() -> (
    None
):
    flair, fine = SEQUENCES.index("FLAIR"), noiseless(THICK)
    image = tiny.image()
    image[flair, :, :, tiny.SHAPE[2] // 3 :] = 0
    inside, measured = brain_mask(image), image[flair] != 0
    assert 0 < measured[inside].mean() < 0.5
    there = transformed(tiny.case(image=image), fine).image
    np.testing.assert_array_equal(there[flair] != 0, measured)
    level = np.median(image[flair][measured])
    due = level * (image[flair][measured] / level) ** exponents(THICK)[flair]
    np.testing.assert_allclose(there[flair][measured], due, rtol=1e-4)


@pytest.mark.parametrize("left", [0, -5])
def test_a_sequence_without_signal_stays_as_it_came(left: int) -> None:
    image, flair = tiny.image(), SEQUENCES.index("FLAIR")
    image[flair] = 0
    image[flair, 20:23, 20:23, 20:23] = left
    there = transformed(tiny.case(image=image), THICK).image
    np.testing.assert_array_equal(there[flair], image[flair])
    assert (there[:3] != image[:3]).any()


def test_a_scan_with_mean_0_keeps_its_brain() -> None:
    inside = brain_mask(tiny.image())
    image = robust_zscore(tiny.image(), inside)
    there = transformed(tiny.case(image=image), noiseless(THICK)).image
    for before, after in zip(image, there, strict=True):
        assert after[inside].std() > 0.3
        assert np.corrcoef(before[inside], after[inside])[0, 1] > 0.8
        assert not after[~inside].any()


def test_what_a_sequence_did_not_measure_stays_so() -> None:
    image = tiny.image()
    image[3, :, :, 25:] = 0
    there = transformed(tiny.case(image=image), THICK)
    assert not there.image[3, :, :, 25:].any()
    image[3] = 0
    assert not transformed(tiny.case(image=image), THICK).image[3].any()


@pytest.mark.parametrize("missing", SEQUENCES)
def test_a_missing_sequence_is_zero_and_the_others_are_not_touched(missing: str) -> None:
    patient = preprocess(tiny.case())
    before = patient.image.copy()
    lacking = Equipment(missing=missing).leave_out(patient)
    for name, mine, due in zip(SEQUENCES, lacking.image, before, strict=True):
        np.testing.assert_array_equal(mine, 0 * due if name == missing else due)
    np.testing.assert_array_equal(patient.image, before)
    assert f"{missing} is not taken" in lacking.warnings[-1]


def test_without_equipment_nothing_happens() -> None:
    case = tiny.case()
    assert Equipment().scan(case) is case
    patient = preprocess(case)
    assert Equipment().leave_out(patient) is patient
