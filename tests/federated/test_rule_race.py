"""Both sides of the race do the same work: the same answers in, the same model out."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.federated.rule_race import RuleRace

SHAPES = ((4, 3), (4,), ())


@pytest.mark.parametrize("rule", ["median", "krum", "multi-krum"])
def test_ours_and_flowers_make_the_same_model(rule: str) -> None:
    race = RuleRace(11, 2, SHAPES)
    ours, theirs = race.server(rule), race.flowers(rule)
    for _ in range(2):  # answers are whole after a round
        found, due = ours(race.answers()), theirs(race.answers())
        assert [value.shape for value in found.values()] == list(SHAPES)
        for name, value in due.items():
            np.testing.assert_allclose(found[name], value, atol=1e-6)
            assert (found[name] != race.sent[name]).all()


def test_answers_come_as_bytes() -> None:
    race = RuleRace(3, 0, SHAPES)
    for answer in race.answers():
        assert all(isinstance(a.data, bytes) for a in answer.content["arrays"].values())
        assert "_values" not in vars(answer.content["arrays"]["layer0"])
