"""The table of what goes together says what runs are refused, and why."""

from __future__ import annotations

import html
import re

import pytest

from fedlab_utils.errors import CombinationError
from fedlab_utils.federated.combinations import CAVEATS, check_combination
from fedlab_utils.federated.methods import METHODS
from fedlab_utils.ui import CombinationTable

COLUMNS = ("top-k", "quantisation", "small downlink")


def test_no_stands_exactly_where_a_run_is_refused() -> None:
    table = CombinationTable(COLUMNS)
    assert set(table.cells) == set(METHODS) - set(COLUMNS)
    care = {frozenset((caveat.one, caveat.other)) for caveat in CAVEATS}
    for row, cells in table.cells.items():
        for column, (word, reason) in cells.items():
            if word == "no":
                with pytest.raises(CombinationError):
                    check_combination((row, column))
            else:
                check_combination((row, column))
                assert (word == "with care") == (frozenset((row, column)) in care)
            assert bool(reason) == (word != "yes")


def test_the_page_has_a_head_for_each_row_and_column_and_each_reason_once() -> None:
    table = CombinationTable(COLUMNS, ["masks", "encryption", "scaffold"])
    page = table._repr_html_()
    assert re.findall(r"<th scope='col'>(.*?)</th>", page) == list(COLUMNS)
    rows = re.findall(r"<th scope='row'>(.*?)</th>", page)
    assert list(map(html.unescape, rows)) == [
        METHODS[name] for name in ("masks", "encryption", "scaffold")
    ]
    reasons = re.findall(r"<li>(.*?)</li>", page)
    due = {reason for cells in table.cells.values() for _, reason in cells.values() if reason}
    assert len(reasons) == len(due) == 2
    assert page.count("<td>no (1)</td>") == page.count("<td>no (2)</td>") == 2
    assert page.count("<td>yes</td>") == 5
    assert "masks: top-k no, quantisation no, small downlink yes" in repr(table)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(KeyError):
        CombinationTable(["telepathy"])
