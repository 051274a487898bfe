"""Secure aggregation: the masked sum is the plain one, to the bit, whoever drops out when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.masking import Masker, check_numbers
from fedlab_utils.privacy.masks import Advert, pair_mask, stream
from fedlab_utils.privacy.unmasking import agreeing, unmasked_sum

LENGTH = 7


class Round:
    """A round of some hospitals; a test says who leaves when, and what is done to messages."""

    def __init__(self, hospitals: int, threshold: int, name: bytes = b"round 1") -> None:
        self.keys = [Ed25519PrivateKey.generate() for _ in range(hospitals)]
        self.known = {n: k.public_key().public_bytes_raw() for n, k in enumerate(self.keys)}
        self.name, self.threshold = name, threshold
        self.maskers = [
            Masker(n, name, key, self.known, threshold) for n, key in enumerate(self.keys)
        ]
        rng = np.random.default_rng(hospitals)
        self.values = rng.integers(0, 2**64, (hospitals, LENGTH), np.uint64)
        self.adverts: dict[int, Advert] = {}

    def advertise(self, who) -> None:
        self.adverts = {n: self.maskers[n].advertise() for n in who}

    def boxes(self, who) -> dict[int, dict[int, bytes]]:
        return {n: self.maskers[n].share(self.adverts) for n in who}

    def mask(self, who, boxes) -> None:
        self.masked = {
            n: self.maskers[n].mask(
                self.values[n], {o: box[n] for o, box in boxes.items() if o != n}
            )
            for n in who
        }
        self.peers = {n: self.maskers[n].peers() for n in who}

    def confirm(self, who) -> dict[int, bytes]:
        return {n: self.maskers[n].confirm(sorted(self.masked)) for n in who}

    def reveal(self, who, confirmed) -> np.ndarray:
        self.revealed = {n: self.maskers[n].reveal(confirmed) for n in who}
        return self.total()

    def total(self) -> np.ndarray:
        return unmasked_sum(
            self.name, self.threshold, self.adverts, self.peers, self.masked, self.revealed
        )


def _until_masked(hospitals: int = 5, threshold: int = 3) -> Round:
    one, everybody = Round(hospitals, threshold), range(hospitals)
    one.advertise(everybody)
    one.mask(everybody, one.boxes(everybody))
    return one


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_masked_sum_is_the_plain_one_for_every_allowed_set_of_dropouts(data) -> None:
    hospitals = data.draw(st.integers(3, 7))
    threshold = data.draw(st.integers(max(3, hospitals // 2 + 1), hospitals))

    def some(of: list[int]) -> list[int]:
        return sorted(data.draw(st.lists(st.sampled_from(of), min_size=threshold, unique=True)))

    one = Round(hospitals, threshold)
    first = some(list(range(hospitals)))
    one.advertise(first)
    second = some(first)
    boxes = one.boxes(second)
    third = some(second)
    one.mask(third, boxes)
    fourth = some(third)
    confirmed = one.confirm(fourth)
    total = one.reveal(some(fourth), confirmed)
    assert np.array_equal(total, one.values[third].sum(0, dtype=np.uint64))


def test_one_below_the_threshold_ends_the_round_at_each_step() -> None:
    one = Round(5, 4)
    one.advertise(range(3))
    with pytest.raises(PrivacyError, match="3 hospitals are left, and 4 are needed"):
        one.boxes([0])

    one = Round(5, 4)
    one.advertise(range(5))
    boxes = one.boxes(range(5))
    with pytest.raises(PrivacyError, match="3 hospitals are left"):
        one.mask([0], {n: boxes[n] for n in range(3)})

    one = _until_masked(5, 4)
    with pytest.raises(PrivacyError, match="3 hospitals are left"):
        one.maskers[0].confirm([0, 1, 2])

    one = _until_masked(5, 4)
    confirmed = one.confirm(range(5))
    with pytest.raises(PrivacyError, match="3 hospitals are left"):
        one.maskers[0].reveal({n: confirmed[n] for n in range(3)})

    one.revealed = {n: one.maskers[n].reveal(confirmed) for n in (1, 2, 3)}
    with pytest.raises(PrivacyError, match="4 true ones are needed"):
        one.total()


def test_what_the_server_sees_of_a_hospital_looks_like_noise() -> None:
    one = Round(3, 3)
    one.values = np.zeros((3, 20_000), np.uint64)
    one.advertise(range(3))
    one.mask(range(3), one.boxes(range(3)))
    for masked in one.masked.values():
        assert stats.kstest(masked / 2.0**64, "uniform").pvalue > 1e-6
    assert not any(
        np.array_equal(a, b) for n, a in one.masked.items() for m, b in one.masked.items() if n < m
    )
    two_of_them = one.masked[0] + one.masked[1]
    assert stats.kstest(two_of_them / 2.0**64, "uniform").pvalue > 1e-6


def test_of_nobody_both_secrets_come_out() -> None:
    """Whoever asks twice, or tells two stories of who is left, gets no second answer."""
    one = _until_masked()
    confirmed = one.confirm(range(5))
    one.maskers[0].reveal(confirmed)
    with pytest.raises(PrivacyError, match="next step is to done"):
        one.maskers[0].reveal(confirmed)

    one = _until_masked()
    with pytest.raises(PrivacyError, match="next step is to reveal"):
        one.maskers[0].confirm([0, 1, 2, 3]), one.maskers[0].confirm([0, 1, 2, 3, 4])

    one = _until_masked()
    story, other = list(range(4)), list(range(1, 5))  # hospital 0 dropped out, or hospital 4
    first = {n: one.maskers[n].confirm(story) for n in (0, 1)}
    second = {n: one.maskers[n].confirm(other) for n in (3, 4)}
    for number in (0, 1, 3, 4):
        with pytest.raises(PrivacyError, match="2 hospitals are left"):
            one.maskers[number].reveal(first | second)


def test_too_few_sound_adverts_end_the_round() -> None:
    one = Round(4, 3)
    one.advertise(range(4))
    with pytest.raises(PrivacyError, match="2 hospitals are left, and 3 are needed"):
        one.maskers[3].share({n: one.adverts[n] for n in (2, 3)} | {0: one.adverts[1]})


def test_a_hospital_without_a_sound_advert_gets_no_box() -> None:
    one = Round(4, 3)
    one.advertise(range(4))
    one.adverts[2] = replace(one.adverts[2], signature=bytes(64))
    assert sorted(one.maskers[0].share(one.adverts)) == [1, 3]


def test_a_round_goes_on_from_what_was_remembered() -> None:
    one = Round(4, 3)

    def begin_anew() -> None:
        again = [Masker(n, one.name, key, one.known, 3) for n, key in enumerate(one.keys)]
        one.maskers = [
            new.recall(old.remember()) for new, old in zip(again, one.maskers, strict=True)
        ]

    one.advertise(range(4))
    begin_anew()
    boxes = one.boxes(range(4))
    begin_anew()
    one.mask(range(3), boxes)
    begin_anew()
    confirmed = one.confirm(range(3))
    begin_anew()
    total = one.reveal(range(3), confirmed)
    assert np.array_equal(total, one.values[:3].sum(0, dtype=np.uint64))


def test_a_key_that_is_none_at_those_who_are_left_ends_the_sum_and_not_the_server() -> None:
    one = _until_masked(5, 3)
    one.masked.pop(4)
    one.reveal(range(4), one.confirm(range(4)))
    for bad in (bytes(32), b"short"):
        one.adverts[1] = replace(one.adverts[1], mask_key=bad)
        with pytest.raises(PrivacyError, match="hospital 1: it is left, and its key is none"):
            one.total()


def test_a_stranger_among_the_peers_ends_the_sum_and_not_the_server() -> None:
    one = _until_masked(5, 3)
    one.reveal(range(5), one.confirm(range(5)))
    one.peers[2] = [*one.peers[2], 99]
    with pytest.raises(PrivacyError, match="1 that nobody knows"):
        one.total()


@pytest.mark.parametrize("garbage", [b"", b"short", bytes(200)], ids=["empty", "short", "zeros"])
def test_a_box_that_cannot_be_opened_leaves_its_sender_out_and_the_sum_right(
    garbage: bytes,
) -> None:
    one = Round(5, 3)
    one.advertise(range(5))
    boxes = one.boxes(range(5))
    boxes[4] = dict.fromkeys(range(4), garbage)
    one.mask(range(5), boxes)
    left = agreeing(one.peers)
    assert left == [0, 1, 2, 3]
    del one.masked[4]
    confirmed = one.confirm(left)
    assert np.array_equal(one.reveal(left, confirmed), one.values[:4].sum(0, dtype=np.uint64))


def test_one_bad_box_costs_one_of_the_two() -> None:
    one = Round(5, 3)
    one.advertise(range(5))
    boxes = one.boxes(range(5))
    boxes[4] = boxes[4] | {0: bytes(120)}
    one.mask(range(5), boxes)
    left = agreeing(one.peers)
    assert len(left) == 4
    one.masked = {n: one.masked[n] for n in left}
    total = one.reveal(left, one.confirm(left))
    assert np.array_equal(total, one.values[left].sum(0, dtype=np.uint64))


def test_false_pieces_of_a_few_do_not_falsify_the_sum() -> None:
    one = _until_masked(6, 4)
    one.masked.pop(5)
    confirmed = one.confirm(range(5))
    one.revealed = {n: one.maskers[n].reveal(confirmed) for n in range(5)}
    one.revealed[2] = dict.fromkeys(range(6), bytes(32))
    assert np.array_equal(one.total(), one.values[:5].sum(0, dtype=np.uint64))
    one.revealed[1] = {}
    with pytest.raises(PrivacyError, match="no choice of them gives the secret"):
        one.total()


def test_the_server_may_not_count_somebody_whom_a_hospital_does_not_know() -> None:
    one = _until_masked()
    with pytest.raises(PrivacyError, match="whom this hospital does not know"):
        one.maskers[0].confirm([0, 1, 2, 7])
    one = _until_masked()
    with pytest.raises(PrivacyError, match="whom this hospital does not know"):
        one.maskers[0].confirm([1, 2, 3])


@pytest.mark.parametrize(("hospitals", "threshold"), [(2, 2), (3, 2), (4, 2), (5, 6), (3, 1)])
def test_numbers_that_hide_nothing_are_refused(hospitals: int, threshold: int) -> None:
    with pytest.raises(PrivacyError, match=f"{hospitals} hospitals, of whom {threshold}"):
        check_numbers(hospitals, threshold)


def test_masks_are_those_of_the_key_and_the_round_alone() -> None:
    key = bytes(range(32))
    assert np.array_equal(stream(key, b"a", 4), stream(key, b"a", 9)[:4])
    assert not np.array_equal(stream(key, b"a", 4), stream(key, b"b", 4))
    assert not (pair_mask(key, 1, 2, b"a", 4) + pair_mask(key, 2, 1, b"a", 4)).any()
