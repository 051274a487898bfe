"""Label schemes of the published data sets, and the way from their numbers to ours and back.

The same number means different tissue in different data sets, so a scheme is never read off the
values: it follows from the folder layout, or the user names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fedlab_utils.data.conventions import (
    BACKGROUND,
    CAVITY,
    ENHANCING,
    LABEL_NAMES,
    NECROSIS,
    OEDEMA,
)
from fedlab_utils.errors import LabelError

ROUNDING_TOLERANCE = 0.05
"""How far a stored label may lie from an integer: resampled files hold 1.9922 for 2."""

_UNKNOWN = 255


@dataclass(frozen=True)
class LabelScheme:
    """What the numbers in a segmentation file mean.

    Parameters
    ----------
    name
        Key in :data:`SCHEMES`.
    values
        Value in the file -> canonical label of :mod:`fedlab_utils.data.conventions`.
    source
        The data sets and the publication that define it.
    """

    name: str
    values: Mapping[int, int]
    source: str

    @property
    def meaning(self) -> str:
        """The scheme in words, such as ``1 = necrotic core, 2 = ...``."""
        return ", ".join(
            f"{value} = {LABEL_NAMES[label]}" for value, label in self.values.items() if value
        )


SCHEMES = {
    scheme.name: scheme
    for scheme in (
        LabelScheme(
            "brats2017",
            {0: BACKGROUND, 1: NECROSIS, 2: OEDEMA, 4: ENHANCING},
            "BraTS 2017-2021, FeTS, UPENN-GBM, UCSF-PDGM (Baid et al. 2021, arXiv:2107.02314)",
        ),
        LabelScheme(
            "brats2023",
            {0: BACKGROUND, 1: NECROSIS, 2: OEDEMA, 3: ENHANCING},
            "BraTS 2023 adult glioma and sub-Saharan Africa",
        ),
        LabelScheme(
            "brats2024",
            {0: BACKGROUND, 1: NECROSIS, 2: OEDEMA, 3: ENHANCING, 4: CAVITY},
            "BraTS 2024 post-treatment glioma (de Verdier et al. 2024, arXiv:2405.18368)",
        ),
        LabelScheme(
            "msd",
            {0: BACKGROUND, 1: OEDEMA, 2: NECROSIS, 3: ENHANCING},
            "Medical Segmentation Decathlon Task01 (Antonelli et al. 2022, "
            "doi:10.1038/s41467-022-30695-9)",
        ),
    )
}
"""The known schemes by name."""

SAME_AS = {f"brats{year}": "brats2017" for year in (2018, 2019, 2020, 2021)}
"""Other names of schemes: the numbers did not change before 2023."""


def get_scheme(scheme: str | LabelScheme, case: object = "labels") -> LabelScheme:
    """Return a scheme given by name or as it is.

    Raises
    ------
    LabelError
        If no scheme has that name.
    """
    if isinstance(scheme, LabelScheme):
        return scheme
    scheme = SAME_AS.get(scheme, scheme)
    if scheme not in SCHEMES:
        raise LabelError(
            case, f"there is no label scheme {scheme!r}", f"Choose one of {', '.join(SCHEMES)}"
        )
    return SCHEMES[scheme]


def decode_labels(
    raw: ArrayLike, scheme: str | LabelScheme, case: object = "labels"
) -> NDArray[np.uint8]:
    """Turn a file's label values into the canonical ones.

    Parameters
    ----------
    raw
        Values as stored, any real dtype, any shape. Floats within 0.05 of an integer are rounded.
    scheme
        What the values mean.
    case
        Whose labels they are, for the error message.

    Returns
    -------
    Canonical labels, uint8, same shape.

    Raises
    ------
    LabelError
        If a value is not near an integer, or the scheme does not know it.
    """
    scheme = get_scheme(scheme, case)
    values = _to_integers(np.asarray(raw), case)
    if values.size and (values.min() < 0 or values.max() >= _UNKNOWN):
        outside = values.min() if values.min() < 0 else values.max()
        raise _unknown_value(int(outside), values, scheme, case)
    labels = _look_up(values, scheme.values)
    if labels.size and labels.max() == _UNKNOWN:
        raise _unknown_value(int(values[labels == _UNKNOWN][0]), values, scheme, case)
    return labels


def encode_labels(labels: ArrayLike, scheme: str | LabelScheme) -> NDArray[np.uint8]:
    """Turn canonical labels into a data set's own values: the inverse of :func:`decode_labels`.

    Raises
    ------
    LabelError
        If the scheme has no value for a label, as BraTS 2021 has none for a resection cavity.
    """
    scheme = get_scheme(scheme)
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= _UNKNOWN):
        outside = labels.min() if labels.min() < 0 else labels.max()
        raise LabelError("labels", f"{outside} is no canonical label", "Use 0 to 4")
    values = _look_up(labels, {label: value for value, label in scheme.values.items()})
    if values.size and values.max() == _UNKNOWN:
        label = int(labels[values == _UNKNOWN][0])
        raise LabelError(
            "labels",
            f"scheme {scheme.name!r} has no value for label {label} "
            f"({LABEL_NAMES.get(label, 'not a canonical label')})",
            "Choose a scheme that has one, or replace that label first",
        )
    return values


def _look_up(values: NDArray, table: Mapping[int, int]) -> NDArray[np.uint8]:
    """Replace values below 255 through a table; 255 where it has none. Keeps the memory order."""
    flat = bytes(table.get(value, _UNKNOWN) for value in range(256))
    values = values.astype(np.uint8, order="K", copy=False)
    order = "F" if values.flags.f_contiguous else "C"
    # a quarter of the time and an eighth of the memory of numpy's indexing
    replaced = bytearray(values.tobytes(order).translate(flat))
    return np.frombuffer(replaced, np.uint8).reshape(values.shape, order=order)


def _to_integers(raw: NDArray, case: object) -> NDArray:
    """Round float labels that lie near integers, refuse those that do not."""
    if raw.dtype == bool:
        return raw.view(np.uint8)
    if np.issubdtype(raw.dtype, np.integer):
        return raw
    if not np.issubdtype(raw.dtype, np.floating):
        raise LabelError(
            case, f"labels are of type {raw.dtype}", "Save them as uint8, one number per tissue"
        )
    rounded = np.rint(raw)
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(raw - rounded) <= ROUNDING_TOLERANCE)  # NaN and infinity count as far
    if far.any():
        raise LabelError(
            case,
            f"{int(far.sum())} voxels hold no whole number, the first {raw[far][0]:.4f}",
            "Take the original segmentation, or resample it with nearest neighbour",
        )
    return rounded


def _unknown_value(value: int, values: NDArray, scheme: LabelScheme, case: object) -> LabelError:
    seen = {int(v) for v in np.unique(values)}
    others = [repr(name) for name, other in SCHEMES.items() if seen <= set(other.values)]
    remedy = f"Scheme {scheme.name!r} means {scheme.meaning}"
    if others:
        remedy += (
            f"; if the data set's description says so, pass scheme={' or '.join(others)} instead"
        )
    else:
        remedy += "; no known scheme has all these values, so take the original segmentation"
    shown = ", ".join(map(_brief, sorted(seen)[:8])) + (", ..." if len(seen) > 8 else "")
    return LabelError(
        case,
        f"value {_brief(value)} is unknown to scheme {scheme.name!r} (the file holds {shown})",
        remedy,
    )


def _brief(value: int) -> str:
    return str(value) if abs(value) < 10**9 else f"{value:.3g}"
