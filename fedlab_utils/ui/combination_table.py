"""The table of what goes together, as readers see it."""

from __future__ import annotations

import html
from collections.abc import Sequence

from fedlab_utils.federated.combinations import CAVEATS, clash_of
from fedlab_utils.federated.methods import METHODS


class CombinationTable:
    """Methods against methods: yes, no, or at a price, each with its reason.

    Parameters
    ----------
    of
        Names of methods, the columns; see :data:`fedlab_utils.federated.methods.METHODS`.
    against
        Names of methods, the rows; default: all others.

    Raises
    ------
    KeyError
        If there is no method of such a name.
    """

    def __init__(self, of: Sequence[str], against: Sequence[str] | None = None) -> None:
        rows = [name for name in METHODS if name not in of] if against is None else against
        self.cells = {row: {column: verdict(row, column) for column in of} for row in rows}

    def __repr__(self) -> str:
        return "\n".join(
            f"{row}: " + ", ".join(f"{column} {word}" for column, (word, _) in cells.items())
            for row, cells in self.cells.items()
        )

    def _repr_html_(self) -> str:
        """Words in the cells, and below the table each reason once."""
        columns = list(next(iter(self.cells.values()), {}))
        reasons: dict[str, int] = {}
        lines = []
        for row, cells in self.cells.items():
            told = []
            for word, reason in cells.values():
                mark = f" ({reasons.setdefault(reason, len(reasons) + 1)})" if reason else ""
                told.append(f"<td>{word}{mark}</td>")
            name = html.escape(METHODS[row])
            lines.append(f"<tr><th scope='row'>{name}</th>{''.join(told)}</tr>")
        head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in columns)
        notes = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons)
        return (
            "<table><caption>Do they go together?</caption><thead><tr><td></td>"
            f"{head}</tr></thead><tbody>{''.join(lines)}</tbody></table><ol>{notes}</ol>"
        )


def verdict(one: str, other: str) -> tuple[str, str]:
    """Return ``"yes"``, ``"no"`` or ``"with care"``, and why, where it is not yes.

    Raises
    ------
    KeyError
        If there is no method of such a name.
    """
    if found := clash_of(one, other):
        return "no", f"{_capital(found.why)}. {found.remedy}."
    for caveat in CAVEATS:
        if {caveat.one, caveat.other} == {one, other}:
            return "with care", f"{_capital(caveat.why)}. {caveat.remedy}."
    return "yes", ""


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
