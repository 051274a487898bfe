"""Drive one notebook in JupyterLab: run it, move its widgets, read what it shows."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

SCREENSHOTS = Path(__file__).parent / "screenshots"
RUN_SECONDS = 600

HARMLESS = (
    # Software rendering is what a headless browser has.
    r"GPU stall due to ReadPixels",
    r"Automatic fallback to software WebGL",
    # JupyterLab asks for what a server without those services does not have.
    r"Failed to load resource.*(404|403).*/(lsp|api/me|api/contents/\.?virtual_documents)",
    # The badges at the top of a notebook are pictures from the internet; a test has none.
    r"Failed to load resource: net::ERR_.*badge",
)
"""Console errors that say nothing about the course, each with its reason above."""

_READY = """() => window.jupyterapp?.shell?.currentWidget?.context?.isReady
    && window.jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'"""

_ANSWERED = """limit => Promise.race([
    window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestKernelInfo(),
    new Promise((_, no) => setTimeout(() => no('the kernel does not answer'), limit))])
    .then(() => true)"""

LISTS, BOXES, CHOICES, SLIDERS = (
    f".jp-OutputArea-output {selector}"
    for selector in (
        ".widget-dropdown select",
        ".widget-checkbox input",
        ".widget-toggle-buttons button",
        ".noUi-target",
    )
)

# A slider's aria-valuenow has one decimal only, which is too coarse for some.
_CONTROLS = """([lists, boxes, choices, sliders]) => {
    const all = (selector, look) => [...document.querySelectorAll(selector)].map(look);
    return {
        [lists]: all(lists, list => list.selectedIndex),
        [boxes]: all(boxes, box => box.checked),
        [choices]: all(choices, button => button.classList.contains('mod-active')),
        [sliders]: all(sliders, slider => +slider.noUiSlider.get(true).toFixed(6)),
    };
}"""

_GRID = """slider => {
    const { range, step } = slider.noUiSlider.options;
    return [slider.noUiSlider.get(true), range.min, range.max, step];
}"""


class OpenNotebook:
    """A notebook opened in a page of the browser."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.errors = page, []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.goto(address)
        page.wait_for_function(_READY, timeout=60_000)

    def _listen(self, message: object) -> None:
        text = f"{message.text} [{message.location.get('url', '')}]"
        if message.type == "error" and not any(re.search(p, text) for p in HARMLESS):
            self.errors.append(text)

    def run_all(self, seconds: float = RUN_SECONDS) -> None:
        """Run every cell and wait until the kernel has nothing more to do."""
        self.page.evaluate(
            """seconds => Promise.race([
                window.jupyterapp.commands.execute('notebook:run-all-cells'),
                new Promise((_, no) => setTimeout(() => no(`still running after ${seconds} s`),
                                                  1000 * seconds))])""",
            seconds,
        )
        self.settle()

    def run_code(self, code: str) -> str:
        """Add a cell at the end, run it, and return the words of its output."""
        self.page.evaluate(
            """async code => {
                const panel = window.jupyterapp.shell.currentWidget, book = panel.content;
                book.activeCellIndex = book.widgets.length - 1;
                await window.jupyterapp.commands.execute('notebook:insert-cell-below');
                book.activeCell.model.sharedModel.setSource(code);
                await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            code,
        )
        self.settle()
        return self.page.locator(".jp-CodeCell").last.locator(".jp-OutputArea").inner_text()

    def settle(self, quiet: float = 0.4, seconds: float = 60) -> None:
        """Wait until the kernel has answered all that the page told it, and is idle for a while.

        A kernel does its work in order: once it has told of itself, nothing from before is left.
        The second answer is for what the page held back until the first, as sliders do.
        """
        deadline = time.monotonic() + seconds
        for _ in range(2):
            self._wait_until_idle(quiet, deadline)
            self.page.evaluate(_ANSWERED, 1000 * max(1.0, deadline - time.monotonic()))

    def _wait_until_idle(self, quiet: float, deadline: float) -> None:
        since = None
        while time.monotonic() < deadline:
            if not self.page.evaluate(_READY):
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            self.page.wait_for_timeout(50)
        raise TimeoutError("the kernel did not come to rest")

    def error_outputs(self) -> list[str]:
        """Text of every output that is an error, in cells and in widgets' Output areas."""
        selector = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr'],"
        selector += ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
        texts = [node.inner_text() for node in self.page.locator(selector).all()]
        return [text for text in texts if "Traceback" in text or "Error" in text]

    def screenshot(self, name: str, what: Locator | None = None) -> None:
        """Photograph the page or a part of it into the git-ignored screenshots folder."""
        SCREENSHOTS.mkdir(exist_ok=True)
        (what or self.page).screenshot(path=SCREENSHOTS / f"{name}.png")

    def widget(self, *labels: str) -> Locator:
        """The innermost box of widgets that contains a control with each of these labels."""
        box = self.page.locator(".jp-OutputArea-output .widget-vbox")
        for label in labels:
            box = box.filter(has=self.page.locator(f".widget-label:text-is('{label}')"))
        return box.last

    def picture(self, widget: Locator) -> Image.Image:
        """The picture in a widget, as the browser got it."""
        data = widget.locator("img.widget-image").first.evaluate(
            """async image => {
                const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
                return btoa(Array.from(bytes, b => String.fromCharCode(b)).join(''));
            }"""
        )
        return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")

    def status(self, widget: Locator) -> str:
        """The words that a widget shows below its picture."""
        return widget.locator("[role=status]").first.inner_text()

    def slide(self, widget: Locator, label: str, key: str, times: int = 1) -> str:
        """Move a slider by pressing a key (Home, End, ArrowRight...) and return its readout."""
        slider = widget.locator(".widget-inline-hbox").filter(
            has=self.page.locator(f".widget-label:text-is('{label}')")
        )
        handle = slider.locator(".noUi-handle").first
        for _ in range(times):
            handle.press(key)
        self.settle()
        return slider.locator(".widget-readout").inner_text()

    def tick(self, widget: Locator, label: str) -> None:
        """Click a checkbox."""
        widget.locator(".widget-checkbox label").filter(has_text=label).locator("input").click()
        self.settle()

    def choose(self, widget: Locator, label: str, option: str) -> None:
        """Choose an option of a drop-down list."""
        widget.locator(".widget-dropdown").filter(
            has=self.page.locator(f".widget-label:text-is('{label}')")
        ).locator("select").select_option(label=option)
        self.settle()

    def controls(self) -> dict[str, list]:
        """Where each list, checkbox, choice and slider in the page stands, by selector."""
        return self.page.evaluate(_CONTROLS, [LISTS, BOXES, CHOICES, SLIDERS])

    @contextmanager
    def controls_kept(self) -> Iterator[None]:
        """Put every control of :meth:`controls` back at the end, whatever happens in between.

        Controls that are added in the meantime stay as they are. A quiz has no way back.
        """
        self.settle()
        before = self.controls()
        try:
            yield
        finally:
            for _ in range(5):  # one control may move another, and a busy kernel echoes late
                if not self._put_back(before):
                    break
                self.settle()
            else:
                raise AssertionError(f"controls do not go back: {self._put_back(before)}")

    def _put_back(self, before: dict[str, list]) -> list[str]:
        """Move each control that is not where it was; return which ones were not."""
        moved = []
        for selector, values in before.items():
            now = self.controls()[selector]
            for number, value in enumerate(values):
                if now[number] == value:
                    continue
                moved.append(f"{selector} {number} at {now[number]}, was {value}")
                control = self.page.locator(selector).nth(number)
                if selector == SLIDERS:
                    self._press_to(control, value)
                elif selector == LISTS:
                    control.select_option(index=value)
                elif selector == BOXES or value:  # the choice that was made undoes the other
                    control.click()
            self.settle(quiet=0.1)
        return moved

    def _press_to(self, slider: Locator, value: float) -> None:
        handle = slider.locator(".noUi-handle")
        now, low, high, step = slider.evaluate(_GRID)
        for key, end in (("Home", low), ("End", high)):
            if abs(value - end) < abs(value - now):
                handle.press(key)
                self.settle()
                now = end
        for _ in range(round(abs(value - now) / step)):
            handle.press("ArrowRight" if value > now else "ArrowLeft")

    def move_everything(self) -> dict[str, int]:
        """Move each control in the page through its range; return how many of each kind."""
        moved = {
            "slider": self._each(".noUi-handle", lambda x: [x.press("Home"), x.press("End")]),
            "dropdown": self._each(".widget-dropdown select", self._through_options),
            "toggle": self._each(".widget-toggle-buttons button", lambda x: x.click()),
            "checkbox": self._each(
                ".widget-checkbox input", lambda x: [x.click(), self.settle(), x.click()]
            ),
            "radio": self._each(".widget-radio input", lambda x: x.click()),
            "button": self._each("button.widget-button:not(.widget-toggle-button)", _click_enabled),
        }
        self.settle()
        return moved

    def _each(self, selector: str, act: object) -> int:
        controls = self.page.locator(f".jp-OutputArea-output {selector}").all()
        for control in controls:
            if control.is_visible() and control.is_enabled():
                control.scroll_into_view_if_needed()
                act(control)
                self.settle(quiet=0.1)
        return len(controls)

    def _through_options(self, select: Locator) -> None:
        for number in range(select.locator("option").count()):
            select.select_option(index=number)
            self.settle(quiet=0.1)


def _click_enabled(button: Locator) -> None:
    if button.is_enabled():
        button.click()
