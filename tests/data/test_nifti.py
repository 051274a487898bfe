"""Reading against nibabel, and every way in which a file can be broken."""

from __future__ import annotations

import gzip
import os
import re
import struct
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fedlab_utils.data.nifti import check_intensities, read_stored, write_nifti
from fedlab_utils.errors import GeometryError, IntensityError, UnreadableFileError
from tests.data.published import LPS, SHAPE, save, scan


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return save(tmp_path / "scan_t1.nii.gz", scan("T1"))


def patched(path: Path, offset: int, content: bytes) -> Path:
    """Overwrite bytes of a NIfTI file under its compression."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[offset : offset + len(content)] = content
    path.write_bytes(gzip.compress(bytes(raw)))
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_reads_what_nibabel_reads(tmp_path, dtype, ending):
    path = save(tmp_path / f"x{ending}", scan("T2").astype(dtype))
    stored, affine = read_stored(path, "case")
    reference = nib.load(path)
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, np.asanyarray(reference.dataobj))
    np.testing.assert_array_equal(affine, reference.affine)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_applies_the_headers_scaling_as_nibabel(tmp_path, dtype):
    image = nib.Nifti1Image(scan("T1").astype(dtype), LPS)
    image.header.set_slope_inter(0.25, -7)
    nib.save(image, tmp_path / "scaled.nii.gz")
    volume, _ = read_stored(tmp_path / "scaled.nii.gz", "case")
    reference = nib.load(tmp_path / "scaled.nii.gz").get_fdata(dtype=np.float32)
    np.testing.assert_allclose(volume, reference, rtol=1e-6)


@pytest.mark.parametrize("kind", [nib.Nifti2Image, nib.Nifti1Image])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_reads_nifti_1_and_2_in_both_byte_orders(tmp_path, kind, endian):
    header = kind.header_class(endianness=endian)
    data = scan("FLAIR").astype(np.dtype(np.int16).newbyteorder(endian))
    nib.save(kind(data, LPS, header), tmp_path / "x.nii")
    volume, affine = read_stored(tmp_path / "x.nii", "case")
    np.testing.assert_array_equal(volume, scan("FLAIR"))
    np.testing.assert_array_equal(affine, LPS)


def test_takes_the_qform_where_there_is_no_sform(tmp_path):
    image = nib.Nifti1Image(scan("T1"), LPS)
    image.set_sform(None, code=0)
    image.set_qform(LPS, code=1)
    nib.save(image, tmp_path / "q.nii.gz")
    np.testing.assert_allclose(read_stored(tmp_path / "q.nii.gz", "case")[1], LPS)


def test_several_gzip_members_are_one_file(tmp_path, good):
    raw = gzip.decompress(good.read_bytes())
    path = tmp_path / "members.nii.gz"
    path.write_bytes(
        gzip.compress(raw[:400]) + gzip.compress(raw[400:1000]) + gzip.compress(raw[1000:])
    )
    np.testing.assert_array_equal(read_stored(path, "case")[0], scan("T1"))


def test_content_counts_not_the_ending(tmp_path, good):
    path = tmp_path / "really_gzip.nii"
    path.write_bytes(good.read_bytes())
    np.testing.assert_array_equal(read_stored(path, "case")[0], scan("T1"))


def test_a_trailing_axis_of_one_is_dropped(tmp_path):
    path = save(tmp_path / "x.nii.gz", scan("T1")[..., None])
    assert read_stored(path, "case")[0].shape == SHAPE


def test_negative_intensities_are_allowed(tmp_path):
    path = save(tmp_path / "x.nii.gz", (scan("T1") - 500).astype(np.int16))
    assert read_stored(path, "case")[0].min() == -500


def test_paths_with_spaces_and_other_alphabets(tmp_path):
    path = save(tmp_path / "Données à moi" / "мозг 脳.nii.gz", scan("T1"))
    assert read_stored(path, "case")[0].shape == SHAPE


def test_empty_file(tmp_path):
    (tmp_path / "x.nii.gz").touch()
    with pytest.raises(UnreadableFileError, match=r"case1: x.nii.gz is empty \(0 bytes\)"):
        read_stored(tmp_path / "x.nii.gz", "case1")


@pytest.mark.parametrize("keep", [3, 30, 200, -200, -4])
def test_truncated_gzip(good, keep):
    content = good.read_bytes()
    good.write_bytes(content[:keep])
    with pytest.raises(
        UnreadableFileError, match=r"case1: scan_t1.nii.gz is (truncated|not a NIfTI)"
    ):
        read_stored(good, "case1")


def test_truncated_uncompressed(tmp_path):
    path = save(tmp_path / "x.nii", scan("T1"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableFileError, match=r"x.nii is truncated: 3612 of 3712 bytes"):
        read_stored(path, "case")


def test_flipped_bits_are_found_by_the_checksum(good):
    content = bytearray(good.read_bytes())
    content[-6] ^= 0xFF
    good.write_bytes(bytes(content))
    with pytest.raises(UnreadableFileError, match="damaged"):
        read_stored(good, "case")


@pytest.mark.parametrize(
    "content",
    [b"Dear colleague, please find attached", b"\x89PNG\r\n\x1a\n" + bytes(500), bytes(1000)],
)
@pytest.mark.parametrize("packed", [False, True])
def test_not_nifti(tmp_path, content, packed):
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(UnreadableFileError, match=r"x.nii.gz is not a NIfTI file: it begins with"):
        read_stored(path, "case")


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "x.nii").mkdir()
    with pytest.raises(UnreadableFileError, match="is not a file"):
        read_stored(tmp_path / "x.nii", "case")


def test_a_link_to_itself(tmp_path):
    (tmp_path / "x.nii.gz").symlink_to(tmp_path / "x.nii.gz")
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        read_stored(tmp_path / "x.nii.gz", "case")


def test_forbidden_file(good, monkeypatch):
    def forbid(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(
        UnreadableFileError, match=r"cannot be opened \(Permission denied\).*permissions"
    ):
        read_stored(good, "case")


def test_four_dimensions_where_three_are_due(tmp_path):
    path = save(tmp_path / "x.nii.gz", np.stack([scan("T1")] * 4, -1))
    with pytest.raises(
        GeometryError, match=r"x.nii.gz has shape 12x14x10x4 where three dimensions"
    ):
        read_stored(path, "case")


def test_three_dimensions_where_four_are_due(good):
    with pytest.raises(GeometryError, match="three dimensions and 4 volumes are due"):
        read_stored(good, "case", channels=4)


def test_two_dimensions(tmp_path):
    path = save(tmp_path / "x.nii.gz", scan("T1")[:, :, 5])
    with pytest.raises(GeometryError, match="has shape 12x14 where three"):
        read_stored(path, "case")


@pytest.mark.parametrize(
    "shape", [(32767, 32767, 32767), (513, 512, 512), (-5, 14, 10), (0, 14, 10)]
)
def test_a_header_that_claims_an_impossible_size_takes_no_memory(good, shape):
    patched(good, 42, struct.pack("<3h", *shape))
    tracemalloc.start()
    with pytest.raises(GeometryError, match=r"scan_t1.nii.gz (announces|has shape)"):
        read_stored(good, "case")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_gzip_bomb_is_not_expanded(good):
    raw = gzip.decompress(good.read_bytes())
    good.write_bytes(gzip.compress(raw + bytes(200_000_000), compresslevel=1))
    tracemalloc.start()
    with pytest.raises(UnreadableFileError, match="expands to more than the 3712 bytes"):
        read_stored(good, "case")
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_no_more_of_a_large_file_is_read_than_its_header_announces(tmp_path, good):
    plain, stack = save(tmp_path / "x.nii", scan("T1")), np.stack([scan("T1")] * 4, -1)
    films = [save(tmp_path / name, stack) for name in ("film.nii", "film.nii.gz")]
    for path in (plain, good, *films):
        with path.open("r+b") as file:
            file.truncate(60_000_000)
    tracemalloc.start()
    assert np.array_equal(read_stored(plain, "case")[0], scan("T1"))
    with pytest.raises(UnreadableFileError, match="has 60000000 bytes, for 3712 that its header"):
        read_stored(good, "case")
    for film in films:
        with pytest.raises(GeometryError, match="12x14x10x4 where three dimensions"):
            read_stored(film, "case")
    assert tracemalloc.get_traced_memory()[1] < 6_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_longer_than_its_head_is_read_whole(tmp_path, ending):
    volume = np.random.default_rng(0).integers(-(2**15), 2**15, (100, 90, 80)).astype(np.int16)
    path = save(tmp_path / f"x{ending}", volume)
    assert path.stat().st_size > 1_400_000
    assert np.array_equal(read_stored(path, "case")[0], volume)


def test_a_file_of_countless_empty_gzip_members_is_given_up(good):
    good.write_bytes(gzip.compress(b"") * 100_000 + good.read_bytes())
    with pytest.raises(UnreadableFileError, match="more than 16384 pieces"):
        read_stored(good, "case")


@pytest.mark.parametrize("code", [0, 1, 32, 128, 1536, 2048, 9999])
def test_voxel_types_that_are_no_single_number(good, code):
    patched(good, 70, struct.pack("<h", code))
    with pytest.raises(UnreadableFileError, match=r"scan_t1.nii.gz"):
        read_stored(good, "case")


@pytest.mark.parametrize("offset", [-10.0, 0.0, 348.0, 351.0, 1e30, float("nan"), 5e8])
def test_a_senseless_place_of_the_voxels(good, offset):
    patched(good, 108, struct.pack("<f", offset))
    with pytest.raises(UnreadableFileError, match=r"scan_t1.nii.gz"):
        read_stored(good, "case")


@pytest.mark.parametrize("offset", [352, 540, 543])
def test_voxels_of_nifti_2_cannot_begin_in_its_header(tmp_path, offset):
    nib.save(nib.Nifti2Image(scan("T1"), LPS), tmp_path / "x.nii")
    raw = bytearray((tmp_path / "x.nii").read_bytes())
    raw[168:176] = struct.pack("<q", offset)
    (tmp_path / "x.nii").write_bytes(raw)
    with pytest.raises(UnreadableFileError, match=f"begin at byte {offset}, where 544 is"):
        read_stored(tmp_path / "x.nii", "case")


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ((1e9, 1e9, 1e9), "1e+09 x 1e+09 x 1e+09 mm"),
        ((1e-3, 1e-3, 1e-3), "0.001 x 0.001 x 0.001 mm, outside 0.1 to 20 mm"),
        ((1, 1, 0.09), "1 x 1 x 0.09 mm"),
        ((21, 1, 1), "21 x 1 x 1 mm"),
    ],
)
def test_voxels_in_another_unit_are_refused(tmp_path, sizes, words):
    path = save(tmp_path / "x.nii.gz", scan("T1"), np.diag([*sizes, 1.0]))
    with pytest.raises(GeometryError, match=re.escape(words) + ".*header may be in metres"):
        read_stored(path, "case")


@pytest.mark.parametrize("sizes", [(0.1, 20, 1), (0.42, 0.42, 6)])
def test_unusual_voxels_are_read(tmp_path, sizes):
    path = save(tmp_path / "x.nii.gz", scan("T1"), np.diag([*sizes, 1.0]))
    assert read_stored(path, "case")[0].shape == SHAPE


@pytest.mark.parametrize(("degrees", "fits"), [(0.5, True), (1.1, True), (1.2, False), (30, False)])
def test_sheared_grids_are_refused(tmp_path, degrees, fits):
    """Axes that meet at 90 degrees less the shear, in a turned grid of unequal spacing."""
    tilted = np.eye(4)
    tilted[0, 1], tilted[1, 1] = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turn = np.array([[0.6, -0.8, 0, 5], [0.8, 0.6, 0, 5], [0, 0, 1, 5], [0, 0, 0, 1]])
    path = save(tmp_path / "x.nii.gz", scan("T1"), turn @ tilted @ np.diag([1, 2, 3, 1.0]))
    if fits:
        assert read_stored(path, "case")[0].shape == SHAPE
    else:
        with pytest.raises(GeometryError, match=f"meet at {90 - degrees:.1f} degrees.*Resample"):
            read_stored(path, "case")


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_singular_affine(good, value):
    patched(good, 280, struct.pack("<4f", value, value, value, value))
    with pytest.raises(GeometryError, match="affine that is singular or no number"):
        read_stored(good, "case")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(value):
    volume = scan("T1").astype(np.float32)
    volume[3, 4, 5] = value
    with pytest.raises(
        IntensityError, match=f"case: x.nii holds 1 voxels that are no number, the first {value}"
    ):
        check_intensities(volume, "x.nii", "case")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "zeros"), (7, "the value 7"), (-1000, "the value -1000"), (0.5, "the value 0.5")],
)
def test_one_value_everywhere(value, words):
    with pytest.raises(IntensityError, match=f"case: x.nii holds nothing but {words}[.] "):
        check_intensities(np.full(SHAPE, value, np.float32), "x.nii", "case")


def test_random_damage_never_gets_past_the_typed_errors(good):
    """A thousand files with damaged bytes: each is read, or refused by a typed error."""
    raw = gzip.decompress(good.read_bytes())
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(1000):
        damaged = bytearray(raw)
        for position in rng.integers(0, 352, 4):
            damaged[position] = rng.integers(256)
        good.write_bytes(bytes(damaged))
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                voxels = read_stored(good, "case")[0].astype(np.float32)
            check_intensities(voxels, good.name, "case")
            outcomes.add("read")
        except (UnreadableFileError, GeometryError, IntensityError) as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"read", "UnreadableFileError", "GeometryError", "IntensityError"}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float32])
def test_what_is_written_is_read_back_by_nibabel(tmp_path, ending, dtype):
    array = (scan("T1") > 90).astype(dtype)
    write_nifti(tmp_path / f"x{ending}", array, LPS)
    image = nib.load(tmp_path / f"x{ending}")
    assert image.get_data_dtype() == (np.uint8 if dtype is bool else dtype)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), array)
    np.testing.assert_array_equal(image.affine, LPS)


def test_the_same_array_gives_the_same_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, scan("T1"), LPS)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_the_folder_is_made_if_needed(tmp_path):
    write_nifti(tmp_path / "predictions" / "x.nii.gz", scan("T1"), LPS)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == ["x.nii.gz"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.nii.gz"
    write_nifti(path, scan("T1"), LPS)
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_nifti(path, scan("T2"), LPS)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
