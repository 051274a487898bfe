"""The score of the centralised network, kept to compare with what is trained without pooling.

The file is ``.fedlab/baseline.json`` beside the student's progress.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.course.progress import progress_path
from fedlab_utils.errors import CourseError

if TYPE_CHECKING:
    from fedlab_utils.segmentation import Evaluation, FitSettings

_VERSION = 1


@dataclass(frozen=True)
class Baseline:
    """What a centralised training reached.

    Attributes
    ----------
    data
        What the cohort is, in words.
    tier
        ``"laptop"`` or ``"gpu"``.
    train_patients
        How many patients it learnt from.
    test_cases
        The cases it is scored on, by id; a comparison must use the same.
    seconds
        Training time.
    settings
        How it was trained: network, optimiser, epochs, batch, seed. A fair comparison keeps them.
    mean
        Region -> ``dice``, ``dice_interval``, ``hd95`` (mm), ``hd95_interval``.
    dice
        Case -> region -> Dice, for paired comparisons.
    """

    data: str
    tier: str
    train_patients: int
    test_cases: tuple[str, ...]
    seconds: float
    settings: dict[str, object]
    mean: dict[str, dict[str, object]]
    dice: dict[str, dict[str, float]]


def baseline_path() -> Path:
    """Where the baseline is kept."""
    return progress_path().with_name("baseline.json")


def save_baseline(
    evaluation: Evaluation,
    data: str,
    tier: str,
    train_patients: int,
    seconds: float,
    settings: FitSettings,
) -> Baseline:
    """Keep a score as the baseline; an earlier one is replaced.

    Parameters
    ----------
    evaluation
        Of the test patients.
    data, tier, train_patients, seconds, settings
        See :class:`Baseline`.

    Raises
    ------
    CourseError
        If the file cannot be written.
    """
    from fedlab_utils.data.atomic import write_text
    from fedlab_utils.data.conventions import REGIONS

    scores = evaluation.as_json()
    cases = {row["case"]: {r: row[r]["dice"] for r in REGIONS} for row in scores["cases"]}
    mean = {region: scores["mean"][region] for region in REGIONS}
    told = json.loads(json.dumps(asdict(settings)))
    baseline = Baseline(
        data, tier, train_patients, tuple(cases), round(seconds, 1), told, mean, cases
    )
    path = baseline_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"version": _VERSION, **asdict(baseline)}, indent=1) + "\n")
    except OSError as error:
        raise CourseError(
            path, f"the baseline cannot be written ({error})", "Make the folder writable"
        ) from None
    return baseline


def load_baseline() -> Baseline | None:
    """Return the baseline of lesson 03, or None where there is none yet.

    Raises
    ------
    CourseError
        If the file is there and cannot be read.
    """
    path = baseline_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != _VERSION:
            raise ValueError("it was written by another version")
        content["test_cases"] = tuple(content["test_cases"])
        return Baseline(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(
            path, f"the baseline cannot be read ({error})", "Run lesson 03 again"
        ) from None
