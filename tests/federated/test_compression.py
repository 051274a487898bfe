"""Payloads: the largest numbers travel, what is left is kept, and strangers are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.compression import Compressor, Packing

COMPRESSORS = st.builds(
    Compressor,
    size=st.integers(1, 900),
    keep=st.sampled_from([1.0, 0.5, 0.1, 0.01]),
    bits=st.sampled_from([4, 8, 32]),
)
SHAPES = {"a": (7, 3), "b": (), "c": (40,), "d": (2, 2, 5)}


@given(COMPRESSORS, st.integers(0, 2**32))
def test_the_length_is_as_promised_and_the_largest_travel(how: Compressor, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=how.size)
    payload = how.compress(values, rng)
    assert len(payload) == how.payload_bytes
    found = how.decompress(payload)
    least = np.sort(np.abs(values))[-how.kept]
    assert not found[np.abs(values) < least].any()
    if how.bits == 32:
        due = np.where(np.abs(values) >= least, values.astype(np.float32), 0)
        np.testing.assert_array_equal(found, due)


@given(
    st.sampled_from([1.0, 0.3, 0.02]),
    st.sampled_from([4, 8, 32]),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_what_was_sent_and_what_is_left_are_all_changes(keep, bits, parts, seed) -> None:
    """Exactly up to float64's rounding: each round subtracts what it sent from what there was."""
    packing, rng = Packing(SHAPES, keep, bits, parts), np.random.default_rng(seed)
    memory, sent, changes = np.zeros(packing.size), np.zeros(packing.size), np.zeros(packing.size)
    for server_round in range(1, 12):
        change = rng.normal(size=packing.size)
        payload = packing.compress(change + memory, server_round, rng)
        assert payload.nbytes == packing.payload_bytes(server_round)
        moved = packing.decompress(payload, server_round)
        memory = change + memory - moved
        sent, changes = sent + moved, changes + change
        np.testing.assert_allclose(sent + memory, changes, rtol=0, atol=1e-12)


@given(st.integers(1, 9))
def test_every_number_has_one_turn_in_as_many_rounds_as_there_are_parts(parts: int) -> None:
    packing, seen = Packing(SHAPES, parts=parts), np.zeros(Packing(SHAPES).size, int)
    borders = {0, 21, 22, 62, 82}
    for server_round in range(1, parts + 1):
        turn = packing.turn(server_round)
        assert packing.turn(server_round + parts) == turn
        assert {turn.start, turn.stop} <= borders  # whole layers
        seen[turn] += 1
    assert (seen == 1).all()


def test_all_numbers_in_32_bits_come_back_with_their_bits() -> None:
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    packing = Packing(SHAPES)
    payload = packing.compress(packing.flat(arrays), 1, rng)
    assert payload.nbytes == 4 * packing.size
    found = packing.arrays(packing.decompress(payload, 1))
    assert list(found) == list(arrays)
    for name, value in arrays.items():
        assert found[name].astype(np.float32).tobytes() == value.tobytes()
        assert found[name].shape == value.shape


@given(COMPRESSORS, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_a_stranger_s_payload_is_read_as_finite_numbers_or_refused(how, seed, random) -> None:
    rng = np.random.default_rng(seed)
    payload = bytearray(how.compress(rng.normal(size=how.size), rng))
    for _ in range(random.randint(1, 6)):
        payload[random.randrange(len(payload))] = random.choice([0, 0x7F, 0x80, 0xFF])
    try:
        found = how.decompress(bytes(payload))
    except FederationError:
        return
    assert found.shape == (how.size,)
    assert np.isfinite(found).all()
    assert np.count_nonzero(found) <= how.kept


def test_another_length_is_refused() -> None:
    how = Compressor(100, 0.1, 4)
    for length in (0, how.payload_bytes - 1, how.payload_bytes + 1, 10_000):
        with pytest.raises(FederationError, match=f"{length} bytes, and {how.payload_bytes} were"):
            how.decompress(bytes(length))


@pytest.mark.parametrize(
    ("keep", "bits", "ratio"), [(0.05, 4, 60), (0.02, 4, 130), (0.01, 8, 190), (1.0, 8, 3.9)]
)
def test_payloads_are_as_small_as_the_plan_says(keep: float, bits: int, ratio: float) -> None:
    """Against 32 bits for each of the 38,640 weights of the proxy."""
    assert 4 * 38_640 / Compressor(38_640, keep, bits).payload_bytes > ratio
