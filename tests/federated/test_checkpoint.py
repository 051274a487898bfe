"""What no run resumes from: another run, and files that are not what was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import federate
from fedlab_utils.federated.array_file import write_arrays
from fedlab_utils.federated.checkpoint import NAME, read_checkpoint
from fedlab_utils.federated.strategies import FedAvg
from tests.federated.two_part import TwoPartTask, cut_off, settings_of


def test_a_folder_in_use_is_not_written_over(tmp_path: Path) -> None:
    settings = settings_of("fedavg")
    federate(TwoPartTask(), settings, tmp_path)
    with pytest.raises(FederationError, match="it holds a federation"):
        federate(TwoPartTask(), settings, tmp_path)
    with pytest.raises(FederationError, match="another local-steps: 2, and now 3"):
        federate(TwoPartTask(), replace(settings, local_steps=3), tmp_path, resume=True)


def test_another_strategy_or_another_network_is_named(tmp_path: Path) -> None:
    """Both have the settings, hospitals and shapes that the run began with."""

    class Other(FedAvg):
        pass

    class Elsewhere(TwoPartTask):
        def initial(self) -> dict:
            return {name: value + 1 for name, value in super().initial().items()}

    settings = settings_of("fedavg")
    cut_off(TwoPartTask(), settings, tmp_path, after=2)
    before = (tmp_path / NAME).read_bytes()
    with pytest.raises(
        FederationError, match=r"another strategy's class: 'FedAvg', and now 'Other'"
    ):
        federate(TwoPartTask(), settings, tmp_path, resume=True, strategy_of=lambda _: Other())
    with pytest.raises(
        FederationError, match=r"another digest of the first weights: '\w+', and now"
    ):
        federate(Elsewhere(), settings, tmp_path, resume=True)
    assert (tmp_path / NAME).read_bytes() == before


def test_a_checkpoint_that_does_not_say_who_wrote_it_is_resumed_and_then_says_so(
    tmp_path: Path,
) -> None:
    settings = settings_of("fedavg")
    cut_off(TwoPartTask(), settings, tmp_path, after=2)
    replace(read_checkpoint(tmp_path), identity={}).write(tmp_path)
    resumed = federate(TwoPartTask(), settings, tmp_path, resume=True)
    assert len(resumed.history) == 5
    assert read_checkpoint(tmp_path).identity["strategy's class"] == "FedAvg"


def test_fewer_rounds_than_are_done_and_another_end_of_a_schedule(tmp_path: Path) -> None:
    settings = settings_of("fedavg")
    federate(TwoPartTask(), settings, tmp_path / "a")
    with pytest.raises(FederationError, match="it holds 5 rounds, and 3 are asked for"):
        federate(TwoPartTask(), replace(settings, rounds=3), tmp_path / "a", resume=True)
    falling = replace(settings, schedule="cosine")
    federate(TwoPartTask(), falling, tmp_path / "b")
    with pytest.raises(FederationError, match="another rounds: 5, and now 8"):
        federate(TwoPartTask(), replace(falling, rounds=8), tmp_path / "b", resume=True)


def test_a_checkpoint_that_was_changed_is_refused(tmp_path: Path) -> None:
    """One bit of a weight, which no format can notice; then contents that cannot be."""
    settings = settings_of("fedavg")
    federate(TwoPartTask(), settings, tmp_path)
    path, whole = tmp_path / NAME, read_checkpoint(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(FederationError, match="its contents are not those that were written"):
        federate(TwoPartTask(), settings, tmp_path, resume=True)
    nan = whole.weights | {"at": np.array([0.0, np.nan, 0.0])}
    for wrong, why in (
        ({"weights": nan}, "its model does not fit: at is not finite"),
        ({"best": {}}, "its model does not fit: at is missing"),
        ({"weights": whole.weights | {"at": np.zeros(4)}}, r"at is float64 \(4,\)"),
        ({"best_round": 9}, "its best round is 9 of 5"),
        ({"history": whole.history[1:]}, r"its rounds are \[2, 3, 4, 5\]"),
    ):
        replace(whole, **wrong).write(tmp_path)
        with pytest.raises(FederationError, match=why):
            federate(TwoPartTask(), settings, tmp_path, resume=True)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, damage: bytes) -> None:
    federate(TwoPartTask(), settings_of("fedavg"), tmp_path)
    (tmp_path / NAME).write_bytes(damage)
    with pytest.raises(FederationError, match="cannot be read"):
        federate(TwoPartTask(), settings_of("fedavg"), tmp_path, resume=True)
    with pytest.raises(FederationError, match="no such file"):
        read_checkpoint(tmp_path / "nowhere")


def test_arrays_that_no_file_can_hold_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(FederationError, match=r"state.safetensors: it cannot be written \(Unknown"):
        write_arrays(path, {"weights": {"w": np.zeros(2, complex)}}, {})
    assert not list(tmp_path.iterdir())
