"""A quiz with several right choices, answered with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

WRAPPED = """label => {
    const text = label.querySelector('span'), line = parseFloat(getComputedStyle(label).lineHeight);
    return [label.scrollWidth - label.clientWidth, label.clientHeight - text.offsetHeight,
            text.offsetHeight / line];
}"""


def test_boxes_are_ticked_with_tab_and_space_and_all_right_ones_count(
    lab: Lab, browser: object
) -> None:
    [source] = lab.folder.glob("00_*.ipynb")
    window = browser.new_page(viewport={"width": 640, "height": 1000})
    notebook = OpenNotebook(window, lab.copy(source.name, "quiz.ipynb"))
    notebook.run_code("from fedlab_utils.course import quiz\nquiz('scaffold-cost')")
    box = window.locator(".fedlab-quiz").last
    ticks, button = box.locator("input[type=checkbox]"), box.get_by_role("button", name="Answer")
    expect(ticks).to_have_count(3)
    expect(box).to_contain_text("Several are right")
    expect(button).to_be_disabled()
    for label in box.locator(".widget-checkbox label:has(input)").all():
        wider, lower, _ = label.evaluate(WRAPPED)
        assert wider <= 0, "a long choice is wrapped, not cut"
        assert lower >= -2, "and nothing of it is hidden"
    box.get_by_role("checkbox", name="Twice the traffic").focus()
    window.keyboard.press("Space")
    expect(button).to_be_enabled()
    button.press("Enter")
    verdict = box.get_by_role("status")
    expect(verdict).to_contain_text("Not quite.")
    expect(verdict).to_contain_text("One more is right.")
    ticks.nth(0).focus()
    window.keyboard.press("Tab")
    window.keyboard.press("Tab")
    expect(ticks.nth(2)).to_be_focused()
    window.keyboard.press("Space")
    notebook.settle()  # on a busy machine the kernel may be many seconds behind
    button.press("Enter")
    notebook.settle()
    expect(verdict).to_contain_text("Right.")
    notebook.screenshot("quiz_several", box)
    assert notebook.errors == []
    window.close()
