"""A partition in words: how patients were dealt, and what became of what they were dealt by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.dealing import ATTRIBUTES

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.data.hospitals import Partition

NAMES = {
    "iid": "at random, equal sizes",
    "power_law": "at random, a few large ones",
    "dirichlet": "at random, sizes drawn",
    "volume": "by tumour volume",
    "enhancing": "by enhancing tumour",
    "grade": "by grade",
    "age": "by age",
    "survival": "by survival",
    "institution": "as the data set says",
    "scanner": "each its own scanner",
    "missing_sequence": "some lack a sequence",
}
"""Kind of partition -> what a reader chooses."""

IN_A_SENTENCE = {
    "scanner": ", each with a scanner of its own",
    "missing_sequence": ", some of which lack a sequence",
}
"""The same as part of a sentence, where the words differ."""

_SHARE, _MEDIAN = "{:.0%}", "{:.0f}"
_FIGURES: dict[str, tuple[str, Callable[[pd.Series], float], str, str]] = {
    "volume": ("median volume of the whole tumour", lambda x: x.median(), _MEDIAN, " ml"),
    "enhancing": ("share without enhancing tumour", lambda x: (x == 0).mean(), _SHARE, ""),
    "grade": ("share of high grade", lambda x: (x == "HGG").mean(), _SHARE, ""),
    "age": ("median age", lambda x: x.median(), _MEDIAN, " years"),
    "survival": ("median survival", lambda x: x.median(), _MEDIAN, " days"),
}
"""Kind -> what is told, how it is worked out from known values, its format and its unit."""


def dealt(report: pd.DataFrame, kind: str, skew: float | None) -> str:
    """Say to how many hospitals of which sizes patients were dealt, and how.

    Parameters
    ----------
    report
        Of :func:`fedlab_utils.data.describe`.
    kind, skew
        As dealt; None where there is no skew to choose.
    """
    sizes = report["patients"]
    how = IN_A_SENTENCE.get(kind, f" {NAMES[kind]}")
    how += "" if skew is None else f", skew {skew:.2f}"
    least, most = sizes.min(), sizes.max()
    each = f"{most}" if least == most else f"{least} to {most}"
    return (
        f"{sizes.sum()} patients dealt to {len(report)} hospitals{how}: {each} patients each, "
        f"size imbalance {report.attrs['size_imbalance']:.2f}."
    )


def sorted_by(partition: Partition, table: pd.DataFrame, kind: str) -> str:
    """Say of each hospital what patients were sorted by; nothing if they were not.

    Parameters
    ----------
    partition
        From :func:`fedlab_utils.data.make_hospitals`.
    table
        Of :meth:`fedlab_utils.data.Cohort.with_volumes`. Of several visits the first with a value
        counts; patients without one are left out.
    kind
        As dealt.
    """
    if kind not in _FIGURES:
        return ""
    told, figure, form, unit = _FIGURES[kind]
    by_patient = table.groupby("patient_id")[ATTRIBUTES[kind]].first()
    parts = []
    for hospital in partition.hospitals:
        known = by_patient.reindex(list(hospital.patients)).dropna()
        parts.append(f"{hospital.name} {form.format(figure(known)) if len(known) else 'unknown'}")
    return f"{told[0].upper()}{told[1:]}: {', '.join(parts)}{unit}."


def looks_apart(report: pd.DataFrame) -> str:
    """Say how far each hospital's scans look from all together; nothing where it is not known."""
    looks = report[[f"intensity_{s.lower()}" for s in SEQUENCES]].mean(axis=1).dropna()
    if not len(looks):
        return ""
    parts = ", ".join(f"{name} {value:.2f}" for name, value in looks.items())
    return (
        f"Look of the scans, mean distance from all hospitals together: {parts} interquartile "
        "ranges."
    )


def volumes_apart(report: pd.DataFrame) -> str:
    """Say how many hospitals' tumour volumes lie further from all together than by chance."""
    known = report["jsd_wt"].notna()
    if not known.any():
        return ""
    apart = (report["jsd_wt"] > report["jsd_wt_by_chance"]).sum()
    medians = report["median_wt_ml"]
    return (
        f"Whole tumour volumes: medians {np.nanmin(medians):.0f} to {np.nanmax(medians):.0f} ml; "
        f"{apart} of {known.sum()} hospitals lie further from all together than 19 of 20 random "
        "deals would leave them."
    )
