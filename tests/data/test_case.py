from __future__ import annotations

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fedlab_utils.data.case import load_case, to_file_grid
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.layouts import CaseFiles, find_cases
from fedlab_utils.data.nifti import write_nifti
from fedlab_utils.errors import (
    DataError,
    GeometryError,
    IntensityError,
    LabelError,
    UnreadableFileError,
)
from tests.data.published import (
    BRATS,
    BRATS_2023,
    LPS,
    MEAN,
    SHAPE,
    UCSF,
    UPENN,
    brain,
    save,
    scan,
    segmentation,
    write_case,
    write_msd,
)

CASE = "Brats18_2013_2_1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_case(tmp_path / CASE, CASE)


def only_case(root: Path, **settings) -> CaseFiles:
    [case] = find_cases(root, **settings).cases
    return case


def replace_file(folder: Path, role: str, array: np.ndarray, affine: np.ndarray = LPS) -> None:
    save(folder / f"{CASE}{BRATS[role]}.nii.gz", array, affine)


def write_2023(root: Path) -> None:
    labels = segmentation(enhancing=3)
    write_case(root / "a", "BraTS-GLI-00000-000", BRATS_2023, labels)


def write_upenn(root: Path) -> None:
    write_case(root / "images_structural" / "a", "UPENN-GBM-00001_11", UPENN)
    save(root / "images_segm" / "UPENN-GBM-00001_11_segm.nii.gz", segmentation())


WRITERS = {
    "brats2018": lambda root: write_case(root / CASE, CASE, ending=".nii"),
    "brats2021": lambda root: write_case(root / "a", "BraTS2021_00000"),
    "brats2023": write_2023,
    "msd": write_msd,
    "upenn-gbm": write_upenn,
    "ucsf-pdgm": lambda root: write_case(root / "a_nifti", "UCSF-PDGM-0004", UCSF),
}


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same_patient(tmp_path, layout):
    WRITERS[layout](tmp_path)
    case = load_case(only_case(tmp_path))
    assert case.files.layout == layout
    assert case.image.dtype == np.float32
    assert case.image.shape == (4, *SHAPE)
    means = [volume[volume != 0].mean() for volume in case.image]
    np.testing.assert_allclose(means, [MEAN[s] for s in ("T1", "T1ce", "T2", "FLAIR")], atol=2)
    counts = {label: int((case.labels == label).sum()) for label in (NECROSIS, OEDEMA, ENHANCING)}
    assert counts == {NECROSIS: 12, OEDEMA: 36, ENHANCING: 12}
    assert case.spacing == (1.0, 1.0, 1.0)
    assert case.warnings == ()


@pytest.mark.parametrize("codes", [*itertools.product("LR", "PA", "IS"), ("P", "I", "R")])
def test_axes_become_ras_as_nibabel_turns_them_and_back(tmp_path, codes):
    """Against nibabel's own as_closest_canonical, in every orientation, with unequal spacing."""
    ornt = nib.orientations.axcodes2ornt(codes)
    ras = np.diag([1.0, 1.5, 3.0, 1.0])
    inverse = nib.orientations.ornt_transform(nib.orientations.axcodes2ornt("RAS"), ornt)
    affine = ras @ nib.orientations.inv_ornt_aff(inverse, SHAPE)
    turned = {
        s: nib.orientations.apply_orientation(scan(s), inverse)
        for s in ("T1", "T1ce", "T2", "FLAIR")
    }
    for sequence, array in turned.items():
        save(tmp_path / f"{CASE}{BRATS[sequence]}.nii.gz", array, affine)
    labels = nib.orientations.apply_orientation(segmentation(), inverse)
    path = save(tmp_path / f"{CASE}_seg.nii.gz", labels, affine)
    assert nib.aff2axcodes(nib.load(path).affine) == codes

    case = load_case(only_case(tmp_path))
    canonical = nib.as_closest_canonical(nib.load(path))
    np.testing.assert_allclose(case.affine, canonical.affine)
    assert nib.aff2axcodes(case.affine) == ("R", "A", "S")
    assert case.spacing == pytest.approx((1.0, 1.5, 3.0))
    np.testing.assert_array_equal(case.labels > 0, np.asarray(canonical.dataobj) > 0)
    np.testing.assert_array_equal(case.image[2], scan("T2"))

    np.testing.assert_array_equal(to_file_grid(case.labels > 0, case), labels > 0)
    back = to_file_grid(case.image, case)
    np.testing.assert_array_equal(back[3], turned["FLAIR"])
    assert case.grid.shape == labels.shape
    np.testing.assert_array_equal(case.grid.affine, affine)


def test_an_oblique_affine_is_turned_not_resampled(tmp_path):
    angle = np.deg2rad(12)
    oblique = LPS.copy()
    oblique[:2, :2] @= [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    for role, suffix in BRATS.items():
        array = segmentation() if role == "label" else scan(role)
        save(tmp_path / f"{CASE}{suffix}.nii.gz", array, oblique)
    case = load_case(only_case(tmp_path))
    assert sorted(case.image[0].ravel()) == sorted(scan("T1").ravel())
    np.testing.assert_allclose(case.spacing, 1.0)


def test_a_prediction_goes_back_into_a_file_on_the_scans_grid(tmp_path, folder):
    case = load_case(only_case(folder))
    write_nifti(tmp_path / "p.nii.gz", to_file_grid(case.labels, case), case.grid.affine)
    written, original = nib.load(tmp_path / "p.nii.gz"), nib.load(folder / f"{CASE}_seg.nii.gz")
    np.testing.assert_array_equal(written.affine, original.affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj) > 0, np.asarray(original.dataobj) > 0)


def test_an_array_on_another_grid_does_not_go_back(folder):
    with pytest.raises(
        GeometryError, match=r"\(3, 3, 3\) is not on the case's grid \(12, 14, 10\)"
    ):
        to_file_grid(np.zeros((3, 3, 3)), load_case(only_case(folder)))


def test_without_a_segmentation(folder):
    (folder / f"{CASE}_seg.nii.gz").unlink()
    assert load_case(only_case(folder)).labels is None


@pytest.mark.parametrize("role", ["T1ce", "label"])
def test_shapes_that_differ(folder, role):
    replace_file(folder, role, np.ones((12, 14, 11), np.int16))
    with pytest.raises(GeometryError, match=rf"{CASE}: .*\(12, 14, 11\), .*\(12, 14, 10\)"):
        load_case(only_case(folder))


@pytest.mark.parametrize(
    ("change", "apart"),
    [
        (lambda a: a + np.eye(4)[:, [3]] * 0 + np.array([[0, 0, 0, 5.0]] * 3 + [[0] * 4]), "8.66"),
        (lambda a: a @ np.diag([-1, 1, 1, 1]), "22.00"),
    ],
    ids=["shifted", "flipped"],
)
@pytest.mark.parametrize("role", ["FLAIR", "label"])
def test_affines_that_differ(folder, change, apart, role):
    array = segmentation() if role == "label" else scan(role)
    replace_file(folder, role, array, change(LPS))
    with pytest.raises(GeometryError, match=f"place the same voxel up to {apart} mm apart"):
        load_case(only_case(folder))


def test_affines_rounded_in_the_header_are_the_same(folder):
    replace_file(folder, "T2", scan("T2"), LPS + np.array([[1e-4, 0, 0, 0.01]] * 3 + [[0] * 4]))
    assert load_case(only_case(folder)).warnings == ()


def with_two_forms(path: Path, array: np.ndarray, qform: np.ndarray) -> None:
    image = nib.Nifti1Image(array, LPS)
    image.set_qform(qform, code=1)
    nib.save(image, path)


def test_sform_and_qform_that_disagree_are_warned_about(folder):
    path = folder / f"{CASE}{BRATS['T2']}.nii.gz"
    with_two_forms(path, scan("T2"), LPS)
    assert load_case(only_case(folder)).warnings == ()
    shifted = LPS.copy()
    shifted[0, 3] += 0.09
    with_two_forms(path, scan("T2"), shifted)
    assert load_case(only_case(folder)).warnings == ()
    shifted[0, 3] += 2.91
    with_two_forms(path, scan("T2"), shifted)
    case = load_case(only_case(folder))
    [warning] = case.warnings
    assert warning.startswith(
        f"sform and qform of {CASE}_t2.nii.gz place the same voxel up to 3.00"
    )
    np.testing.assert_array_equal(case.grid.affine, LPS)


def test_a_qform_that_is_no_rotation_does_not_matter_beside_an_sform(folder):
    path = folder / f"{CASE}{BRATS['T2']}.nii"
    (folder / f"{CASE}{BRATS['T2']}.nii.gz").unlink()
    with_two_forms(path, scan("T2"), LPS)
    raw = bytearray(path.read_bytes())
    raw[256:268] = np.array([3, 4, 5], "<f4").tobytes()  # quatern_b, _c, _d
    path.write_bytes(raw)
    assert load_case(only_case(folder)).warnings == ()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.nan, IntensityError, "1 voxels that are no number, the first nan"),
        (np.inf, IntensityError, "the first inf"),
    ],
)
def test_nan_and_infinity_name_file_and_case(folder, value, error, words):
    volume = scan("T2").astype(np.float32)
    volume[5, 5, 5] = value
    replace_file(folder, "T2", volume)
    with pytest.raises(error, match=f"{CASE}: {CASE}_t2.nii.gz holds {words}|{words}"):
        load_case(only_case(folder))


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_a_constant_volume(folder, dtype):
    replace_file(folder, "T1ce", np.full(SHAPE, 1200, dtype))
    with pytest.raises(
        IntensityError, match=f"{CASE}_t1ce.nii.gz holds nothing but the value 1200"
    ):
        load_case(only_case(folder))


def test_numbers_too_large_for_float32(folder):
    replace_file(folder, "T2", np.where(brain(), 1e300, 0))
    with pytest.raises(IntensityError, match=f"{CASE}_t2.nii.gz holds .* no number, the first inf"):
        load_case(only_case(folder))


def test_an_all_zero_volume(folder):
    replace_file(folder, "T1ce", np.zeros(SHAPE, np.int16))
    with pytest.raises(IntensityError, match=f"{CASE}_t1ce.nii.gz holds nothing but zeros"):
        load_case(only_case(folder))


def test_an_all_zero_volume_inside_a_4d_file_is_named_by_its_sequence(tmp_path):
    write_msd(tmp_path)
    volumes = np.stack([scan("FLAIR"), scan("T1"), 0 * scan("T1ce"), scan("T2")], -1)
    save(tmp_path / "imagesTr" / "BRATS_001.nii.gz", volumes)
    with pytest.raises(IntensityError, match=r"BRATS_001.nii.gz \(T1ce\) holds nothing but zeros"):
        load_case(only_case(tmp_path))


def test_a_4d_file_where_3d_is_due(folder):
    replace_file(folder, "T1", np.stack([scan("T1")] * 2, -1))
    with pytest.raises(GeometryError, match="12x14x10x2 where three dimensions are due"):
        load_case(only_case(folder))


def test_negative_intensities_are_allowed(folder):
    replace_file(folder, "T1", np.where(brain(), scan("T1") - 300, 0).astype(np.int16))
    case = load_case(only_case(folder))
    assert case.image[0].min() < 0
    assert case.warnings == ()


def test_label_values_of_another_scheme(folder):
    replace_file(folder, "label", segmentation(enhancing=3))
    with pytest.raises(LabelError, match=f"{CASE}: value 3 is unknown to scheme 'brats2017'"):
        load_case(only_case(folder))


def test_a_cavity_points_to_the_scheme_that_knows_it(tmp_path):
    labels = segmentation(enhancing=3)
    labels[8, 8, 8] = 4
    write_case(tmp_path, "BraTS-GLI-00000-000", BRATS_2023, labels)
    with pytest.raises(LabelError, match=r"value 4 .* pass scheme='brats2024'"):
        load_case(only_case(tmp_path))
    case = load_case(only_case(tmp_path, scheme="brats2024"))
    assert (case.labels == 4).sum() == 1


def test_float_labels_near_integers(folder):
    replace_file(folder, "label", segmentation().astype(np.float32) * np.float32(0.9961))
    assert (load_case(only_case(folder)).labels == ENHANCING).sum() == 12


def test_float_labels_far_from_integers(folder):
    replace_file(folder, "label", segmentation() * 0.7)
    with pytest.raises(LabelError, match="hold no whole number"):
        load_case(only_case(folder))


def test_a_file_that_vanished_since(folder):
    files = only_case(folder)
    (folder / f"{CASE}_t2.nii.gz").unlink()
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        load_case(files)


def test_errors_survive_the_way_through_a_pickle(folder):
    import pickle

    replace_file(folder, "label", segmentation(enhancing=3))
    with pytest.raises(DataError) as raised:
        load_case(only_case(folder))
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (LabelError, str(raised.value))


def test_real_brats_agrees_with_nibabel(real_dir):
    files = find_cases(real_dir).cases[0]
    case = load_case(files)
    for volume, path in zip(case.image, files.paths, strict=False):
        reference = nib.as_closest_canonical(nib.load(path))
        np.testing.assert_array_equal(volume, np.asarray(reference.dataobj, np.float32))
    np.testing.assert_allclose(case.affine, reference.affine, atol=1e-3)
