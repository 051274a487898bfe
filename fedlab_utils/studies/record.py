"""What is recorded of a study: a file in the checkout's data, with a row on each line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import FedLabError, StudyError

if TYPE_CHECKING:
    from fedlab_utils.studies.runner import Study


def results_file(name: str, results: Path | None = None) -> Path:
    """Return where a study's rows are recorded."""
    return (results or data_folder() / "results") / f"{name}.json"


def work_folder(name: str, work: Path | None = None) -> Path:
    """Return where a study keeps what its cells need on the way."""
    return (work or data_folder() / "studies") / name


def read_rows(name: str, results: Path | None = None) -> list[dict]:
    """Return the recorded rows of a study, none if it was never run.

    Raises
    ------
    StudyError
        If the file is there and cannot be read.
    """
    file = results_file(name, results)
    if not file.exists():
        return []
    try:
        return json.loads(file.read_text("utf-8"))["rows"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            file, f"it cannot be read ({error!r})", "Restore it, or remove it"
        ) from None


def write_rows(file: Path, study: Study, rows: list[dict]) -> None:
    """Write the rows, each on a line of its own: a comparison shows which one is new."""
    from fedlab_utils.data.atomic import write_text

    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"study": study.name, "question": study.question, "cells": len(study.cells)}
    head = "".join(f" {json.dumps(name)}: {json.dumps(value)},\n" for name, value in about.items())
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    write_text(file, f'{{\n{head} "rows": [\n{lines}\n ]\n}}\n')


def data_folder() -> Path:
    """Return ``data`` of the checkout.

    Raises
    ------
    FedLabError
        If this package was installed without one.
    """
    from fedlab_utils.data.places import checkout

    root = checkout()
    if root is None:
        raise FedLabError(
            "study",
            "there is no checkout around this package",
            "Clone the repository to run studies",
        )
    return root / "data"
