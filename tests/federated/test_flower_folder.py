"""The throw-away app of a run, and what its modules do in the processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.errors import FederationError, TrainingError
from fedlab_utils.federated.flower_folder import (
    load,
    read_outcome,
    reported,
    take_turn,
    write_app,
)
from tests.conftest import REPOSITORY
from tests.federated.runs import APPS

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(config=st.dictionaries(st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True), VALUES))
def test_the_run_config_is_read_as_it_was_given(
    config: dict, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("app") / "app"
    write_app(folder, config, **APPS)
    read = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    found = read["tool"]["flwr"]["app"]["config"]
    assert found == config
    assert [type(found[name]) for name in config] == [type(value) for value in config.values()]


def test_flower_accepts_the_folder_and_it_needs_no_packages(tmp_path: Path) -> None:
    from flwr.cli.build import build_fab_from_disk
    from flwr.cli.config_utils import load_and_validate

    write_app(tmp_path / "app", {"seed": 3}, **APPS)
    config, warnings = load_and_validate(tmp_path / "app" / "pyproject.toml")
    assert warnings == []
    assert config["project"]["dependencies"] == []
    assert b"fedlab_run_client.py" in build_fab_from_disk(tmp_path / "app")


@pytest.mark.parametrize("reference", ["nowhere.app:app", "os.nowhere:app", "os", ":app", ""])
def test_an_app_that_cannot_be_imported_is_named_at_once(tmp_path: Path, reference: str) -> None:
    with pytest.raises(FederationError, match="module:attribute"):
        write_app(tmp_path / "app", {}, reference, APPS["server"])


def test_an_object_is_loaded_by_its_name() -> None:
    assert load("fedlab_utils.federated.flower_folder:load") is load


def test_the_outcome_of_a_block_that_is_not_the_last_is_told_only_if_it_failed(
    tmp_path: Path,
) -> None:
    outcome = tmp_path / "outcome.json"
    with reported(str(outcome), "loading failed"):
        pass
    assert not outcome.exists()
    with reported(str(outcome), "the ServerApp failed", last=True):
        pass
    assert read_outcome(outcome, "a run") is None


def test_an_error_comes_with_what_failed_its_message_and_its_traceback(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    with pytest.raises(KeyError), reported(str(outcome), "the ServerApp failed", last=True):
        {}["weights"]
    error = read_outcome(outcome, "a run")
    assert type(error) is FederationError
    assert str(error).startswith("a run: the ServerApp failed with KeyError: 'weights'. ")
    assert "test_flower_folder.py" in error.__notes__[0]


def test_an_error_of_fedlab_keeps_its_type_and_parts(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    raised = TrainingError("round 2", "the loss is NaN", "Lower the learning rate")
    with pytest.raises(TrainingError), reported(str(outcome), "the ServerApp failed", last=True):
        raise raised
    error = read_outcome(outcome, "a run")
    assert (type(error), str(error)) == (TrainingError, str(raised))


def test_the_first_failure_is_the_cause(tmp_path: Path) -> None:
    outcome = tmp_path / "outcome.json"
    for message in ("first", "second"):
        with pytest.raises(ValueError, match=message), reported(str(outcome), "it failed"):
            raise ValueError(message)
    assert "first" in json.loads(outcome.read_text("utf-8"))["error"]


def test_turns_are_as_many_as_places_and_end_with_their_process(tmp_path: Path) -> None:
    """Five processes, two places: each notes when it had its turn; never do three overlap."""
    code = (
        "import sys, time; from fedlab_utils.federated.flower_folder import take_turn\n"
        "turn = take_turn(sys.argv[1], 2); begin = time.time(); time.sleep(0.3)\n"
        "print(begin, time.time(), flush=True); import os; os._exit(1)"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    turns = [tuple(map(float, each.communicate(timeout=60)[0].split())) for each in started]
    for begin, _ in turns:
        assert sum(b <= begin < e for b, e in turns) <= 2


def test_a_turn_that_is_given_back_is_free_again(tmp_path: Path) -> None:
    for _ in range(3):
        take_turn(str(tmp_path), 1).release()


def test_without_places_there_is_no_turn_to_wait_for(tmp_path: Path) -> None:
    assert take_turn(str(tmp_path), None) is None
    assert list(tmp_path.iterdir()) == []
