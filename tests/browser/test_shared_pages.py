"""A page that tests share is handed on as it was, or one test's outcome depends on another's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser


def _expect_all_back(
    notebook: OpenNotebook, widgets: list[Locator], move: Callable[[], None]
) -> None:
    def seen() -> list[tuple[np.ndarray, str]]:
        return [(np.asarray(notebook.picture(box)), notebook.status(box)) for box in widgets]

    def use_and_fail() -> None:
        move()
        moved = notebook.controls()
        assert all(moved[kind] != stood[kind] for kind in stood)
        for (picture, words), (other, others) in zip(showed, seen(), strict=True):
            assert not np.array_equal(picture, other)
            assert words != others
        raise ZeroDivisionError

    stood, showed = notebook.controls(), seen()
    with pytest.raises(ZeroDivisionError), notebook.controls_kept():
        use_and_fail()
    assert notebook.controls() == stood
    for (picture, words), (other, others) in zip(showed, seen(), strict=True):
        np.testing.assert_array_equal(picture, other)
        assert words == others


def test_lesson_01_is_handed_on_as_it_was(lesson_01: OpenNotebook) -> None:
    notebook = lesson_01
    contrast = notebook.widget("TR (ms)", "TE (ms)")
    planes = notebook.widget("Sequence", "Axial")

    def move() -> None:
        contrast.get_by_role("button", name="T2").click()  # it moves sliders, too
        notebook.settle()
        notebook.slide(contrast, "TR (ms)", "End")
        notebook.slide(contrast, "TI (ms)", "ArrowRight", times=2)
        notebook.tick(contrast, "contrast agent")
        notebook.choose(planes, "Sequence", "T1ce")
        notebook.choose(planes, "Overlay", "none")
        planes.get_by_role("button", name="outline").click()
        notebook.slide(planes, "Opacity", "ArrowRight")
        notebook.slide(planes, "Axial", "Home")

    _expect_all_back(notebook, [contrast, planes], move)


def test_what_the_next_test_gets(lesson_01: OpenNotebook, lesson_02: OpenNotebook) -> None:
    """The start of the lessons, though tests before this one moved their controls."""
    status = lesson_01.status(lesson_01.widget("TR (ms)", "TE (ms)"))
    assert "TR 600 ms, TE 12 ms" in status
    edge = lesson_02.page.get_by_role("slider", name="Voxel edge", exact=True)
    assert edge.get_attribute("aria-valuetext") == "2 mm"
