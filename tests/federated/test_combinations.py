"""The table of what goes together: its form, and that runs keep to it."""

from __future__ import annotations

from itertools import combinations

import pytest

from fedlab_utils.errors import CombinationError, FederationError, PrivacyError
from fedlab_utils.federated import (
    CompressionPlan,
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    RobustPlan,
    federate,
    federate_encrypted,
    make_client_app,
    make_server_app,
)
from fedlab_utils.federated.combinations import (
    CAVEATS,
    CLASHES,
    check_combination,
    clash_of,
)
from fedlab_utils.federated.engine_inprocess import run_in_process
from fedlab_utils.federated.methods import METHODS, RULES
from tests.federated.toys import BowlTask

HIDDEN = HospitalPrivacy(epsilon=8.0, simulated=True)
SGD = {"optimiser": "sgd", "learning_rate": 0.1}


def test_each_pair_stands_there_once_with_a_reason_and_a_way_out() -> None:
    pairs = [frozenset((clash.one, clash.other)) for clash in (*CLASHES, *CAVEATS)]
    assert len(set(pairs)) == len(pairs)
    for clash in (*CLASHES, *CAVEATS):
        assert len({clash.one, clash.other}) == 2
        assert {clash.one, clash.other} <= set(METHODS)
        assert len(clash.why) > 20
        assert clash.remedy
        assert not (clash.why + clash.remedy).endswith(".")


UPLINK = ("top-k", "quantisation", "partial layers")
REFUSED = {
    "masks": (*RULES, *UPLINK, "encryption"),
    "encryption": (*RULES, *UPLINK),
    "top-k": ("median", "trimmed-mean"),
    "scaffold": (*RULES, "other optimiser", "personal layers"),
    "fltrust": ("personal layers", "partial layers"),
    "colluders": (*UPLINK, "small downlink"),
    "hospital privacy": ("privacy", "masks", "encryption", *UPLINK, "small downlink", *RULES),
    "privacy": ("gradient variates", "tuning"),
}
"""Method -> what it does not go with, written out once more beside the table."""


@pytest.mark.parametrize("pair", list(combinations(METHODS, 2)), ids=" with ".join)
def test_a_pair_is_refused_exactly_if_it_is_in_the_table(pair: tuple[str, str]) -> None:
    assert clash_of(*pair) == clash_of(*reversed(pair))
    one, other = pair
    if other in REFUSED.get(one, ()) or one in REFUSED.get(other, ()):
        with pytest.raises(CombinationError, match=" with "):
            check_combination(pair)
    else:
        check_combination(pair)


def test_what_hides_numbers_goes_with_no_rule_that_looks_at_them() -> None:
    for rule in RULES:
        for how in ("masks", "encryption"):
            with pytest.raises(CombinationError, match=f"^{how} with {rule}: "):
                check_combination({how, rule, "privacy"})


def test_a_method_that_is_not_known_is_no_method_that_goes_with_all() -> None:
    with pytest.raises(KeyError):
        check_combination({"masks", "magic"})


def test_the_error_is_of_both_kinds() -> None:
    for kind in (FederationError, PrivacyError):
        with pytest.raises(kind, match="masks with top-k"):
            check_combination({"masks", "top-k"})


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"masking": MaskingPlan(True), "compression": CompressionPlan(up_keep=0.1)}, "top-k"),
        ({"masking": MaskingPlan(True), "compression": CompressionPlan(up_bits=8)}, "quantisation"),
        ({"masking": MaskingPlan(True), "compression": CompressionPlan(parts=2)}, "partial"),
    ],
)
def test_a_run_is_refused_before_it_begins(how: dict, words: str) -> None:
    with pytest.raises(CombinationError, match=f"masks with {words}"):
        federate(BowlTask(), FederationSettings(rounds=1, **SGD), **how)


@pytest.mark.parametrize(
    "compression",
    [{"up_keep": 0.1}, {"up_bits": 8}, {"parts": 2}, {"down_bits": 8}],
    ids=str,
)
def test_a_hidden_hospital_sends_whole_updates(compression: dict) -> None:
    how = {"compression": CompressionPlan(**compression), "hospital_privacy": HIDDEN}
    with pytest.raises(CombinationError, match="hospital privacy with "):
        federate(BowlTask(), FederationSettings(rounds=1, **SGD), **how)


def test_encryption_is_refused_beside_a_rule_and_a_hidden_hospital() -> None:
    how = FederationSettings(rounds=1, **SGD)
    with pytest.raises(CombinationError, match="encryption with median"):
        federate_encrypted(BowlTask(), how, robust=RobustPlan("median"))
    with pytest.raises(CombinationError, match="hospital privacy with encryption"):
        federate_encrypted(BowlTask(), how, hospital_privacy=HIDDEN)


def test_a_server_that_does_not_know_who_agreed_refuses_a_run_that_asks_for_noise() -> None:
    """As under ``flwr run``, where the plan comes with the config alone."""
    client, server = make_client_app(lambda _: BowlTask()), make_server_app(lambda _: BowlTask())
    config = FederationSettings(rounds=1, **SGD).to_config()
    run_in_process(client, server, config, 4)
    with pytest.raises(PrivacyError, match="members: it is 0"):
        run_in_process(client, server, config | HIDDEN.to_config(), 4)
