"""Memory and cores that this process may use: the machine's, or less in a container."""

from __future__ import annotations

from pathlib import Path

import psutil

from fedlab_utils.data.workers import available_cores

_CGROUP = Path("/sys/fs/cgroup")


def memory_bytes(cgroup: Path = _CGROUP) -> tuple[int, bool]:
    """Bytes of memory, and whether a container's limit (as on Binder) sets them."""
    total = psutil.virtual_memory().total
    limits = [_number(cgroup / "memory.max"), _number(cgroup / "memory/memory.limit_in_bytes")]
    limit = min((x for x in limits if x is not None), default=total)
    return min(total, limit), limit < total


def cores(cgroup: Path = _CGROUP) -> float:
    """Processor cores, a container's share of time counted."""
    return min(float(available_cores()), _share(cgroup))


def _share(cgroup: Path) -> float:
    """Cores' worth of time that the container may use (cgroup version 2, then 1)."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota = str(_number(cgroup / "cpu/cpu.cfs_quota_us") or "max")
        period = str(_number(cgroup / "cpu/cpu.cfs_period_us") or 100_000)
    return float("inf") if quota in ("max", "-1") else int(quota) / int(period)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent, or the word "max"
        return None
