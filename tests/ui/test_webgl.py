"""The question to the browser, and what the linked viewer makes of each answer.

The script itself runs in tests/browser, in a Chromium with and one without WebGL.
"""

from __future__ import annotations

import pytest

from fedlab_utils.ui import LinkedViewer
from fedlab_utils.ui.webgl import SilentProbe
from tests.ui.drive import walk
from tests.ui.scans import small_scan


def test_the_answer_of_the_browser_is_heard() -> None:
    probe, heard = SilentProbe(), []
    assert probe.available == "unknown"
    assert "available" in probe.get_state()  # only what is in the state reaches the browser
    probe.observe(lambda change: heard.append(change["new"]), "available")
    probe.set_state({"available": "no"})  # as a message from the browser does
    assert heard == ["no"]


@pytest.mark.parametrize(
    ("answer", "windows", "words"),
    [("yes", 4, "all four follow"), ("no", 0, "still picture"), ("unknown", 0, "Waiting")],
)
def test_each_answer_decides_what_stands_there(answer: str, windows: int, words: str) -> None:
    viewer = LinkedViewer(small_scan())
    probes = [part for part in walk(viewer) if isinstance(part, SilentProbe)]
    assert len(probes) == 1
    probes[0].set_state({"available": answer})
    assert len(viewer.viewers) == windows
    assert viewer.shown["live"] is (windows > 0)
    assert words in viewer._text.value
    shown = [part for part in walk(viewer) if part in viewer.viewers]
    assert len(shown) == windows


def test_a_second_yes_makes_no_second_set_of_windows() -> None:
    viewer = LinkedViewer(small_scan())
    viewer._probe.set_state({"available": "yes"})
    first = list(viewer.viewers)
    viewer._probe.set_state({"available": "no"})
    viewer._probe.set_state({"available": "yes"})
    assert viewer.viewers == first
