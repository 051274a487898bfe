"""The toy app under ``flwr run`` with Ray: what comes of it, how it fails, and what is left."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import engine_ray
from fedlab_utils.federated.engine_ray import run_with_ray
from tests.federated import runs
from tests.federated.toy_app import expected

pytestmark = [
    pytest.mark.xdist_group("flower"),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> runs.Ran:
    """Three hospitals and two rounds, in the second of which hospital 2 raises."""
    with runs.nothing_left():
        return runs.run_toy(
            run_with_ray, tmp_path_factory.mktemp("ray"), 3, raises="2 2", share=0.25, fast=True
        )


def test_arrays_are_those_of_a_computation_without_flower(ran: runs.Ran) -> None:
    for name, array in expected(3, 2, 3, absent={(2, 2)}).items():
        np.testing.assert_allclose(ran.model[name], array, rtol=1e-6, atol=1e-7)


def test_hospitals_are_numbered_and_have_one_thread(ran: runs.Ran) -> None:
    first = [reply for reply in ran.told["told"] if reply["round"] == 1]
    assert sorted(reply["partition-id"] for reply in first) == [0, 1, 2]
    assert {(reply["num-partitions"], reply["threads"]) for reply in first} == {(3, "1")}


def test_a_client_that_raises_is_an_error_reply(ran: runs.Ran) -> None:
    assert len(ran.told["errors"]) == 1
    assert "hospital 2 cannot count" in ran.told["errors"][0]


def test_a_hospital_keeps_its_state(ran: runs.Ran) -> None:
    second = [reply for reply in ran.told["told"] if reply["round"] == 2]
    assert {reply["partition-id"]: reply["rounds-before"] for reply in second} == {0: 1, 1: 1}


def test_the_run_config_comes_with_its_types(ran: runs.Ran) -> None:
    config = ran.told["config"]
    assert (config["seed"], config["share"], config["fast"]) == (3, 0.25, True)
    assert config["out"] == str(ran.out)


def test_the_log_is_passed_on(ran: runs.Ran) -> None:
    log = "\n".join(ran.lines)
    assert "[ROUND 2/2]" in log
    assert "hospital 0 trains in round 1" in log
    assert "\x1b" not in log


def test_nothing_is_left(ran: runs.Ran) -> None:
    assert not any(map(runs.alive, ran.processes))
    assert runs.homes(ran.lines) == {ran.told["home"]}
    assert runs.with_home(ran.told["home"]) == []
    assert not Path(ran.told["home"]).exists()


def test_a_server_that_raises_is_an_error_with_its_message(tmp_path: Path) -> None:
    with runs.nothing_left(), pytest.raises(FederationError, match="no weights today") as caught:
        runs.run_toy(run_with_ray, tmp_path, 2, **{"server-raises": "no weights today"})
    notes = "\n".join(caught.value.__notes__)
    assert "toy_app.py" in notes  # the ServerApp's traceback
    assert "flwr run" in notes


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    log, errors = runs.stop_caller("engine_ray", "run_with_ray", tmp_path, signal.SIGINT)
    assert "KeyboardInterrupt" in errors
    (home,) = runs.homes(log.splitlines())
    assert runs.gone(home, log, seconds=5)


class LateRay:
    """Stands for a run in which Ray does not start in time, the first ``late`` times."""

    late = 0
    began = 0

    def __init__(self, *_: object) -> None:
        type(self).began += 1

    def __enter__(self) -> LateRay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start_superlink(self, *_: object) -> None:
        pass

    def said(self, _: str, words: str) -> bool:
        return words in "Exception: The current node timed out during startup. This could happen"

    def run(self, hopeless: str) -> None:
        if self.began <= self.late:
            assert self.said("flwr run", hopeless)
            raise FederationError("a run", "the run ended", "Mend it")


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_ray_that_is_late_is_tried_once_more(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    stub = type("Late", (LateRay,), {"late": late})
    monkeypatch.setattr(engine_ray, "FlowerRun", stub)
    if late < 2:
        run_with_ray({}, 2, **runs.APPS)
    else:
        with pytest.raises(FederationError, match="2 times: the machine is too busy"):
            run_with_ray({}, 2, **runs.APPS)
    assert stub.began == min(late + 1, 2)


def test_without_ray_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_ray.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FederationError, match=r"pip install \"flwr\[simulation\]\""):
        run_with_ray({}, 2, **runs.APPS)
