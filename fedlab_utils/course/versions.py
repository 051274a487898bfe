"""Compare the installed packages with the lock file."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#\\]+)")
_NEEDED = (
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "nibabel",
    "torch",
    "monai",
    "ipywidgets",
    "ipyniivue",
    "jupyterlab",
    "flwr",
    "opacus",
)


def compare_with_lock(lock: Path) -> tuple[str, str, str]:
    """Found, verdict (ok, look, stop) and advice on the packages that the lessons import.

    Parameters
    ----------
    lock
        ``requirements.lock``: lines such as ``numpy==2.4.0``.
    """
    if not lock.is_file():
        return "no lock file to compare with", "look", "work in a clone of the course"
    pins = dict(match.groups() for match in map(_PIN.match, lock.read_text().splitlines()) if match)
    installed = {name: _installed(name) for name in _NEEDED}
    missing = [name for name, have in installed.items() if have is None]
    if missing:
        return f"missing: {', '.join(missing)}", "stop", "run `make setup` in the course's folder"
    differing = [
        f"{name} {have} (tested with {pins[name]})"
        for name, have in installed.items()
        # a CPU build calls itself 2.13.0+cpu
        if name in pins and have.split("+")[0] != pins[name].split("+")[0]
    ]
    if differing:
        advice = "most likely fine; numbers may differ in the last digits from those stored"
        return "; ".join(differing), "look", advice
    return f"{len(installed)} packages as in the lock file", "ok", "nothing to do"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
