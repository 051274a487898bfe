"""Fixtures: one JupyterLab and one Chromium for a process, a page per test or lesson.

Tests that look closer at a lesson share its page, since running a lesson takes long. Each gets it
with the controls as the lesson set them, whatever ran before.
"""

from __future__ import annotations

import os
import re
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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of a lesson to one process, so that the lesson runs once."""
    for item in items:
        if item.get_closest_marker("browser"):
            drawn = getattr(item, "callspec", None)
            words = [*getattr(item, "fixturenames", ()), *(drawn.params.values() if drawn else ())]
            found = [re.match(r"(?:lesson_)?(\d\d)(?:_|$)", word) for word in map(str, words)]
            numbers = [match[1] for match in found if match]
            item.add_marker(pytest.mark.xdist_group(numbers[0] if numbers else item.name))


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
    server = Lab(tmp_path_factory.mktemp("lab") / "home", notebooks)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def page_of(lab: Lab, browser: object) -> Iterator[Callable[[str], OpenNotebook]]:
    """Function that gives the page of a lesson, "01" say, run from top to bottom the first time."""
    pages: dict[str, OpenNotebook] = {}

    def page(number: str) -> OpenNotebook:
        if number not in pages:
            [source] = lab.folder.glob(f"{number}_*.ipynb")
            address = lab.copy(source.name, f"lesson_{number}.ipynb")
            window = browser.new_page(viewport={"width": 1300, "height": 1000})
            notebook = OpenNotebook(window, address)
            notebook.run_all()
            notebook.screenshot(f"lesson_{number}_run")
            pages[number] = notebook
        return pages[number]

    yield page
    for notebook in pages.values():
        notebook.page.close()


@pytest.fixture
def lesson_01(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 01, whose controls are put back after the test."""
    with page_of("01").controls_kept():
        yield page_of("01")


@pytest.fixture
def lesson_02(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 02, likewise."""
    with page_of("02").controls_kept():
        yield page_of("02")


@pytest.fixture
def lesson_03(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 03, likewise."""
    with page_of("03").controls_kept():
        yield page_of("03")


@pytest.fixture
def lesson_05(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 05, likewise."""
    with page_of("05").controls_kept():
        yield page_of("05")


@pytest.fixture
def lesson_04(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 04, likewise."""
    with page_of("04").controls_kept():
        yield page_of("04")


@pytest.fixture
def lesson_06(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 06, likewise."""
    with page_of("06").controls_kept():
        yield page_of("06")


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


@pytest.fixture
def lesson_07(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 07, likewise."""
    with page_of("07").controls_kept():
        yield page_of("07")


@pytest.fixture
def lesson_08(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 08, likewise."""
    with page_of("08").controls_kept():
        yield page_of("08")


@pytest.fixture
def lesson_09(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 09, likewise."""
    with page_of("09").controls_kept():
        yield page_of("09")


@pytest.fixture
def lesson_10(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 10, likewise."""
    with page_of("10").controls_kept():
        yield page_of("10")


@pytest.fixture
def lesson_11(page_of: Callable[[str], OpenNotebook]) -> Iterator[OpenNotebook]:
    """The page of notebook 11, likewise."""
    with page_of("11").controls_kept():
        yield page_of("11")
