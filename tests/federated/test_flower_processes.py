"""A run's processes: what is said when they do not start, fail, or take too long."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import flower_processes
from fedlab_utils.federated.flower_processes import FlowerRun
from tests.federated import runs

pytestmark = pytest.mark.xdist_group("flower")


SLEEP = "import time; time.sleep(600)"


def a_run(**more: object) -> FlowerRun:
    return FlowerRun("A test", {"seed": 3}, **runs.APPS, **more)


def test_entering_and_leaving_leaves_nothing() -> None:
    with runs.nothing_left(), a_run() as run:
        run.start("sleeper", sys.executable, "-c", SLEEP)
        assert (run.home / "app" / "pyproject.toml").exists()
    assert runs.with_home(str(run.home)) == []
    assert not run.home.exists()


def test_an_error_inside_leaves_nothing() -> None:
    run = a_run()

    def fail() -> None:
        with run:
            run.start("sleeper", sys.executable, "-c", SLEEP)
            raise LookupError("inside")

    with runs.nothing_left(), pytest.raises(LookupError, match="inside"):
        fail()
    assert not run.home.exists()


def test_a_wrong_app_leaves_no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flower_processes, "_short_folder", lambda: str(tmp_path))
    with (
        runs.nothing_left(),
        pytest.raises(FederationError, match=r"nowhere:app: this is not an app"),
        FlowerRun("A test", {}, "nowhere:app", runs.APPS["server"]),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["SuperLink", "hospital 3"])
def test_lines_are_passed_on_without_colours_and_with_a_name(name: str) -> None:
    lines: list[str] = []
    with a_run(on_line=lines.append) as run:
        code = r"print('\x1b[92mINFO\x1b[0m: one\n\n'); print('two', flush=True)"
        process = run.start(name, sys.executable, "-c", code)
        process.wait()
        run._drain(5.0, process)
        assert run.said(name, "INFO: one")
    # The SuperLink's lines, one for each request, are kept for errors alone.
    assert lines == ([] if name == "SuperLink" else ["hospital 3: INFO: one", "hospital 3: two"])


def test_a_process_that_ends_too_early_is_named_with_its_last_lines() -> None:
    with a_run() as run:
        run.start("SuperLink", sys.executable, "-c", "print('no port'); raise SystemExit(7)")
        with pytest.raises(FederationError) as caught:
            run.wait(lambda: False, 60, "SuperLink")
    assert "A test: SuperLink ended with exit status 7" in str(caught.value)
    assert "no port" in str(caught.value)
    assert "no port" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("timeout", "seconds", "message"),
    [(0.3, None, "not done after 0.3 seconds"), (None, 0.3, "SuperLink not ready after 0.3 sec")],
)
def test_what_takes_too_long_is_ended(
    timeout: float | None, seconds: float | None, message: str
) -> None:
    def wait() -> None:
        with a_run(timeout=timeout) as run:
            run.start("SuperLink", sys.executable, "-c", SLEEP)
            run.wait(lambda: False, seconds, "SuperLink")

    with runs.nothing_left(), pytest.raises(FederationError, match=message):
        wait()


def test_a_listener_that_raises_stops_the_run() -> None:
    def listen(line: str) -> None:
        raise LookupError(line)

    def wait() -> None:
        with a_run(on_line=listen) as run:
            run.start("hospital 0", sys.executable, "-c", f"print('hello', flush=True); {SLEEP}")
            run.wait(lambda: False, 60, "hospital 0")

    with runs.nothing_left(), pytest.raises(LookupError, match="hello"):
        wait()


def test_another_process_on_the_port_is_not_taken_for_the_superlink() -> None:
    """Two runs that drew the same port: who lost must not talk to the other's SuperLink."""
    listen = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(600)"
    with a_run() as run:
        port = flower_processes.free_ports(1)[0]
        mine = run.start("SuperLink", sys.executable, "-c", SLEEP)
        other = run.start("other", sys.executable, "-c", listen.format(port))
        run.wait(lambda: flower_processes._listens(other, port), 60, "other")
        assert not flower_processes._listens(mine, port)


@pytest.mark.parametrize(("folder", "short"), [("/tmp", None), ("/var/folders/zz/long/T", "/tmp")])
def test_rays_sockets_get_a_short_path(
    monkeypatch: pytest.MonkeyPatch, folder: str, short: str | None
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: folder)
    assert flower_processes._short_folder() == short


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], FlowerRun]:
    """A run whose SuperLink is there at once, and whose ``flwr run`` is a line of Python."""

    def make(code: str) -> FlowerRun:
        run = a_run(timeout=60)
        run._listening = lambda: True
        monkeypatch.setattr(flower_processes, "_LAST_LINES_S", 1.0)
        run.quick = lambda: (
            run.start("SuperLink", sys.executable, "-c", SLEEP),
            run.start("flwr run", sys.executable, "-c", code, str(run.outcome)),
        )
        return run

    return make


def test_a_run_without_an_outcome_has_failed(quick: Callable[[str], FlowerRun]) -> None:
    with quick("print('killed')") as run:
        run.quick()
        with pytest.raises(FederationError, match=r"ended before the ServerApp did.*killed"):
            run.run()


def test_a_run_with_a_good_outcome_is_done(quick: Callable[[str], FlowerRun]) -> None:
    code = "import sys; open(sys.argv[1], 'w').write('{\"error\": null}')"
    with quick(code) as run:
        run.quick()
        run.run()


def test_a_run_without_hope_is_not_waited_for(quick: Callable[[str], FlowerRun]) -> None:
    """It would go on for ten minutes; the run's own limit, of one, would be another error."""
    with quick(f"print('all is lost', flush=True); {SLEEP}") as run:
        run.quick()
        with pytest.raises(FederationError, match="ended before the ServerApp did"):
            run.run(hopeless="all is lost")
