"""Which methods a run uses: those that its settings and plans name, and no others."""

from __future__ import annotations

from fedlab_utils.federated import (
    AttackPlan,
    CompressionPlan,
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    PrivacyPlan,
    RobustPlan,
)
from fedlab_utils.federated.methods import METHODS, methods_of

HIDDEN = HospitalPrivacy(epsilon=8.0, simulated=True)
SGD = {"optimiser": "sgd", "learning_rate": 0.1}


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
    robust, attack = RobustPlan("krum", 1, bucket=2), AttackPlan("ipm", "1")
    more = methods_of(FederationSettings(**SGD), hidden=HIDDEN, robust=robust, attack=attack)
    assert more == {"hospital privacy", "krum", "bucketing", "colluders"}
    alone = methods_of(FederationSettings(**SGD), attack=AttackPlan("nan", "1"))
    assert alone == set()
    assert methods_of(FederationSettings(**SGD), robust=RobustPlan()) == set()
    assert more <= set(METHODS)
