"""The toy app under SuperLink and SuperNodes: what comes of it, how it fails, and what is left."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.errors import FederationError, TrainingError
from fedlab_utils.federated.engine_deployment import run_deployment
from tests.federated import runs
from tests.federated.toy_app import expected

pytestmark = pytest.mark.xdist_group("flower")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> runs.Ran:
    """Three hospitals and two rounds, in the second of which hospital 2 raises."""
    with runs.nothing_left():
        return runs.run_toy(run_deployment, tmp_path_factory.mktemp("nodes"), 3, raises="2 2")


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


def test_a_hospital_keeps_its_state_from_process_to_process(ran: runs.Ran) -> None:
    second = [reply for reply in ran.told["told"] if reply["round"] == 2]
    assert {reply["partition-id"]: reply["rounds-before"] for reply in second} == {0: 1, 1: 1}
    assert len(ran.processes) == 6  # the server's, and five of clients that did not raise


def test_lines_name_their_hospital(ran: runs.Ran) -> None:
    assert any(line.startswith("hospital 1: hospital 1 trains in round 2") for line in ran.lines)
    assert any("[ROUND 2/2]" in line for line in ran.lines)


def test_nothing_is_left(ran: runs.Ran) -> None:
    assert not any(map(runs.alive, ran.processes))
    assert runs.with_home(ran.told["home"]) == []
    assert not Path(ran.told["home"]).exists()


def test_two_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    """Both servers give up, one with an error of FedLab, which comes with its type."""
    failures = {
        "first": ({"server-raises": "no weights today"}, FederationError, "no weights today"),
        "second": ({"server-gives-up": "Ask them"}, TrainingError, "round 1: no hospital answered"),
    }

    def fails(name: str) -> None:
        config, error, message = failures[name]
        with pytest.raises(error, match=message):
            runs.run_toy(run_deployment, tmp_path / name, 1, **config)

    with runs.nothing_left(), ThreadPoolExecutor() as pool:
        list(pool.map(fails, failures))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_nothing_outlives_a_caller_that_is_killed(tmp_path: Path) -> None:
    log, _ = runs.stop_caller("engine_deployment", "run_deployment", tmp_path, signal.SIGKILL)
    (home,) = runs.homes(log.splitlines())
    assert runs.gone(home, log, seconds=30)
