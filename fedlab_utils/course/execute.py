"""Run a notebook in a fresh kernel, as a student's would, and make its outputs fit to store."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from fedlab_utils.course.address import course_root, notebooks_folder
from fedlab_utils.course.ray_cell import BUILDING
from fedlab_utils.errors import CourseError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LANGUAGE = {"name": "python"}
LARGEST = 2_000_000
"""Bytes a stored notebook may have: GitHub shows nothing beyond."""


@dataclass(frozen=True)
class Measured:
    """Wall time in seconds and peak resident memory (kernel and its children) in megabytes."""

    seconds: float
    megabytes: float


def execute(
    notebook: NotebookNode, name: str, home: Path | None = None, data: Path | None = None
) -> Measured:
    """Run all cells in place, from an empty progress file.

    Parameters
    ----------
    notebook
        Gets its outputs in place.
    name
        Named in errors.
    home
        Folder for the progress file; a temporary one by default.
    data
        Folder of the patients; the embedded ones by default.

    Raises
    ------
    CourseError
        When a cell raises.
    """
    with tempfile.TemporaryDirectory() as temporary:
        client = NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": str(notebooks_folder())}},
        )
        client.create_kernel_manager()
        watch = _MemoryWatch(client)
        start = time.perf_counter()
        try:
            with watch:
                client.execute(env=_environment(home or Path(temporary), data))
        except CellExecutionError as error:
            raise CourseError(name, f"a cell fails: {error}", "mend the cell") from error
        return Measured(time.perf_counter() - start, watch.peak / 1e6)


def tidy(notebook: NotebookNode, name: str) -> None:
    """Drop from the outputs what changes from run to run or cannot be shown without a kernel.

    Raises
    ------
    CourseError
        When a widget has no static twin, or the notebook is too large.
    """
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = LANGUAGE  # the kernel's own names its Python version
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
            outputs = _joined(cell.outputs)
            cell.outputs = [_tidy_output(output, cell.id, name) for output in outputs]
    size = len(nbformat.writes(notebook).encode())
    if size > LARGEST:
        cause = f"the notebook has {size / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}"
        raise CourseError(name, cause, "draw smaller or fewer figures")


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join pieces of one printed text; where it comes in pieces depends on the machine's load."""
    joined: list[NotebookNode] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if "text" in output and before.get("name") == output.get("name"):
            before.text += output.text
        else:
            joined.append(output)
    return joined


def _tidy_output(output: NotebookNode, cell: str, name: str) -> NotebookNode:
    if "text" in output:
        output.text = _plain(output.text)
    data = output.get("data", {})
    if data.pop(WIDGET_VIEW, None) is not None and set(data) <= {"text/plain"}:
        cause = f"cell {cell} shows a widget without a static twin"
        raise CourseError(name, cause, "show it with a PNG or HTML twin in the same output")
    for kind in ("text/plain", "text/html", "text/markdown"):
        if kind in data:
            data[kind] = _plain(data[kind])
    return output


def _plain(text: str) -> str:
    """Take memory addresses and this machine's folders out of a text.

    The build's own progress file stands for the reader's.
    """
    text = re.sub(r"(?<= at )0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"\S*[/\\]progress\.json", "fedlab/.fedlab/progress.json", text)
    return text.replace(str(course_root()), "fedlab")


def _environment(home: Path, data: Path | None) -> dict[str, str]:
    """The kernel's environment: these patients, laptop tier, and nobody's own progress."""
    mine = {k: v for k, v in os.environ.items() if k not in ("FEDLAB_DATA", "FEDLAB_TIER")}
    patients = {"FEDLAB_DATA": str(data)} if data else {}
    path = [str(course_root()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return (
        mine
        | patients
        | {
            "FEDLAB_HOME": str(home),
            BUILDING: "1",
            "PYTHONPATH": os.pathsep.join(path),
            # plotly's other renderers store megabytes of JavaScript in each notebook
            "PLOTLY_RENDERER": "plotly_mimetype",
            # pytest and the shell may have chosen a drawing backend; a notebook draws inline
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        }
    )


class _MemoryWatch:
    """Follow the resident memory of the kernel and its children while the block runs."""

    def __init__(self, client: NotebookClient) -> None:
        self.client, self.peak = client, 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._done.wait(0.1):
            provisioner = getattr(self.client.km, "provisioner", None)
            if getattr(provisioner, "pid", None):
                self.peak = max(self.peak, _resident(provisioner.pid))


def _resident(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 when it is gone."""
    try:
        parent = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [parent, *parent.children(recursive=True)])
    except psutil.Error:
        return 0
