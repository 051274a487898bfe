"""What is told of a training with hostile hospitals, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fedlab_utils.federated import spoilt_data
from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.hostile_trial import hidden_share, judged, public_task, trusted


def _report(seconds: float, left_out: tuple[str, ...] = (), **weights: float) -> SimpleNamespace:
    return SimpleNamespace(
        seconds=seconds,
        left_out=dict.fromkeys(left_out, "not finite"),
        rule={name: {"weight": weight} for name, weight in weights.items()},
        validation={
            "A": {"score": 0.5, "num-examples": 3},
            "B": {"score": 0.8, "num-examples": 1},
            "C": {"score": 0.0, "num-examples": 96},
        },
    )


def _test_row(*patients: float) -> dict:
    """Whole tumours as given, the core half of that, and no enhancing part."""
    row = {}
    for region, share in {"et": 0.0, "tc": 0.5, "wt": 1.0}.items():
        row[f"patients-dice-{region}"] = [share * p for p in patients]
        row[f"dice-{region}"] = share * sum(patients) / len(patients)
    return row


def _task(**patients: tuple[str, ...]) -> SimpleNamespace:
    return SimpleNamespace(
        members=[
            SimpleNamespace(
                name=name, test=ids, hospital=SimpleNamespace(split=SimpleNamespace(test=ids))
            )
            for name, ids in patients.items()
        ],
        model=lambda weights: weights,
    )


def test_all_patients_are_scored_and_honest_hospitals_alone_validate() -> None:
    found = SimpleNamespace(
        history=[_report(1.25), _report(2.5)],
        test={"A": _test_row(0.9, 0.6), "B": _test_row(0.3), "C": _test_row(0.0)},
    )
    told = judged(_task(A=("a1", "a2"), B=("b1",), C=("c1",)), found, ["C"])
    assert told["scores"] == {"A": [0.45, 0.3], "B": [0.15], "C": [0.0]}
    assert told["patients"] == {"A": ["a1", "a2"], "B": ["b1"], "C": ["c1"]}
    assert told["regions"]["wt"] == {"A": 0.75, "B": 0.3, "C": 0.0}
    assert told["validation"] == pytest.approx((3 * 0.5 + 0.8) / 4)
    assert told["seconds"] == pytest.approx(3.75, abs=0.06)


def test_rounds_without_an_answer_count_as_no_part_in_the_update() -> None:
    history = [_report(1.0, A=0.5, B=0.5), _report(1.0, ("B",), A=1.0), _report(1.0, ("B",), A=1.0)]
    told = trusted(SimpleNamespace(history=history))
    assert told["left_out"] == {"B": 2}
    assert told["weights"] == {"A": pytest.approx(2.5 / 3, abs=1e-4), "B": pytest.approx(0.1667)}
    assert trusted(SimpleNamespace(history=[_report(1.0)])) == {"left_out": {}, "weights": {}}


@pytest.mark.parametrize(("success", "told"), [(0.123456, 0.1235), (float("nan"), None)])
def test_the_marker_is_tried_on_honest_hospitals_patients_with_the_last_model(
    success: float, told: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def tried(model: str, patients: list[str]) -> float:
        seen.append((model, patients))
        return success

    monkeypatch.setattr(spoilt_data, "backdoor_success", tried)
    task = _task(A=("a1", "a2"), B=("b1",), C=("c1",))
    assert hidden_share(task, SimpleNamespace(last="the last"), ["B"]) == told
    assert seen == [("the last", ["a1", "a2", "c1"])]


def test_public_patients_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "cache"))
    scale, folder = replace(heterogeneity.SCALE, spacing=8.0), tmp_path / "public"
    task = public_task(scale, folder, 2, 5)
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert len(task.members[0].train) == 2
    assert public_task(scale, folder, 2, 5) is task
    public_task.cache_clear()  # another process would find the folder only
    assert len(public_task(scale, folder, 2, 5).members[0].train) == 2
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == written
