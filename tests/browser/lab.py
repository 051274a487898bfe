"""A JupyterLab of the test's own: its own port, token, settings and copy of the notebooks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 90

SETTINGS = {
    # every cell is in the page, whether it is in view or not
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


class Lab:
    """A running JupyterLab server.

    Parameters
    ----------
    home
        Empty folder for everything that the server writes.
    notebooks
        Notebook files that it shall serve; they are copied into `home`.
    """

    def __init__(self, home: Path, notebooks: list[Path]) -> None:
        self.home, self.folder = home, home / "notebooks"
        self.folder.mkdir(parents=True)
        for path in notebooks:
            shutil.copy(path, self.folder)
        self.token, self.port = secrets.token_hex(16), _free_port()
        for name, values in SETTINGS.items():
            file = home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self._log = (home / "server.log").open("w")
        self._process = subprocess.Popen(
            self._command(),
            cwd=self.folder,
            env=self._environment(),
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def _command(self) -> list[str]:
        settings = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": self.folder,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "IdentityProvider.token": self.token,
            "LabApp.expose_app_in_browser": True,
            "LabApp.extension_manager": "readonly",
        }
        return [
            sys.executable,
            "-m",
            "jupyterlab",
            *(f"--{name}={value}" for name, value in settings.items()),
        ]

    def _environment(self) -> dict[str, str]:
        mine = {k: v for k, v in os.environ.items() if not k.startswith(("FEDLAB_", "JUPYTER"))}
        path = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
            "FEDLAB_HOME": "fedlab",
        }
        mine.pop("MPLBACKEND", None)  # a notebook draws inline
        kept = {k: os.environ[k] for k in ("FEDLAB_DATA", "FEDLAB_TIER") if k in os.environ}
        return (
            mine
            | kept
            | {k: str(self.home / v) for k, v in own.items()}
            | {"PYTHONPATH": os.pathsep.join(path)}
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        address = f"http://127.0.0.1:{self.port}/api/status?token={self.token}"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(address, timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        log = (self.home / "server.log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"JupyterLab did not start on port {self.port}:\n{log}")

    def copy(self, notebook: str, name: str) -> str:
        """Copy a notebook, so that it gets a kernel of its own, and return the copy's address."""
        shutil.copy(self.folder / notebook, self.folder / name)
        return self.address(name)

    def address(self, notebook: str) -> str:
        """Address of one notebook, alone in a workspace of its own."""
        workspace = Path(notebook).stem
        return (
            f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}/tree/{notebook}"
            f"?token={self.token}&reset"
        )

    def stop(self) -> None:
        """End this server, by its process id, and with it its kernels."""
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
