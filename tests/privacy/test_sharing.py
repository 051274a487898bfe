"""Shamir's shares: enough give the secret, fewer do not, and false ones are found out."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.sharing import combine, fingerprint, split


def _right(secret: bytes):
    return lambda found: fingerprint(found) == fingerprint(secret)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_choice_of_enough_shares_gives_the_secret(data) -> None:
    holders = data.draw(st.integers(1, 9))
    threshold = data.draw(st.integers(1, holders))
    secret = os.urandom(32)
    shares = dict(enumerate(split(secret, threshold, holders)))
    chosen = data.draw(st.lists(st.sampled_from(range(holders)), min_size=threshold, unique=True))
    some = {n: shares[n] for n in chosen}
    assert combine(some, threshold, _right(secret)) == secret


def test_one_share_too_few_does_not() -> None:
    secret = os.urandom(32)
    shares = dict(enumerate(split(secret, 3, 5)))
    two = {n: shares[n] for n in (0, 4)}
    for threshold in (2, 3):
        with pytest.raises(PrivacyError, match="2 shares of 2"):
            combine(two, threshold, _right(secret))


@pytest.mark.parametrize("false", [bytes(32), b"short", b"", None])
def test_false_shares_are_passed_over_while_true_ones_are_enough(false: object) -> None:
    secret = os.urandom(32)
    shares = dict(enumerate(split(secret, 3, 6)))
    assert combine(shares | {0: false, 2: false}, 3, _right(secret)) == secret
    with pytest.raises(PrivacyError, match="true ones are needed"):
        combine(shares | dict.fromkeys(range(4), false), 3, _right(secret))


def test_shares_of_one_secret_are_different_each_time() -> None:
    secret = os.urandom(32)
    assert split(secret, 2, 3) != split(secret, 2, 3)
    assert len({*split(secret, 2, 3)}) == 3


@pytest.mark.parametrize(("threshold", "holders"), [(0, 3), (4, 3)])
def test_a_threshold_out_of_range_is_refused(threshold: int, holders: int) -> None:
    with pytest.raises(PrivacyError, match=f"threshold of {threshold} among 3"):
        split(os.urandom(32), threshold, holders)


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(PrivacyError, match="16 bytes"):
        split(os.urandom(16), 2, 3)


@pytest.mark.parametrize("false", [(0,), (19,), (0, 1, 2)])
def test_among_many_a_few_false_shares_do_no_harm_whosever_they_are(false) -> None:
    secret = bytes(range(32))
    shares = dict(enumerate(split(secret, 11, 20))) | dict.fromkeys(false, bytes(32))
    assert combine(shares, 11, lambda found: found == secret) == secret
