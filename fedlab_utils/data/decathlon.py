"""What a Decathlon data set says of itself in ``dataset.json``, against what it is read as.

The Decathlon stacks its sequences in one file and numbers its labels in an order of its own. Both
are read as its Task01 publishes them (Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9);
somebody else's data in the same layout may hold another order, and nothing in the images tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from fedlab_utils.data.conventions import BACKGROUND, ENHANCING, LABEL_NAMES, NECROSIS, OEDEMA
from fedlab_utils.data.labels import SCHEMES
from fedlab_utils.data.naming import MSD_ORDER
from fedlab_utils.errors import LabelError, LayoutError, UnreadableFileError

INDEX = "dataset.json"
"""Name of the file beside ``imagesTr`` that describes the data set."""

# The first pattern that is found in a name tells what it names.
_SEQUENCES = {
    "FLAIR": r"flair|t2f",
    "T1ce": r"t1\W?(w\W?)?(gd|ce|c|post|contrast)",
    "T1": r"t1",
    "T2": r"t2",
}
_TISSUES = {
    BACKGROUND: r"background",
    OEDEMA: r"edema|\bed\b",
    NECROSIS: r"non\W?enhanc|necro|\bncr\b|\bnet\b",
    ENHANCING: r"enhanc|\bet\b",
}


def check_index(folder: Path, labels: bool = True) -> None:
    """Compare a ``dataset.json`` with the order in which volumes and labels are read.

    Parameters
    ----------
    folder
        Where ``imagesTr`` lies. Without a ``dataset.json``, or an entry in it, nothing is checked.
    labels
        False where the user has named another label scheme.

    Raises
    ------
    UnreadableFileError
        If it is no JSON.
    LayoutError
        If its ``modality`` is not FLAIR, T1w, t1gd, T2w.
    LabelError
        If its ``labels`` are not 1 oedema, 2 non-enhancing tumour, 3 enhancing tumour.
    """
    path = folder / INDEX
    if not path.is_file():
        return
    try:
        index = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            path, f"it is no JSON ({error})", "Take it from the published archive, or remove it"
        ) from error
    entries = index if isinstance(index, dict) else {}
    if difference := _difference(
        entries.get("modality"), dict(enumerate(MSD_ORDER)), lambda name: _named(name, _SEQUENCES)
    ):
        raise LayoutError(
            path,
            f"its modality {difference}",
            "Stack the volumes in the order FLAIR, T1, T1ce, T2; if they are, correct the file",
        )
    tissues = SCHEMES["msd"].values
    if labels and (
        difference := _difference(
            entries.get("labels"),
            {value: LABEL_NAMES[label] for value, label in tissues.items()},
            lambda name: LABEL_NAMES.get(_named(name, _TISSUES)),
        )
    ):
        raise LabelError(
            path,
            f"its labels {difference}",
            f"Pass scheme= one of {', '.join(SCHEMES)} if one agrees with the file; if the file is "
            "mistaken, correct it",
        )


def _difference(
    declared: object, read: Mapping[int, str], meaning: Callable[[str], str | None]
) -> str | None:
    """Return the first entry that says something else than what is read, in words."""
    if declared is None:
        return None
    if not isinstance(declared, dict):
        return f"are {declared!r}, not a table of numbers and names"
    expected = {str(number): name for number, name in read.items()}
    for number in sorted({*expected, *declared}):
        said = declared.get(number)
        if said is None and expected[number] == LABEL_NAMES[BACKGROUND]:
            continue
        if said is None or number not in expected or meaning(str(said)) != expected[number]:
            return f"{number} is {said!r}, where {expected.get(number, 'nothing')} is read"
    return None


def _named(name: str, patterns: Mapping) -> object:
    return next((key for key, known in patterns.items() if re.search(known, name, re.I)), None)
