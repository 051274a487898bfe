"""Settings of a federation: what makes no sense, and the way through Flower's ``run_config``."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from fedlab_utils.data.plain_values import kind_of
from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.unet_settings import UNetFederation
from tests.data.test_plain_values import WRONG
from tests.federated.toys import BowlTask

SGD = {"optimiser": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "fedsgd"},
        {"optimiser": "adam"},
        {"rounds": 0},
        {"fraction": 0.0},
        {"mu": -1.0},
        {"mu": float("nan")},
        {"option": 3},
        {"schedule": "steps"},
        {"tune_rate": 0.0},
        {"tune_rate": 1e200, "learning_rate": 1e200},
        {"server_rate": 0.0},
        {"server_rate": float("inf")},
        {"server_momentum": 1.0},
        {"strategy": "scaffold"},
        {"strategy": "scaffold", "optimiser": "sgd", "personal": "norm"},
        {"timeout": float("inf")},
    ],
)
def test_settings_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(FederationError):
        FederationSettings(**wrong)


@pytest.mark.parametrize("cls", [FederationSettings, UNetFederation])
def test_a_seed_that_no_generator_takes_is_refused(cls: type) -> None:
    for seed in (-1, 2**63, 10**30, 10**5000):
        with pytest.raises(FederationError) as raised:
            cls(seed=seed)
        assert raised.value.case == "seed"
    assert cls(seed=2**63 - 1).seed == 2**63 - 1


def test_a_round_cannot_need_more_answers_than_there_are_hospitals() -> None:
    with pytest.raises(FederationError, match="fewest: it is 5, and there are 4 hospitals"):
        federate(BowlTask(), FederationSettings(rounds=1, fewest=5))
    found = federate(BowlTask(), FederationSettings(rounds=1, fewest=4))
    assert found.history[0].counted


@pytest.mark.parametrize("width", [0, -8, 12])
def test_a_width_that_no_u_net_has_is_refused(width: int) -> None:
    with pytest.raises(FederationError, match=f"width: it is {width}. Take a multiple of 8"):
        UNetFederation(width=width)


def test_a_cosine_lowers_the_rate_from_round_to_round() -> None:
    settings = FederationSettings(rounds=4, learning_rate=0.2, schedule="cosine", tune_rate=0.1)
    rates = [settings.local_optimiser(number).learning_rate for number in range(1, 6)]
    assert rates == pytest.approx([0.2, 0.1707107, 0.1, 0.0292893, 0.0])
    assert settings.tuning_optimiser().learning_rate == pytest.approx(0.02)
    assert FederationSettings(learning_rate=0.2).local_optimiser(9).learning_rate == 0.2


@pytest.mark.parametrize(
    ("strategy", "usual"), [("fedadam", 0.1), ("fedavgm", 1.0), ("fedavg", 1.0), ("fedbn", 1.0)]
)
def test_the_servers_step_is_the_strategys_usual_one_unless_set(strategy, usual) -> None:
    made = FederationSettings(strategy=strategy)
    assert made.server_step == made.to_config()["server-rate"] == usual
    assert replace(FederationSettings(), strategy=strategy).server_step == usual
    assert replace(made, server_rate=0.3).server_step == 0.3
    assert FederationSettings.from_config({"strategy": strategy}).server_step == usual
    if strategy in ("fedadam", "fedavgm"):
        ends = [
            federate(BowlTask(), replace(made, **SGD, rounds=2, server_rate=rate)).last["at"]
            for rate in (None, usual, usual / 2)
        ]
        assert ends[0].equal(ends[1])
        assert not ends[0].equal(ends[2])


def test_settings_survive_the_way_through_a_run_config() -> None:
    settings = FederationSettings(**SGD, strategy="scaffold", fraction=0.25, seed=9)
    found = FederationSettings.from_config(settings.to_config() | {"data": "x"})
    assert found == replace(settings, server_rate=1.0)
    with pytest.raises(FederationError, match="local-steps"):
        FederationSettings.from_config({"local-steps": "8"})


FIELDS = [(cls, field) for cls in (FederationSettings, UNetFederation) for field in fields(cls)]
each_field = pytest.mark.parametrize(
    ("cls", "field"), FIELDS, ids=[f"{cls.__name__}-{field.name}" for cls, field in FIELDS]
)


@each_field
def test_a_value_of_another_type_is_refused(cls: type, field: object) -> None:
    for value in WRONG[kind_of(field)]:
        if value is None and field.default is None:
            continue
        with pytest.raises(FederationError) as raised:
            cls(**{field.name: value})
        assert raised.value.case == field.name
        hyphened = field.name.replace("_", "-")
        with pytest.raises(FederationError) as raised:
            cls.from_config({hyphened: value})
        assert raised.value.case == hyphened


@each_field
def test_numbers_of_numpy_become_those_of_python(cls: type, field: object) -> None:
    kind, default = kind_of(field), 0.5 if field.default is None else field.default
    scalar = {int: np.int64, float: np.float64, bool: np.bool_, str: np.str_}[kind]
    made = cls(**{field.name: scalar(default)})
    assert made == cls(**{field.name: default})
    assert type(getattr(made, field.name)) is kind
    config = made.to_config()
    assert cls.from_config(config).to_config() == config
    assert type(config[field.name.replace("_", "-")]) is kind


def test_a_whole_number_does_where_a_number_is_due() -> None:
    made = FederationSettings(learning_rate=1, timeout=30)
    assert (type(made.learning_rate), type(made.timeout)) == (float, float)
    assert made == FederationSettings(learning_rate=1.0, timeout=30.0)
