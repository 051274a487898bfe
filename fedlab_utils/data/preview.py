"""One patient on many scanners, a few slices of it: fast enough to follow a slider."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.brain import bounding_box
from fedlab_utils.data.case import load_case
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.equipment import phantom_of, transformed

if TYPE_CHECKING:
    from fedlab_utils.data.phantom.anatomy import Anatomy
    from fedlab_utils.data.phantom.scanner import Scanner

REACH_MM = 6.0
"""How far the preview reaches above and below its slice: as much as the thickest slices see."""


class Preview:
    """The axial slice with the most tumour, as any scanner shows it.

    A phantom is rendered again, a real scan transformed, as in a partition by scanner; but only a
    slab of :data:`REACH_MM` up and down is, so that its noise and shading are other draws.

    Parameters
    ----------
    files
        The patient, with a segmentation.
    seed
        The cohort's, from :func:`fedlab_utils.data.equipment.phantom_seed`; None for real scans.

    Attributes
    ----------
    labels : numpy.ndarray
        ``(X, Y)`` canonical, of the slice, cropped to the brain.
    """

    def __init__(self, files: CaseFiles, seed: int | None) -> None:
        case = load_case(files)
        middle = int((case.labels > 0).sum((0, 1)).argmax())
        reach = max(1, round(REACH_MM / case.spacing[2]))
        slab = slice(max(middle - reach, 0), middle + reach + 1)
        self._at = middle - slab.start
        seen = (case.image[..., middle] != 0).any(0) | (case.labels[..., middle] > 0)
        self._box = bounding_box(seen)
        self.labels = np.array(case.labels[..., middle][self._box])
        self._known: dict[Scanner, np.ndarray] = {}
        self._case, self._anatomy = case, None
        if seed is None:
            image, labels = case.image[..., slab].copy(), case.labels[..., slab].copy()
            self._case = replace(case, image=image, labels=labels)
        else:
            self._anatomy = _slab(phantom_of(case, seed)[0], slab)

    def slice(self, scanner: Scanner) -> np.ndarray:
        """Return the slice on a scanner: ``(4, X, Y)``, its unit, 0 outside the brain."""
        if scanner not in self._known:
            self._known[scanner] = self._scan(scanner)[..., self._at][:, *self._box].copy()
        return self._known[scanner]

    def _scan(self, scanner: Scanner) -> np.ndarray:
        if self._anatomy is None:
            return transformed(self._case, scanner).image
        from fedlab_utils.data.phantom import render

        return render(self._anatomy, scanner)


def _slab(anatomy: Anatomy, kept: slice) -> Anatomy:
    """Return the anatomy between two axial slices of the whole volume, in a volume as thin."""
    first, last = anatomy.box[2].start, anatomy.box[2].stop
    start, stop = max(kept.start, first), min(kept.stop, last)
    part = slice(start - first, stop - first)
    lesion = anatomy.lesion_box[2]
    low, high = (min(max(edge, part.start), part.stop) for edge in (lesion.start, lesion.stop))
    return replace(
        anatomy,
        fractions=anatomy.fractions[..., part],
        labels=anatomy.labels[..., part],
        mask=anatomy.mask[..., part],
        axes=(*anatomy.axes[:2], anatomy.axes[2][part]),
        box=(*anatomy.box[:2], slice(start - kept.start, stop - kept.start)),
        lesion_box=(*anatomy.lesion_box[:2], slice(low - part.start, high - part.start)),
        shape=(*anatomy.shape[:2], kept.stop - kept.start),
    )
