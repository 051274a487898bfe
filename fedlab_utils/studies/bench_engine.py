"""What Flower's messages cost: a plain loop, engine (a) and engine (b), as ratios within one run.

Each engine trains the same hospitals from a cold start, in a process of its own, in turns; the
median of the turns counts. All do the same work: the same batches, one torch thread, a look at the
validation patients in each round. Engine (a) also writes its checkpoints, the plain loop does not.
All train at the laptop tier, whatever the voxels of the scans: slices of 80 x 96 pixels of 2 mm.
"""

from __future__ import annotations

import importlib.util
import json
import math
import operator
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fedlab_utils.errors import FederationError

PLAIN, INPROCESS, RAY = "plain loop", "in process (a)", "flwr run with Ray (b)"

LIGHT = ", coarse scans, one step a round"
"""Added to an engine's name where hospitals hardly work, so that what the engine costs shows."""

COARSE_MM = 8.0
"""Voxel edge of the scans of such hospitals, which are brought to the same slices as all others."""

HUNDRED = 100
"""Hospitals whose memory is compared with that of four."""

CROWD = INPROCESS + ", {} hospitals of 300 patients"
"""Row of so many hospitals' memory."""

RULES = {"at most": operator.le, "at least": operator.ge, "below": operator.lt}


@dataclass(frozen=True)
class Goal:
    """What a measured ratio ought to be.

    Attributes
    ----------
    rows
        Rows of the result whose ratio it is about.
    figure
        Name of the ratio.
    rule
        One of ``RULES``.
    bound
        What the ratio is held against.
    """

    rows: tuple[str, ...]
    figure: str
    rule: str
    bound: float


GOALS = (
    Goal((INPROCESS, INPROCESS + LIGHT), "round_ratio", "at most", 1.05),
    Goal((RAY, RAY + LIGHT), "total_ratio", "at least", 5.0),
    Goal((CROWD.format(HUNDRED),), "own_ratio", "below", 1.1),
)
"""What is asked of the engines, over 5 rounds of 4 hospitals: engine (a) costs next to nothing
beside a plain loop, it spares most of what engine (b) takes from a cold start, and its memory does
not grow with the number of hospitals."""


def run(
    hospitals: int = 4,
    rounds: int = 5,
    local_steps: int = 8,
    turns: int = 3,
    ray: bool = True,
    hundred: bool = True,
    patients: int = 40,
    spacing: float = 2.0,
) -> dict[str, dict]:
    """Measure engines on this machine.

    Parameters
    ----------
    hospitals, rounds, local_steps
        Of the federation. It is measured once more with one local step, on scans of 8 mm.
    turns
        Times that each engine runs.
    ray
        Whether to run engine (b), which takes half a minute to start.
    hundred
        Whether to compare the memory that 4 and 100 hospitals take in engine (a), on 300 patients.
    patients, spacing
        Phantoms, and the voxel edge of their scans in mm.

    Returns
    -------
    dict
        Engine -> ``seconds_per_round`` (after the first), ``cold_start`` (seconds until the first
        round is over), ``total`` (seconds), ``peak_mb`` (of the largest process; in engine (b) of
        all processes of the run together, see
        :class:`fedlab_utils.studies.bench_engine_child.SampledPeak`), and both times as ratios:
        ``round_ratio`` to the plain loop, ``total_ratio`` to engine (a). The rows of 4 and of 100
        hospitals also have ``own_mb``, the peak without the pages of patients' files: the system
        takes those back when it needs them, and a hundred hospitals judge more patients than four.
        The row of 100 has ``own_ratio`` to 4. ``goals`` holds ratio -> ``rule``, ``bound`` and
        whether it is ``met``, where ``GOALS`` ask something of it. ``missing`` says why an engine
        was not measured.
    """
    wanted = [PLAIN, INPROCESS]
    result: dict[str, dict] = {}
    if ray and importlib.util.find_spec("ray") is None:
        result[RAY] = {"missing": "Ray is not installed"}
    elif ray:
        wanted.append(RAY)
    with tempfile.TemporaryDirectory(prefix="fedlab-bench-") as place:
        folder = Path(place)
        job = _job(folder / "patients", patients, spacing, hospitals, rounds, local_steps)
        light = _job(folder / "coarse", patients, COARSE_MM, hospitals, rounds, 1)
        for work, load in ((job, ""), (light, LIGHT)):
            _child(INPROCESS, work | {"rounds": 1}, folder)  # fills the cache
            measured: dict[str, list[dict]] = {name: [] for name in wanted}
            for _ in range(turns):
                for name in wanted:
                    measured[name].append(_child(name, work, folder))
            for name, found in measured.items():
                result[name + load] = _row(found, measured)
        if hundred:
            many = _job(folder / "many", 3 * HUNDRED, COARSE_MM, hospitals, 1, 1)
            result |= _memory(hospitals, many, folder)
    _judge(result)
    return result


def _memory(few: int, job: dict, folder: Path) -> dict[str, dict]:
    """Compare what few and a hundred hospitals take in engine (a), with the same patients."""
    rows = {}
    for count in (few, HUNDRED):
        # As many steps in all: what is read of a patient's file counts as memory, too.
        work = {"hospitals": count, "local_steps": HUNDRED // count}
        found = _child(INPROCESS, job | work, folder)
        rows[CROWD.format(count)] = {name: found[name] for name in ("peak_mb", "own_mb")}
    own = [row["own_mb"] for row in rows.values()]
    rows[CROWD.format(HUNDRED)]["own_ratio"] = own[1] / own[0]
    return rows


def _judge(result: dict[str, dict]) -> None:
    """Write beside each ratio that has a goal what the goal is, and whether it is met."""
    for goal in GOALS:
        for row in (result[name] for name in goal.rows if name in result):
            measured = row.get(goal.figure, math.nan)
            if not math.isnan(measured):
                met = RULES[goal.rule](measured, goal.bound)
                told = {"rule": goal.rule, "bound": goal.bound, "met": met}
                row.setdefault("goals", {})[goal.figure] = told


def _job(data: Path, patients: int, spacing: float, hospitals: int, rounds: int, steps: int):
    from fedlab_utils.data.phantom import write_cohort

    write_cohort(data, cases=patients, seed=1, spacing=spacing)
    return {
        "data": str(data),
        "hospitals": hospitals,
        "rounds": rounds,
        "local_steps": steps,
    }


def _row(found: list[dict], measured: dict[str, list[dict]]) -> dict[str, float | str]:
    def ratio(what: str, to: str) -> float:
        return median(a[what] / b[what] for a, b in zip(found, measured[to], strict=True))

    names = ("seconds_per_round", "cold_start", "total", "peak_mb")
    row: dict[str, float | str] = {n: median(f[n] for f in found) for n in names}
    row["round_ratio"] = ratio("seconds_per_round", PLAIN)
    row["total_ratio"] = ratio("total", INPROCESS)
    return row


def _child(name: str, job: dict, folder: Path) -> dict[str, float]:
    """Run an engine in a new process, and time it from outside."""
    out = Path(tempfile.mkdtemp(dir=folder))
    told = json.dumps(job | {"engine": name, "out": str(out)})
    environment = os.environ | {"OMP_NUM_THREADS": "1", "FEDLAB_CACHE": str(folder / "cache")}
    began = time.time()
    ran = subprocess.run(
        [sys.executable, "-m", "fedlab_utils.studies.bench_engine_child", told],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    total = time.time() - began
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise FederationError(name, f"it failed: {last[:200]}", "Run it alone to see more")
    answer = json.loads(ran.stdout.strip().splitlines()[-1])
    ends = answer["ends"]
    return {
        "cold_start": ends[0] - began,
        "seconds_per_round": (ends[-1] - ends[0]) / max(1, len(ends) - 1),
        "total": total,
        "peak_mb": answer["peak_mb"],
        "own_mb": answer["own_mb"],
    }
