from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fedlab_utils.data.conventions import CAVITY, ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.labels import (
    SCHEMES,
    decode_labels,
    encode_labels,
)
from fedlab_utils.errors import LabelError

SCHEME_NAMES = st.sampled_from(sorted(SCHEMES))
VOLUMES = array_shapes(min_dims=3, max_dims=3, max_side=6)


@st.composite
def canonical(draw: st.DrawFn) -> tuple[str, np.ndarray]:
    name = draw(SCHEME_NAMES)
    labels = st.sampled_from(sorted(SCHEMES[name].values.values()))
    return name, draw(arrays(np.uint8, VOLUMES, elements=labels))


@pytest.mark.parametrize(
    ("scheme", "necrosis", "oedema", "enhancing"),
    [("brats2017", 1, 2, 4), ("brats2023", 1, 2, 3), ("brats2024", 1, 2, 3), ("msd", 2, 1, 3)],
)
def test_schemes_mean_what_was_published(scheme, necrosis, oedema, enhancing):
    raw = np.array([0, necrosis, oedema, enhancing])
    assert decode_labels(raw, scheme).tolist() == [0, NECROSIS, OEDEMA, ENHANCING]


def test_cavity_is_four_in_2024_only():
    assert decode_labels(np.array([4]), "brats2024")[0] == CAVITY
    with pytest.raises(LabelError, match=r"value 4 .*'brats2023'.*pass scheme='brats2024'"):
        decode_labels(np.array([0, 1, 2, 3, 4]), "brats2023")


@given(canonical())
def test_encode_then_decode_gives_the_same(scheme_and_labels):
    scheme, labels = scheme_and_labels
    encoded = encode_labels(labels, scheme)
    assert encoded.dtype == np.uint8
    np.testing.assert_array_equal(decode_labels(encoded, scheme), labels)


@given(
    canonical(),
    st.sampled_from([np.uint8, np.int16, np.int32, np.float32, np.float64, ">i2"]),
    st.sampled_from("CF"),
)
def test_decoding_does_not_depend_on_type_or_memory_order(scheme_and_labels, dtype, order):
    scheme, labels = scheme_and_labels
    raw = encode_labels(labels, scheme).astype(dtype, order=order)
    decoded = decode_labels(raw, scheme)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, labels)


def test_resampled_labels_are_rounded_not_truncated():
    assert decode_labels(np.array([1.9922, 0.0078, 3.96]), "brats2017").tolist() == [2, 0, 3]


@pytest.mark.parametrize("value", [1.5, 0.94, np.nan, np.inf])
def test_floats_far_from_integers_are_refused(value):
    with pytest.raises(LabelError, match=f"case7: 1 voxels hold no whole number, .*{value:.4f}"):
        decode_labels(np.array([0.0, value]), "brats2017", case="case7")


@pytest.mark.parametrize("value", [3, 5, -1, 255, 256, 4096])
def test_unknown_values_are_named(value):
    with pytest.raises(
        LabelError, match=f"value {value} is unknown to scheme 'brats2017'"
    ) as raised:
        decode_labels(np.array([0, 1, value], np.int16), "brats2017")
    assert "4 = enhancing tumour" in raised.value.remedy


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_a_huge_value_is_named_in_short(value):
    with pytest.raises(LabelError) as raised:
        decode_labels(np.array([0, value]), "brats2017")
    assert f"value {value:.0e} is unknown" in str(raised.value)
    assert len(str(raised.value)) < 300


def test_unknown_scheme_lists_the_known_ones():
    with pytest.raises(LabelError, match="brats2017, brats2023, brats2024, msd"):
        decode_labels(np.zeros(1), "brats1999")


def test_a_label_without_a_value_cannot_be_encoded():
    with pytest.raises(LabelError, match="resection cavity"):
        encode_labels(np.array([0, CAVITY]), "brats2017")


def test_empty_arrays_pass():
    assert decode_labels(np.zeros((0, 3)), "msd").shape == (0, 3)
    assert encode_labels(np.zeros((0, 3), np.uint8), "msd").shape == (0, 3)


def test_decoded_labels_may_be_written_to():
    labels = decode_labels(np.array([0, 1], np.uint8), "brats2017")
    labels[0] = 2
    assert labels.tolist() == [2, 1]
