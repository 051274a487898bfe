"""Where a number or a network came from: machine, versions, commit, time."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("torch", "monai", "numpy", "scipy", "flwr", "opacus")
"""Whose versions are recorded, where installed."""


def record_provenance(started: float, device: str = "cpu", **more: object) -> dict[str, object]:
    """Return what must be known to make a result again.

    Parameters
    ----------
    started
        ``time.time()`` when the work began.
    device
        ``"cpu"`` or ``"cuda"``; its model is looked up.
    more
        Command, seeds, settings: added as they are. Long work passes what :func:`checkout_state`
        was when it began, since somebody may commit meanwhile.

    Returns
    -------
    dict
        Text, numbers and dicts of them: ``commit``, ``changed`` (whether the checkout had changes
        that were not committed; None outside a checkout), ``device``, ``python``, ``system``,
        ``packages``, ``date`` (UTC) and ``wall_seconds``.
    """
    return {
        **checkout_state(),
        "device": device_name(device),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime(started)),
        "wall_seconds": round(time.time() - started, 1),
        **more,
    }


def device_name(device: str) -> str:
    """Return the model of a GPU, or of the CPU with the cores that this process may use."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    from fedlab_utils.data.workers import available_cores

    cores = available_cores()
    return f"{_cpu()}, {cores} core{'s' * (cores > 1)}"


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def checkout_state() -> dict[str, object]:
    """Return ``commit`` and ``changed`` of the checkout this package lies in, None outside one.

    What studies record there, ``data/results``, is no change of what they work with.
    """
    root = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str | None:
        try:
            ran = subprocess.run(
                ["git", "-C", os.fspath(root), *words],
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return ran.stdout.strip()

    if not (root / ".git").exists():
        return {"commit": None, "changed": None}
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!data/results")
    return {"commit": git("rev-parse", "--short=12", "HEAD"), "changed": changed not in ("", None)}
