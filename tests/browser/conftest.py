"""Fixtures: one JupyterLab and one Chromium for the whole session, a page per test or lesson.

Tests that look closer at a lesson share its page, since running a lesson takes long. Each gets it
with the controls as the lesson set them, whatever ran before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.lab import REPOSITORY, Lab
from tests.browser.notebook import OpenNotebook

FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[[tuple[str, ...]], object]]:
    """Function that starts Chromium with further flags; a skip where there is none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
        path = shutil.which("chromium") or shutil.which("chromium-browser") or own
        if not Path(path).exists():
            reason = "no Chromium (apt install chromium, or playwright install chromium)"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        started = []

        def start(flags: tuple[str, ...] = FLAGS) -> object:
            started.append(playwright.chromium.launch(executable_path=path, args=list(flags)))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="session")
def browser(chromium: Callable) -> object:
    """A Chromium that draws WebGL in software."""
    return chromium()


@pytest.fixture(scope="session")
def lab(chromium: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:  # noqa: ARG001
    """A JupyterLab that serves a copy of the notebooks."""
    notebooks = sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    demo = sorted((Path(__file__).parent / "demo").glob("*.ipynb"))
    server = Lab(tmp_path_factory.mktemp("lab") / "home", [*notebooks, *demo])
    yield server
    server.stop()


def _page(browser: object, address: str) -> OpenNotebook:
    notebook = OpenNotebook(browser.new_page(viewport={"width": 1300, "height": 1000}), address)
    notebook.run_all()
    return notebook


@pytest.fixture(scope="session")
def shared_lesson_01(lab: Lab, browser: object) -> Iterator[OpenNotebook]:
    """Notebook 01, run from top to bottom, in one page for all tests that look closer."""
    notebook = _page(browser, lab.copy("01_brats_data.ipynb", "lesson_01.ipynb"))
    yield notebook
    notebook.page.close()


@pytest.fixture(scope="session")
def shared_lesson_02(lab: Lab, browser: object) -> Iterator[OpenNotebook]:
    """Notebook 02, likewise."""
    notebook = _page(browser, lab.copy("02_preprocess_and_augment.ipynb", "lesson_02.ipynb"))
    yield notebook
    notebook.page.close()


@pytest.fixture
def lesson_01(shared_lesson_01: OpenNotebook) -> Iterator[OpenNotebook]:
    """The page of notebook 01, whose controls are put back after the test."""
    with shared_lesson_01.controls_kept():
        yield shared_lesson_01


@pytest.fixture
def lesson_02(shared_lesson_02: OpenNotebook) -> Iterator[OpenNotebook]:
    """The page of notebook 02, likewise."""
    with shared_lesson_02.controls_kept():
        yield shared_lesson_02


@pytest.fixture
def open_notebook(lab: Lab, browser: object) -> Iterator[Callable[[str], OpenNotebook]]:
    """Function that opens a notebook of the lab in a new page."""
    pages = []

    def open_(name: str, using: object = None) -> OpenNotebook:
        page = (using or browser).new_page(viewport={"width": 1300, "height": 1000})
        pages.append(page)
        return OpenNotebook(page, lab.address(name))

    yield open_
    for page in pages:
        page.close()
