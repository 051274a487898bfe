"""Show the package's own source in a notebook, so that a lesson need not copy it."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

from fedlab_utils.course.address import course_root
from fedlab_utils.course.messages import Message, Text, code_block


def show_source(thing: object) -> Text | Message:
    """Show the source of a function, class or module, with its file and line.

    Nothing is left out, so what you read is what runs.

    Parameters
    ----------
    thing
        Anything written in Python: ``show_source(to_regions)``.
    """
    try:
        lines, first = inspect.getsourcelines(thing)
        path = Path(inspect.getsourcefile(inspect.unwrap(thing)))
    except (TypeError, OSError):
        text = f"No Python source for {type(thing).__name__} objects like this one."
        return Message("unknown", text, "Give a function, a class or a module of the course.")
    within = path.is_relative_to(course_root())
    where = path.relative_to(course_root()).as_posix() if within else path.name
    return Text(f"`{where}`, line {max(first, 1)}\n\n{code_block(textwrap.dedent(''.join(lines)))}")
