"""The table of what goes together: its form, and that runs keep to it."""

from __future__ import annotations

from itertools import combinations

import pytest

from fedlab_utils.errors import CombinationError, FederationError, PrivacyError
from fedlab_utils.federated import (
    CompressionPlan,
    FederationSettings,
    MaskingPlan,
    PrivacyPlan,
    federate,
)
from fedlab_utils.federated.combinations import (
    CAVEATS,
    CLASHES,
    METHODS,
    RULES,
    check_combination,
    clash_of,
    methods_of,
)
from tests.federated.toys import BowlTask

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


@pytest.mark.parametrize("pair", list(combinations(METHODS, 2)), ids=" with ".join)
def test_a_pair_is_refused_exactly_if_it_is_in_the_table(pair: tuple[str, str]) -> None:
    assert clash_of(*pair) == clash_of(*reversed(pair))
    if any({clash.one, clash.other} == set(pair) for clash in CLASHES):
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


def test_methods_of_a_run_are_those_that_its_plans_name() -> None:
    settings = FederationSettings(strategy="scaffold", option=1, **SGD)
    assert methods_of(settings) == {"scaffold", "gradient variates"}
    plans = PrivacyPlan(epsilon=3.0), MaskingPlan(True), CompressionPlan(0.1, 4, 0.1, 32, 2)
    assert methods_of(FederationSettings(personal="norm", tune_steps=2), *plans) == {
        "other optimiser",
        "personal layers",
        "tuning",
        "privacy",
        "masks",
        "top-k",
        "quantisation",
        "partial layers",
        "small downlink",
    }
