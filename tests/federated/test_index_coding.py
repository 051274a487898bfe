"""Rising whole numbers in few bits: there and back, their length, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.index_coding import decode_indices, encode_indices, index_bytes


@st.composite
def subsets(draw) -> tuple[np.ndarray, int]:
    among = draw(st.integers(1, 3000))
    count = draw(st.integers(1, among))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    where = draw(st.sampled_from(["anywhere", "first", "last"]))
    if where == "anywhere":
        return np.sort(rng.choice(among, count, replace=False)), among
    return np.arange(count) + (among - count if where == "last" else 0), among


@given(subsets())
def test_there_and_back_in_the_length_that_was_promised(subset: tuple[np.ndarray, int]) -> None:
    indices, among = subset
    code = encode_indices(indices, among)
    assert len(code) == index_bytes(len(indices), among)
    np.testing.assert_array_equal(decode_indices(code, len(indices), among), indices)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.02, 0.05, 0.1])
def test_it_is_within_seven_tenths_of_a_bit_of_the_least(share: float) -> None:
    """The least that a code of all subsets needs on average is log2 of how many there are."""
    among = 400_000
    count = round(share * among)
    ways = math.lgamma(among + 1) - math.lgamma(count + 1) - math.lgamma(among - count + 1)
    assert 8 * index_bytes(count, among) / count < ways / math.log(2) / count + 0.7


@given(subsets(), st.randoms(use_true_random=False))
def test_a_stranger_s_bytes_are_read_as_indices_or_refused(subset, random) -> None:
    indices, among = subset
    code = bytearray(encode_indices(indices, among))
    for _ in range(random.randint(1, 4)):
        if code:
            code[random.randrange(len(code))] = random.randrange(256)
    try:
        found = decode_indices(bytes(code), len(indices), among)
    except FederationError:
        return
    assert len(found) == len(indices)
    assert (np.diff(found) > 0).all()
    assert found[0] >= 0
    assert found[-1] < among


def test_too_many_too_few_out_of_range_and_twice_the_same_are_refused() -> None:
    code = encode_indices(np.array([1, 50, 99]), 100)
    for wrong, cause in (
        (code[:-1], "bytes, and"),
        (code + b"\0", "bytes, and"),
        (b"\xff" * len(code), "names .* numbers, and 3 were due"),
        (b"\0" * len(code), "names 0 numbers"),
    ):
        with pytest.raises(FederationError, match=cause):
            decode_indices(wrong, 3, 100)
    for among, numbers in ((100, [1, 50, 101]), (100, [7, 7, 50])):
        with pytest.raises(FederationError, match="do not rise from 0 to below 100"):
            decode_indices(encode_indices(np.array(numbers), among), 3, among)
