"""Preflight: what this machine has, whether that is enough, and what to do where it is not."""

from __future__ import annotations

import html
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from fedlab_utils.course.address import course_root
from fedlab_utils.course.limits import cores, memory_bytes
from fedlab_utils.course.messages import inline_html, plain
from fedlab_utils.course.versions import compare_with_lock
from fedlab_utils.data import current_tier, open_cohort
from fedlab_utils.errors import DataError, how_many

OK, LOOK, STOP = "ok", "look", "stop"
_SIGNS = {OK: "✓", LOOK: "!", STOP: "✗"}


@dataclass(frozen=True)
class Line:
    """One line of the report: what was looked at, what was found, the verdict, what to do."""

    what: str
    found: str
    verdict: str
    advice: str = "nothing to do"


def preflight() -> Preflight:
    """Look at this machine and say, line by line, *ok*, *look* or *stop*, and what to do."""
    return Preflight(tuple(_guarded(look) for look in _LOOKS))


class Preflight:
    """The report as a table, followed by a line on WebGL that the browser fills in."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        self.lines = lines

    @property
    def summary(self) -> str:
        """One sentence on the whole."""
        stops = [line.what for line in self.lines if line.verdict == STOP]
        looks = [line.what for line in self.lines if line.verdict == LOOK]
        if stops:
            return f"Mend this first: {', '.join(stops)}."
        if looks:
            return f"You can start. Worth a look: {', '.join(looks)}."
        return "This machine is ready."

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display({"text/html": self.table_html(), "text/plain": self.table_text()}, raw=True)
        if importlib.util.find_spec("anywidget"):
            from fedlab_utils.course.webgl import WebGLLine

            display(WebGLLine())

    def table_html(self) -> str:
        """The report as an HTML table; the verdict is a word, its sign only repeats it."""
        left = 'style="text-align: left"'
        rows = "".join(
            f'<tr><th scope="row" {left}>{html.escape(line.what)}</th>'
            f"<td {left}>{inline_html(line.found)}</td>"
            f'<td {left}><span aria-hidden="true">{_SIGNS[line.verdict]}</span> {line.verdict}</td>'
            f"<td {left}>{inline_html(line.advice)}</td></tr>"
            for line in self.lines
        )
        columns = ("What", "Found", "Verdict", "To do")
        head = "".join(f'<th scope="col" {left}>{x}</th>' for x in columns)
        return (
            f"<table><caption>{inline_html(self.summary)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def table_text(self) -> str:
        """The report as plain text."""
        lines = [f"{x.verdict:5} {x.what}: {plain(x.found)}; {plain(x.advice)}" for x in self.lines]
        return "\n".join([self.summary, *lines])


def _guarded(look: Callable[[], Line]) -> Line:
    """A look that fails says so and does not hide the others."""
    try:
        return look()
    except Exception as error:  # a machine may be odd in any way
        what = look.__name__.strip("_").replace("_", " ")
        return Line(what, f"could not be read ({type(error).__name__}: {error})", LOOK)


def _python() -> Line:
    return Line("Python", ".".join(map(str, sys.version_info[:3])), OK)


def _packages() -> Line:
    return Line("packages", *compare_with_lock(course_root() / "requirements.lock"))


def _memory() -> Line:
    total, limited = memory_bytes()
    found = f"{total / 1e9:.0f} GB" + (" (a limit set for this container)" if limited else "")
    if total < 1.9e9:
        return Line("memory", found, STOP, "2 GB are needed: use a larger machine, or Colab")
    if total < 3.5e9:
        advice = "one notebook at a time: shut down the kernel before you open the next"
        return Line("memory", found, LOOK, advice)
    return Line("memory", found, OK)


def _processor() -> Line:
    count = cores()
    found = f"{count:g} core{'' if count == 1 else 's'}"
    if count < 2:
        return Line("processor", found, LOOK, "all works, in about twice the time stated")
    return Line("processor", found, OK)


def _disk() -> Line:
    free = shutil.disk_usage(course_root()).free / 1e9
    if free < 1:
        return Line("disk", f"{free:.1f} GB free", STOP, "free at least 1 GB for the patients")
    if free < 5:
        return Line("disk", f"{free:.0f} GB free", LOOK, "enough for the phantom, not for BraTS")
    return Line("disk", "5 GB free or more", OK)


def _graphics_card() -> Line:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        advice = "the laptop tier needs none; long studies are recorded"
        return Line("GPU", "none", OK, advice)
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    names = "; ".join(answer.stdout.strip().splitlines()) or "no answer from nvidia-smi"
    if importlib.util.find_spec("torch"):
        import torch

        if not torch.cuda.is_available():
            advice = "PyTorch cannot use it: install a CUDA build of torch to do so"
            return Line("GPU", names, LOOK, advice)
    return Line("GPU", names, OK, "set `FEDLAB_TIER=gpu` to train in 3-D at 1 mm")


def _place() -> Line:
    if "google.colab" in sys.modules:
        return Line("place", "Google Colab", OK, "save a copy in Drive: files here are temporary")
    if "BINDER_LAUNCH_HOST" in os.environ or "BINDER_SERVICE_HOST" in os.environ:
        advice = "it stops after 10 idle minutes: download your notebook before you leave"
        return Line("place", "Binder", LOOK, advice)
    return Line("place", "your own machine", OK)


def _patients() -> Line:
    root = os.environ.get("FEDLAB_DATA")
    if not root:
        advice = "to use BraTS, set `FEDLAB_DATA` to its folder before you start Jupyter"
        return Line("patients", "the phantom cohort (`FEDLAB_DATA` is not set)", OK, advice)
    try:
        cohort = open_cohort()
        cohort.labelled()
    except DataError as error:
        advice = f"{error.remedy}. Or unset `FEDLAB_DATA` to use the phantom"
        return Line("patients", f"`{error.case}`: {error.cause}", STOP, advice)
    found = f"{how_many(len(cohort), 'case')} in the folder `{root}`"
    if cohort.problems:
        advice = "`fedlab validate FOLDER` in a terminal says what is wrong with each"
        return Line(
            "patients", f"{found}; {how_many(len(cohort.problems), 'problem')}", LOOK, advice
        )
    return Line("patients", found, OK)


def _tier() -> Line:
    try:
        tier = current_tier().name
    except DataError as error:
        return Line("tier", error.cause, STOP, error.remedy)
    if tier == "gpu" and shutil.which("nvidia-smi") is None:
        return Line("tier", tier, LOOK, "there is no GPU here: unset `FEDLAB_TIER`")
    return Line("tier", tier, OK)


_LOOKS = (
    _python,
    _packages,
    _memory,
    _processor,
    _disk,
    _graphics_card,
    _place,
    _patients,
    _tier,
)
