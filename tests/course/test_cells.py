from __future__ import annotations

import jupytext
import pytest

from fedlab_utils.course.cells import Cell, read_cells, read_header
from fedlab_utils.course.source import source_paths
from fedlab_utils.errors import CourseError
from tests.course.toy import TOY


@pytest.mark.parametrize("text", [TOY, *(p.read_text("utf-8") for p in source_paths())])
def test_cells_are_read_as_jupytext_reads_them(text: str) -> None:
    ours = [
        ("markdown" if cell.markdown else "code", cell.source)
        for cell in read_cells(text, "90_toy")
    ]
    header = (
        "# ---\n# jupyter:\n#   jupytext:\n#     text_representation:\n#       extension: .py\n"
    )
    header += "#       format_name: percent\n# ---\n"
    body = text.split("# ---\n", 2)[2]
    theirs = jupytext.reads(header + body, fmt="py:percent").cells
    assert ours == [(cell.cell_type, cell.source) for cell in theirs]


def test_marks_tags_and_lines_are_kept_and_blank_lines_at_the_ends_are_not() -> None:
    text = '# %% wrong="a" diagnosis="say \\"no\\"" tags=["x", "y"]\n\nf(1)\n\n\n'
    text += "# %% [markdown]\n#\n# b"
    assert read_cells(text, "90_toy") == [
        Cell(False, "f(1)", {"wrong": "a", "diagnosis": 'say "no"'}, ("x", "y"), 1),
        Cell(True, "\nb", {}, (), 6),
    ]


def test_a_commented_magic_comes_back_to_life_and_a_comment_stays() -> None:
    [cell] = read_cells("# %%\n# %pip list\n# !ls\n# 100 % sure", "90_toy")
    assert cell.source == "%pip list\n!ls\n# 100 % sure"


def test_the_opening_block_is_read_or_refused() -> None:
    assert read_header(TOY, "90_toy") == {"title": "A toy", "data": "none", "minutes": "5"}
    with pytest.raises(CourseError, match=r"notebooks/src/90_toy\.py, line 1: the opening"):
        read_header(TOY.replace("# data: none\n", ""), "90_toy")
