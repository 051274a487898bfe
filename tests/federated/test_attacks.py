"""What each attack sends, by its paper's algebra, and what it does to averages and rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from scipy.stats import norm

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.attacks import (
    alie,
    alie_z,
    free_ride,
    gaussian_noise,
    inner_product,
    not_a_number,
    scaled,
    sign_flip,
)
from fedlab_utils.federated.robust_rules import krum, multi_krum, trimmed_mean

rows = st.builds(
    lambda seed, count: np.random.default_rng(seed).normal(1.0, 1.0, (count, 6)),
    st.integers(0, 2**32),
    st.integers(2, 9),
)


@trying(max_examples=40, deadline=None)
@given(rows, st.floats(0.1, 20))
def test_attacks_on_one_update(benign: np.ndarray, strength: float) -> None:
    update = benign[0]
    flipped = sign_flip(update, strength)
    np.testing.assert_allclose(flipped @ update, -strength * (update @ update))
    np.testing.assert_allclose(sign_flip(flipped, 1 / strength), update)
    np.testing.assert_array_equal(scaled(update, strength), -flipped)
    assert (free_ride(update) == 0).all()
    assert np.isnan(not_a_number(update)).all()


def test_a_scaled_update_replaces_the_average_of_those_who_have_come_to_rest() -> None:
    wanted = np.array([3.0, -2.0])
    sent = np.stack([np.zeros(2)] * 7 + [scaled(wanted, 8)])
    np.testing.assert_allclose(sent.mean(0), wanted)


def test_noise_is_as_long_as_told_and_knows_nothing_of_the_update() -> None:
    rng = np.random.default_rng(0)
    update = rng.normal(2.0, 1.0, 100_000)
    noise = gaussian_noise(update, 5.0, rng)
    assert np.linalg.norm(noise) == pytest.approx(5 * np.linalg.norm(update), rel=0.02)
    assert abs(np.corrcoef(noise, update)[0, 1]) < 0.02


@pytest.mark.parametrize(("hospitals", "hostile"), [(50, 24), (50, 12), (51, 24), (10, 4), (3, 1)])
def test_alies_z_is_the_largest_that_leaves_enough_supporters(hospitals, hostile) -> None:
    """With the share of honest ones beyond z, hostile and supporters are a majority."""
    z, honest = alie_z(hospitals, hostile), hospitals - hostile
    beyond = honest * (1 - norm.cdf(z))
    assert hostile + beyond == pytest.approx(hospitals // 2 + 1)


def test_alies_z_of_the_papers_example_and_of_eight() -> None:
    assert alie_z(50, 24) == pytest.approx(1.43, abs=0.06)  # s = 2: 24 of 26 below
    assert alie_z(8, 2) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("hospitals", "hostile"), [(8, 5), (2, 1), (1, 0)])
def test_alie_without_honest_supporters_is_refused(hospitals: int, hostile: int) -> None:
    with pytest.raises(FederationError, match=f"{hostile} of {hospitals} hospitals"):
        alie_z(hospitals, hostile)


@trying(max_examples=40, deadline=None)
@given(rows, st.floats(0, 4), st.floats(0.1, 5))
def test_alie_and_inner_products_by_their_formulas(benign, z: float, strength: float) -> None:
    for j in range(benign.shape[1]):
        column = benign[:, j].tolist()
        mean = sum(column) / len(column)
        spread = (sum((value - mean) ** 2 for value in column) / len(column)) ** 0.5
        assert alie(benign, z)[j] == pytest.approx(mean - z * spread)
    sent = inner_product(benign, strength)
    assert sent @ benign.mean(0) == pytest.approx(-strength * np.sum(benign.mean(0) ** 2))


def test_an_inner_product_attack_turns_the_average_round_from_n_over_f_on() -> None:
    benign = np.random.default_rng(0).normal(1.0, 0.1, (6, 50))
    for strength, turned in ((2.9, False), (3.1, True)):
        sent = np.vstack([benign, [inner_product(benign, strength)] * 2])
        assert (sent.mean(0) @ benign.mean(0) < 0) == turned


def test_alie_hides_where_a_flipped_sign_is_found() -> None:
    """An omniscient attacker: Krum takes what colluders send for one of the best."""
    rng = np.random.default_rng(1)
    benign = rng.normal(0.1, 1.0, (38, 400))
    hidden = np.vstack([benign, [alie(benign, alie_z(50, 12))] * 12])
    flipped = np.vstack([benign, [sign_flip(benign.mean(0), 4.0)] * 12])
    assert krum(hidden, 12).weights[38:].sum() == 1
    assert multi_krum(hidden, 12).weights[38:].sum() == pytest.approx(12 / 36)
    for found in (multi_krum(hidden, 12).update, trimmed_mean(hidden, 12).update):
        assert np.mean(found) < 0.5 * benign.mean()
    assert multi_krum(np.vstack([benign, 9 * flipped[38:]]), 12).weights[38:].sum() == 0
