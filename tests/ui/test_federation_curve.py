"""The plot shows the rounds' own numbers, no others, and names them in words."""

from __future__ import annotations

import pytest

from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.history import RoundReport
from fedlab_utils.ui import FederationCurve, hospital_styles
from tests.federated.toys import BowlTask


def report(number: int, first: float | None, second: float | None = None, **more) -> RoundReport:
    scores = {"H1": first, "H2": second}
    validation = {n: {"score": s, "num-examples": 3} for n, s in scores.items() if s is not None}
    score = None if not validation else sum(r["score"] for r in validation.values()) / 2
    return RoundReport(
        number, True, {}, more.get("left_out", {}), 1.5, 1.25, 0.1, validation, {}, score
    )


def lines(curve: FederationCurve) -> dict[str, tuple[list, list]]:
    return {trace.name: (list(trace.x), list(trace.y)) for trace in curve.plot.data}


def test_each_line_holds_its_rounds_and_megabytes_add_up() -> None:
    curve = FederationCurve(["H1", "H2"], 4)
    for each in (report(1, 0.25, 0.5), report(2, None), report(3, 0.5), report(4, 0.5, 0.75)):
        curve.add(each)
    assert lines(curve) == {
        "H1": ([1, 3, 4], [0.25, 0.5, 0.5]),
        "H2": ([1, 4], [0.5, 0.75]),
        "all patients": ([1, 3, 4], [0.375, 0.25, 0.625]),
        "megabytes sent": ([1, 2, 3, 4], [2.75, 5.5, 8.25, 11.0]),
    }
    assert (curve._bar.value, curve._bar.max) == (4, 4)


def test_the_right_axis_chooses_round_numbers_of_its_own() -> None:
    assert FederationCurve(["H1"], 1).plot.layout.yaxis2.tickmode == "auto"


def test_hospitals_keep_their_colours_and_markers() -> None:
    curve, styles = FederationCurve(["H2", "H1"], 1), hospital_styles(["H1", "H2"])
    for trace in curve.plot.data[:2]:
        style = styles[trace.name]
        assert trace.line.color == style.on_paper
        assert trace.marker.symbol == style.symbol


def test_the_words_give_the_round_the_scores_and_who_was_left_out() -> None:
    curve = FederationCurve(["H1", "H2"], 3)
    assert "not begun" in curve.twin().alt
    curve.add(report(1, 0.25, 0.5))
    assert curve.twin().alt == (
        "Round 1 of 3, 2.8 megabytes sent; validation Dice of all patients 0.38 (H1 0.25, H2 0.50)."
    )
    curve.add(report(2, 0.25, 0.5, left_out={"H2": "it failed: no power"}))
    assert "H2 left out: it failed: no power." in curve._text.value
    assert "role='status'" in curve._text.value


def test_a_federation_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []

    class Handle:
        def update(self, what: object) -> None:
            shown.append(what)

    monkeypatch.setattr("IPython.display.display", lambda what, **_: shown.append(what) or Handle())
    task = BowlTask()
    with FederationCurve(task.hospitals, 3) as curve:
        found = federate(task, FederationSettings(rounds=3, local_steps=2), on_round=curve.add)
    assert tuple(curve.reports) == found.history
    assert shown == [curve, curve], "shown at the beginning, its picture renewed at the end"
    sent = sum(r.sent + r.received for r in found.history)
    assert lines(curve)["megabytes sent"][1][-1] == pytest.approx(sent)
