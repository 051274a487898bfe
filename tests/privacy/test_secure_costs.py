"""What hiding costs: bytes as the formats say, and an average that is the plain one."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy import measure_costs

pytest.importorskip("tenseal", reason="homomorphic encryption is done by TenSEAL")


@pytest.mark.parametrize("hospitals", [3, 5])
def test_bytes_are_those_of_the_formats(hospitals: int) -> None:
    count, parts = 10_000, 3  # 4096 numbers in a ciphertext
    plain, masks, each, one = measure_costs(count, hospitals)
    assert (plain.bytes_up, plain.bytes_down) == (4 * count, 4 * count)
    # An advert is two keys, a fingerprint (32 each) and a signature (64); a box is a nonce (12),
    # two pieces (32 each) and a tag (16); a piece 32.
    advert, box, signature = 3 * 32 + 64, 12 + 2 * 32 + 16, 64
    others = hospitals - 1
    assert masks.bytes_up == pytest.approx(
        8 * count + advert + others * box + signature + hospitals * 32
    )
    assert masks.bytes_down == pytest.approx(
        4 * count + hospitals * (advert + signature) + others * box
    )
    # Two polynomials of 8192 coefficients in 8 bytes, per prime that is not SEAL's own.
    ciphertext = 2 * 8192 * 8 * parts
    assert each.bytes_up == pytest.approx(ciphertext, rel=0.02)
    assert each.bytes_down == pytest.approx(ciphertext, rel=0.02)
    assert one.bytes_up == pytest.approx(2 * ciphertext + 8 * count / hospitals, rel=0.02)
    assert one.bytes_down == pytest.approx(4 * count + 2 * ciphertext / hospitals, rel=0.02)


def test_each_way_gives_the_average_as_exactly_as_it_says() -> None:
    plain, masks, each, one = measure_costs(10_000, 4, seed=3)
    assert 1e-9 < plain.error < 1e-6  # float32 has 24 bits
    assert masks.error < 2.0**-33 / 1e-4  # a number is off by half of 2**-32 at the most
    assert 0 < each.error < 1e-5
    assert 1e-7 < one.error < 1e-6  # noise of 2**30 roundings in double precision


@pytest.mark.parametrize(("count", "hospitals"), [(0, 3), (10, 2)])
def test_too_few_are_refused(count: int, hospitals: int) -> None:
    with pytest.raises(PrivacyError, match="costs"):
        measure_costs(count, hospitals)
