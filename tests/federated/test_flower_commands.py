"""Flower's command line is as the engines use it, and the environment is the caller's and more."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import flower_commands as commands


def test_flower_knows_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    from flwr.common.config import parse_config_args
    from flwr.superlink.cli.flower_superlink import _parse_args_run_superlink
    from flwr.supernode.cli.flower_supernode import _parse_args_run_supernode

    superlink = [*commands.SUPERLINK[1:], "4711", *commands.SIMULATION]
    monkeypatch.setenv("FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION", "1")
    read = _parse_args_run_superlink().parse_args(superlink)
    assert (read.insecure, read.host, read.port) == (True, "127.0.0.1", 4711)
    assert (read.simulation, read.runtime_dependency_install) == (True, False)
    node = _parse_args_run_supernode().parse_args(commands.supernode("127.0.0.1:9", 8, 2, 5)[1:])
    assert (node.superlink, node.port, node.insecure) == ("127.0.0.1:9", 8, True)
    expected = {"partition-id": 2, "num-partitions": 5}
    assert parse_config_args([node.node_config]) == expected


@pytest.mark.parametrize(("hospitals", "cores", "workers"), [(4, 2, 2), (1, 8, 1), (3, 16, 3)])
def test_ray_plays_no_more_hospitals_at_once_than_cores(
    hospitals: int, cores: int, workers: int
) -> None:
    from flwr.common.config import parse_config_args
    from flwr.supercore.utils import simulation_config_from_json

    _, text = commands.simulation(hospitals, cores)
    settings = {name.replace("-", "_"): n for name, n in parse_config_args([text]).items()}
    config = simulation_config_from_json(settings)
    assert config.num_supernodes == hospitals
    assert config.init_args_num_cpus // config.client_resources_num_cpus == workers


def test_the_connection_is_the_one_that_flwr_run_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flwr.cli.flower_config import read_superlink_connection

    (tmp_path / "config.toml").write_text(commands.CONNECTION.format("127.0.0.1:4711"), "utf-8")
    monkeypatch.setenv("FLWR_HOME", str(tmp_path))
    connection = read_superlink_connection("here")
    assert (connection.address, connection.insecure) == ("127.0.0.1:4711", True)


def test_a_process_has_the_callers_imports_one_thread_and_no_foreign_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "only_here.py").write_text("")
    monkeypatch.syspath_prepend(str(elsewhere))
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("no_proxy", "intranet")
    given = commands.environment(tmp_path)
    code = (
        "import json, os, only_here, fedlab_utils, torch; from jsonschema import _format; "
        "print(json.dumps([fedlab_utils.__file__, torch.get_num_threads(), dict(os.environ)]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=given, cwd="/", capture_output=True, text=True, check=True
    )
    file, threads, seen = json.loads(ran.stdout)
    import fedlab_utils

    assert (Path(file), threads) == (Path(fedlab_utils.__file__), 1)
    assert "RAY_ADDRESS" not in seen
    assert seen["no_proxy"] == "127.0.0.1,localhost,intranet"
    assert seen["FLWR_HOME"] == str(tmp_path)


def test_commands_come_from_this_environment(tmp_path: Path) -> None:
    given = commands.environment(tmp_path)
    assert Path(commands.program("flower-superlink", given)).parent == Path(sys.executable).parent
    with pytest.raises(FederationError, match="flower-nothing"):
        commands.program("flower-nothing", given)


def test_the_folders_of_imports_do_not_depend_on_the_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend("")
    assert str(Path.cwd()) in commands.import_path()
    assert all(os.path.isabs(entry) for entry in commands.import_path())  # noqa: PTH117


def test_free_ports_are_different_and_free() -> None:
    ports = commands.free_ports(20)
    assert len(set(ports)) == 20
    for port in ports:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))
