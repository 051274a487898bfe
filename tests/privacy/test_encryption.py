"""Averages under encryption: the plain one comes out, the server cannot read, a key holder can."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy import (
    FOR_PUBLICATION,
    Adder,
    CkksSettings,
    KeyHolder,
    SimulatedRandomness,
    overheard,
    publish,
)
from fedlab_utils.privacy.encryption_settings import MOST_BITS

ts = pytest.importorskip("tenseal", reason="homomorphic encryption is done by TenSEAL")

BOTH = [CkksSettings(), FOR_PUBLICATION]
PATIENTS = (3, 5, 20, 1)


@pytest.fixture(scope="module", params=BOTH, ids=["kept", "published"])
def holder(request) -> KeyHolder:
    return KeyHolder(request.param)


def another(holder: KeyHolder) -> KeyHolder:
    return KeyHolder(holder.settings, holder.secret())


def summed(holder: KeyHolder, values, weights) -> Adder:
    server = Adder(holder.public(), holder.settings, len(values[0]))
    for row, weight in zip(values, weights, strict=True):
        server.add(holder.encrypt(row, weight))
    return server


def distance(found: np.ndarray, due: np.ndarray) -> float:
    return np.linalg.norm(found - due) / np.linalg.norm(due)


@pytest.mark.parametrize("count", [1, 4096, 4097, 38_640, 400_000])
def test_the_average_is_the_plain_one(holder: KeyHolder, count: int) -> None:
    values = np.random.default_rng(count).normal(0, 1e-3, (4, count))
    total = summed(holder, values, PATIENTS).total()
    found = another(holder).average(total, count, 4, sum(PATIENTS))
    due = np.average(values, axis=0, weights=PATIENTS)
    # one number alone may happen to be small
    assert distance(found, due) < (1e-5 if count > 1 else 1e-3)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_hospitals_and_weights(data) -> None:
    """Each ciphertext is off by its noise and a rounding: 6.5 deviations in the worst slot."""
    hospitals, count = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 50))
    number = st.floats(-4, 4, width=32)
    row = st.lists(number, min_size=count, max_size=count)
    values = np.array(data.draw(st.lists(row, min_size=hospitals, max_size=hospitals)))
    weights = data.draw(st.lists(st.integers(1, 500), min_size=hospitals, max_size=hospitals))
    one = KeyHolder(CkksSettings())
    found = one.decrypt(summed(one, values, weights).total(), count, hospitals)
    due = np.average(values, axis=0, weights=weights) * sum(weights)
    assert np.abs(found - due).max() < 6.5 * 3.3 * np.sqrt(hospitals * 4096) * 2.0**-40 + 1e-12


def test_the_error_is_what_the_standard_s_noise_makes() -> None:
    """Gaussian noise of 3.2 per coefficient, and a rounding of +-1/2, spread over the slots."""
    one, count = KeyHolder(CkksSettings()), 40_960
    values = np.random.default_rng(1).normal(0, 1e-3, (8, count))
    error = one.decrypt(summed(one, values, [1] * 8).total(), count, 8) - values.sum(0)
    due = np.sqrt((3.2**2 + 1 / 12) * 8 * 4096) * 2.0**-40
    assert error.std() == pytest.approx(due, rel=0.03)


def test_sums_of_the_largest_numbers_do_not_wrap_around() -> None:
    tight = CkksSettings(summands=5)
    one = KeyHolder(tight)
    values = np.full((5, 4096), tight.bound)
    values[:, ::2] *= -1
    total = summed(one, values, [1] * 5).total()
    assert np.allclose(one.decrypt(total, 4096, 5), values.sum(0), rtol=1e-9)
    with pytest.raises(PrivacyError, match="5 hospitals are in the sum"):
        summed(one, [*values, values[0]], [1] * 6)


@pytest.mark.parametrize("value", [2048.5, -1e9, np.inf, np.nan])
def test_a_number_beyond_the_bound_is_named_and_not_encrypted(value: float) -> None:
    with pytest.raises(PrivacyError, match="the bound is 2048"):
        KeyHolder(CkksSettings()).encrypt(np.array([0.0, value]))
    with pytest.raises(PrivacyError, match="the bound is 2048"):
        KeyHolder(CkksSettings()).encrypt(np.array([0.0, value / 2]), 2)


def test_the_server_s_context_holds_no_key_and_does_not_decrypt(holder: KeyHolder) -> None:
    parts, public = holder.encrypt(np.arange(5.0)), holder.public()
    server = ts.context_from(public)
    assert not server.has_secret_key()
    with pytest.raises(ValueError, match="doesn't support encryption"):
        ts.ckks_vector(server, [1.0])
    with pytest.raises(ValueError, match="secret_key"):
        ts.ckks_vector_from(server, parts[0]).decrypt()
    # 8192 coefficients of -1, 0 or 1 do not fit into fewer bytes, however they are written
    assert len(public) < 8192 * np.log2(3) / 8 / 10
    assert len(holder.secret()) > 8192 * np.log2(3) / 8
    with pytest.raises(PrivacyError, match="handed the secret key"):
        Adder(holder.secret(), holder.settings, 5)
    with pytest.raises(PrivacyError, match="holds no secret"):
        KeyHolder(holder.settings, public)


def test_what_is_sent_does_not_look_like_its_numbers(holder: KeyHolder) -> None:
    """Bytes of encrypted zeros and of encrypted thousands are distributed alike, and never twice.

    A necessary condition alone: that they cannot be told apart rests on learning with errors.
    """
    sent = {v: b"".join(holder.encrypt(np.full(40_960, v))) for v in (0.0, 1000.0)}
    assert sent[0.0] != b"".join(holder.encrypt(np.zeros(40_960)))
    table = [np.bincount(np.frombuffer(s, np.uint8), minlength=256) for s in sent.values()]
    assert stats.chi2_contingency(table).pvalue > 1e-6


def test_one_colluding_key_holder_reads_every_hospital(holder: KeyHolder) -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0, 1e-3, (4, 500))
    traitor = another(holder)
    for row, patients in zip(values, PATIENTS, strict=True):
        sent = holder.encrypt(row, patients)
        assert distance(overheard(traitor, sent, 500, patients), row) < 1e-5


def test_another_key_gives_no_numbers(holder: KeyHolder) -> None:
    sent = holder.encrypt(np.ones(4096))
    with pytest.raises(PrivacyError, match="another key"):
        KeyHolder(holder.settings).decrypt(sent, 4096)


def test_the_table_of_security_is_seal_s_own() -> None:
    from tenseal import sealapi

    level = sealapi.SEC_LEVEL_TYPE.TC128
    assert {n: sealapi.CoeffModulus.MaxBitCount(n, level) for n in MOST_BITS} == MOST_BITS


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"degree": 4096, "prime_bits": (60, 50)}, "110 bits at degree 4096.*allow 109"),
        ({"prime_bits": (60, 60, 60, 39)}, "219 bits at degree 8192.*allow 218"),
        ({"degree": 5000}, "degree: it is 5000"),
        ({"prime_bits": (60,)}, "two or more"),
        ({"prime_bits": (61, 60)}, "from 20 to 60"),
        ({"scale_bits": 59}, "summands may be up to"),
        ({"summands": 1 << 30}, "summands may be up to"),
        ({"summands": 0}, "summands: it is 0"),
    ],
)
def test_insecure_or_senseless_parameters_are_refused(wrong: dict, says: str) -> None:
    with pytest.raises(PrivacyError, match=says):
        CkksSettings(**wrong)


def _garbage(part: bytes, rng: np.random.Generator) -> dict[str, list[bytes]]:
    flipped = {at: bytearray(part) for at in range(24)}
    for at, content in flipped.items():
        content[at] ^= 1 << int(rng.integers(1, 8))
    return {
        "none": [],
        "two": [part, part],
        "empty": [b""],
        "text": ["x"],
        "cut": [part[:-1]],
        "longer": [part + b"\0"],
        "huge": [bytes(10**6)],
        "random": [rng.bytes(len(part))],
        "random inside": [part[:80] + rng.bytes(len(part) - 89) + part[-9:]],
        "no ciphertext": [b"\x0a\x01\x03"],
        "skipped field": [part[:3] + b"\x1a" + part[4:]],
        "other size": [b"\x0a\x01\x04" + part[3:]],
        **{f"byte {at}": [bytes(c)] for at, c in flipped.items() if at not in (13, 14)},
    }


def _refusal(server: Adder, parts: list[bytes]) -> str:
    try:
        server.add(parts)
    except PrivacyError as error:
        return str(error)
    return "taken"


def test_bytes_that_are_no_ciphertexts_are_refused_and_the_sum_stays(holder: KeyHolder) -> None:
    """If neither frame nor content were looked at, some of these would end TenSEAL's process.

    Bytes 13 and 14 are ones that SEAL does not read.
    """
    good, rng = np.array([1.0, 2.0, 3.0]), np.random.default_rng(3)
    server = Adder(holder.public(), holder.settings, 3)
    server.add(holder.encrypt(good))
    for name, parts in _garbage(holder.encrypt(good)[0], rng).items():
        assert _refusal(server, parts).startswith("encryption: no ciphertexts as are due"), name
    other = KeyHolder(next(s for s in BOTH if s != holder.settings)).encrypt(good)
    with pytest.raises(PrivacyError, match="no ciphertexts as are due"):
        server.add(other)
    server.add(holder.encrypt(good))
    assert server.summed == 2
    assert np.allclose(holder.decrypt(server.total(), 3, 2), 2 * good, atol=1e-8)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_any_bytes_in_any_place_are_refused_or_harmless(content: bytes, at: int) -> None:
    part = _PART[0][:at] + content + _PART[0][at + len(content) :]
    server = Adder(_KEYS.public(), _KEYS.settings, 3)
    server.add(_PART)
    try:
        server.add([part])
    except PrivacyError:
        assert server.summed == 1
        assert np.allclose(_KEYS.decrypt(server.total(), 3), [1, 2, 3], atol=1e-8)


_KEYS = KeyHolder(CkksSettings())
_PART = _KEYS.encrypt(np.array([1.0, 2.0, 3.0]))


def test_garbage_that_looks_like_a_ciphertext_spoils_the_sum_and_is_seen() -> None:
    values = np.ones((2, 4096))
    server = summed(_KEYS, values, [1, 1])
    server.add(KeyHolder(CkksSettings()).encrypt(values[0]))
    with pytest.raises(PrivacyError, match="one sent garbage"):
        _KEYS.decrypt(server.total(), 4096, 3)


def test_what_is_published_is_the_sum_under_noise_that_drowns_its_error() -> None:
    one, count = KeyHolder(FOR_PUBLICATION), 40_960
    values = np.random.default_rng(2).normal(0, 1e-3, (4, count))
    total = one.decrypt(summed(one, values, PATIENTS).total(), count, 4)
    due = np.average(values, axis=0, weights=PATIENTS) * sum(PATIENTS)
    told = publish(total, FOR_PUBLICATION, 4, SimulatedRandomness(0, lambda _: None))
    assert distance(told, due) < 1e-5 / 10
    assert (told - total).std() > 2.0**29 * (total - due).std()
    assert abs(np.corrcoef(told - due, total - due)[0, 1]) < 5 / np.sqrt(count)
    assert not np.array_equal(publish(total, FOR_PUBLICATION, 4), told)


def test_a_scale_too_small_to_drown_the_error_is_refused() -> None:
    with pytest.raises(PrivacyError, match="may be 1e-09"):
        publish(np.ones(3), CkksSettings(), 4)


def test_an_average_over_no_patients_is_refused() -> None:
    for weight in (0.0, -1.0, np.nan):
        with pytest.raises(PrivacyError, match="all of them sum to"):
            _KEYS.average(_PART, 3, 1, weight)
