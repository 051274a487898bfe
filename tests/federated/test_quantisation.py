"""Numbers in few bits: right on average, bounded errors, exact lengths, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.quantisation import (
    BLOCK,
    dequantise,
    levels_of,
    quantise,
    quantised_bytes,
)

VALUES = arrays.arrays(
    np.float64, st.integers(0, 700), elements=st.floats(-1e6, 1e6, allow_subnormal=False, width=32)
)
FEW = pytest.mark.parametrize("bits", [4, 8])


class Even:
    """Draws that are spread evenly over 0 to 1, for an exact mean over all of them."""

    def __init__(self, at: int, of: int) -> None:
        self.value = (at + 0.5) / of

    def random(self, count: int) -> np.ndarray:
        return np.full(count, self.value)


@FEW
def test_the_mean_over_evenly_spread_draws_is_the_number_itself(bits: int) -> None:
    """Numbers at multiples of 1/64 of a level are rounded up by exactly that share of 64 draws."""
    most = levels_of(bits)
    values = np.append(np.arange(-64 * most, 64 * most + 1, 5)[:200] / 64, most)  # the scale
    shown = [dequantise(quantise(values, bits, Even(n, 64)), len(values), bits) for n in range(64)]
    np.testing.assert_allclose(np.mean(shown, axis=0), values, rtol=0, atol=1e-12)
    assert np.ptp(shown, axis=0).max() == pytest.approx(1)  # to either neighbour, never further


@FEW
def test_random_rounding_is_unbiased_within_six_standard_errors(bits: int) -> None:
    values = np.random.default_rng(1).normal(size=600)
    rng, times = np.random.default_rng(2), 4000
    mean = sum(dequantise(quantise(values, bits, rng), 600, bits) for _ in range(times)) / times
    blocks = [values[at : at + BLOCK] for at in range(0, 600, BLOCK)]
    step = np.concatenate([np.full(len(b), np.abs(b).max()) for b in blocks]) / levels_of(bits)
    off = np.abs(mean - values)
    assert (off <= 6 * step / 2 / np.sqrt(times)).all()  # a draw's deviation is at most half a step
    # Rounding to the nearest level would be seen: it misses by a quarter step in the mean.
    nearest = np.abs(np.rint(values / step) * step - values)
    assert nearest.mean() > 10 * off.mean()


@FEW
@given(values=VALUES, seed=st.integers(0, 2**32))
def test_no_number_is_off_by_a_level_and_the_length_is_as_promised(bits, values, seed) -> None:
    code = quantise(values, bits, np.random.default_rng(seed))
    assert len(code) == quantised_bytes(len(values), bits)
    found = dequantise(code, len(values), bits)
    for at in range(0, len(values), BLOCK):
        block = values[at : at + BLOCK]
        step = np.abs(block).max() / levels_of(bits)
        assert (np.abs(found[at : at + BLOCK] - block) <= step * (1 + 1e-6)).all()


@given(values=VALUES)
def test_32_bits_have_the_bits_of_float32(values: np.ndarray) -> None:
    code = quantise(values, 32, np.random.default_rng(0))
    found = dequantise(code, len(values), 32).astype(np.float32)
    assert found.tobytes() == values.astype(np.float32).tobytes()


@given(st.floats(0.01, 0.99), st.integers(2, BLOCK))
def test_four_bits_take_away_from_what_is_left_in_a_block_of_256(part: float, count: int) -> None:
    """The worst block has one large number and all others at one share of a level."""
    most = levels_of(4)
    values = np.full(count, part)
    values[0] = most
    error = (count - 1) * part * (1 - part)  # of a coin with that chance, exactly
    shown = [dequantise(quantise(values, 4, Even(n, 400)), count, 4) for n in range(400)]
    measured = np.mean([np.square(v - values).sum() for v in shown])
    assert measured == pytest.approx(error, rel=0.02, abs=0.02 * count)
    bound = (np.sqrt(1 + count / most**2) - 1) / 2
    assert error / np.square(values).sum() <= bound <= 0.75


@FEW
def test_what_no_honest_hospital_writes_is_refused(bits: int) -> None:
    rng = np.random.default_rng(0)
    code = quantise(rng.normal(size=300), bits, rng)
    for scale in (np.nan, np.inf, -1.0, 1e16):
        wrong = np.array([scale], "<f4").tobytes() + code[4:]
        with pytest.raises(FederationError, match="scale is not from 0 to"):
            dequantise(wrong, 300, bits)
    lowest = code[:8] + bytes([0x88 if bits == 4 else 0x80]) + code[9:]
    with pytest.raises(FederationError, match=f"level is beyond {levels_of(bits)}"):
        dequantise(lowest, 300, bits)
    for wrong in (b"", code[:-1], code + b"\0"):
        with pytest.raises(FederationError, match="bytes, and"):
            dequantise(wrong, 300, bits)
    with pytest.raises(FederationError, match="not finite, or beyond"):
        dequantise(np.array([np.nan], "<f4").tobytes(), 1, 32)
    for number in (np.nan, np.inf, 1e16):
        with pytest.raises(FederationError, match="not finite, or beyond"):
            quantise(np.array([number]), bits, rng)
