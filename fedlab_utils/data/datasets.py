"""Slices and patches of preprocessed patients, as torch datasets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np
import torch
from torch.utils.data import Dataset

from fedlab_utils.data.preprocessing import Preprocessed
from fedlab_utils.data.regions import to_regions
from fedlab_utils.data.windows import centred, window
from fedlab_utils.errors import DataError

Transform = Callable[
    [torch.Tensor, torch.Tensor, tuple[int, ...]], tuple[torch.Tensor, torch.Tensor]
]
"""``transform(image, target, (epoch, index)) -> (image, target)``, such as an augmentation."""


class _PatientPieces(Dataset):
    """What slices and patches share: patients, an epoch, and one generator per drawn piece."""

    def __init__(
        self,
        patients: Sequence[Preprocessed],
        size: Sequence[int],
        axes: int,
        per_patient: int | None,
        foreground: float,
        seed: int,
        transform: Transform | None,
    ) -> None:
        _check_pieces(type(self).__name__, size, axes, per_patient, foreground)
        for patient in patients:
            if patient.labels is None:
                raise DataError(
                    case=patient.case_id,
                    cause="it has no segmentation to learn from or to compare with",
                    remedy="Leave it out of training; prediction needs no dataset",
                )
        self.patients = tuple(patients)
        self.size, self.per_patient, self.foreground = tuple(size), per_patient, foreground
        self.seed, self.transform, self.epoch = seed, transform, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next items belong to: another one draws other pieces.

        A DataLoader with persistent workers keeps copies of the dataset that do not notice.
        """
        self.epoch = epoch

    def _item(
        self, patient: Preprocessed, image: np.ndarray, labels: np.ndarray, index: int
    ) -> dict[str, object]:
        image = torch.from_numpy(np.ascontiguousarray(image, np.float32))
        target = torch.from_numpy(np.ascontiguousarray(to_regions(labels), np.float32))
        if self.transform is not None:
            image, target = self.transform(image, target, (self.epoch, index))
        return {
            "image": image,
            "target": target,
            "patient": patient.patient_id,
            "case": patient.case_id,
        }


AXIAL = 2
"""The axis that axial slices are perpendicular to; that of coronal ones is 1."""


class SliceDataset(_PatientPieces):
    """Slices, cropped or padded to one size around the brain's centre.

    Parameters
    ----------
    patients
        From :func:`fedlab_utils.data.load_preprocessed`, each with labels.
    size
        ``(X, Y)`` voxels of a slice, such as a tier's. A coronal slice ``(X, Z)`` gets it too.
    per_patient
        Slices that an epoch draws from each patient, so that a tall brain counts no more than a
        short one. None gives every slice with brain once, in order, as evaluation needs it.
    foreground
        Share of drawn slices that are chosen among those with tumour, where the patient has any.
    seed
        Together with the epoch and the index it decides what is drawn.
    transform
        Called as ``transform(image, target, (epoch, index))``.
    views
        Axes that slices are perpendicular to: 2 axial, 1 coronal. Each drawn slice has one of them
        at random.

    Raises
    ------
    DataError
        If a patient has no segmentation, or a number makes no sense.

    Notes
    -----
    An item holds ``image`` float32 ``(4, X, Y)``, ``target`` float32 ``(3, X, Y)`` of 0 and 1,
    ``patient`` and ``case`` (ids), ``view`` and ``slice`` (index along that axis in the
    preprocessed patient).
    """

    def __init__(
        self,
        patients: Sequence[Preprocessed],
        size: tuple[int, int],
        per_patient: int | None = None,
        foreground: float = 0.5,
        seed: int = 0,
        transform: Transform | None = None,
        views: tuple[int, ...] = (AXIAL,),
    ) -> None:
        super().__init__(patients, size, 2, per_patient, foreground, seed, transform)
        if not views or not set(views) <= {1, AXIAL}:
            raise DataError("SliceDataset", f"views are {views}", "Pass 2 (axial), 1 (coronal)")
        self.views = tuple(views)
        self._brain = [_filled(p.brain, self.views) for p in self.patients]
        self._tumour = [_filled(p.labels, self.views) for p in self.patients]
        self._all = [
            (n, view, int(at))
            for n, slices in enumerate(self._brain)
            for view in self.views
            for at in slices[view]
        ]

    def __len__(self) -> int:
        """Slices in an epoch."""
        return len(self._all) if self.per_patient is None else self._drawn_length()

    def __getitem__(self, index: int) -> dict[str, object]:
        """Return one slice."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, view, at = self._all[index] if self.per_patient is None else self._draw(index)
        patient = self.patients[number]
        # A view: the cache keeps x fastest, and ``take`` would copy against that order.
        plane = (*(slice(None),) * view, at)
        image = centred(np.asarray(patient.image)[(slice(None), *plane)], self.size)
        labels = centred(np.asarray(patient.labels)[plane], self.size)
        return {**self._item(patient, image, labels, index), "view": view, "slice": at}

    def _drawn_length(self) -> int:
        return len(self.patients) * self.per_patient

    def _draw(self, index: int) -> tuple[int, int, int]:
        """Patient, view and slice of a drawn item: patients take turns, the rest is drawn."""
        number, turn = index % len(self.patients), index // len(self.patients)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        several = len(self.views) > 1
        view = self.views[rng.integers(len(self.views)) if several else 0]
        brain, tumour = self._brain[number][view], self._tumour[number][view]
        wants_tumour = turn < round(self.foreground * self.per_patient)
        choice = tumour if wants_tumour and tumour.size else brain
        return number, view, int(choice[rng.integers(len(choice))])


def _filled(mask: np.ndarray, views: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Slices of each view that hold anything."""
    return {
        view: np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != view)))
        for view in views
    }


class PatchDataset(_PatientPieces):
    """Random 3-D patches; patients smaller than a patch are padded with background.

    Parameters
    ----------
    patients
        From :func:`fedlab_utils.data.load_preprocessed`, each with labels.
    size
        ``(X, Y, Z)`` voxels of a patch, such as a tier's.
    per_patient
        Patches that an epoch draws from each patient.
    foreground
        Share of patches centred on a tumour voxel; the others are centred on a brain voxel.
    seed, transform
        As for :class:`SliceDataset`.

    Raises
    ------
    DataError
        As :class:`SliceDataset`.

    Notes
    -----
    An item holds ``image`` float32 ``(4, X, Y, Z)``, ``target`` float32 ``(3, X, Y, Z)``,
    ``patient`` and ``case`` (ids).
    """

    def __init__(
        self,
        patients: Sequence[Preprocessed],
        size: tuple[int, int, int],
        per_patient: int = 1,
        foreground: float = 0.5,
        seed: int = 0,
        transform: Transform | None = None,
    ) -> None:
        if per_patient is None:
            raise DataError("PatchDataset", "per_patient is None", "Pass how many patches to draw")
        super().__init__(patients, size, 3, per_patient, foreground, seed, transform)

    def __len__(self) -> int:
        """Patches in an epoch."""
        return len(self.patients) * self.per_patient

    def __getitem__(self, index: int) -> dict[str, object]:
        """Return one patch."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        patient = self.patients[index % len(self.patients)]
        rng = np.random.default_rng((self.seed, self.epoch, index))
        start = self._corner(patient, rng)
        image = window(np.asarray(patient.image), start, self.size)
        labels = window(np.asarray(patient.labels), start, self.size)
        return self._item(patient, image, labels, index)

    def _corner(self, patient: Preprocessed, rng: np.random.Generator) -> tuple[int, ...]:
        """First voxel of a patch around a drawn voxel, moved inside the patient where it fits."""
        wants_tumour = rng.random() < self.foreground and patient.labels.any()
        seeds = patient.labels if wants_tumour else patient.brain
        # The cache keeps x fastest, so that this order reads it without a copy.
        flat = np.flatnonzero(np.ravel(seeds, order="F"))
        drawn = int(flat[rng.integers(flat.size)])
        centre = np.unravel_index(drawn, seeds.shape, order="F")
        corner = []
        for middle, edge, length in zip(centre, self.size, seeds.shape, strict=True):
            slack = length - edge
            first = min(max(int(middle) - edge // 2, 0), slack) if slack > 0 else slack // 2
            corner.append(first)
        return tuple(corner)


def _check_pieces(
    what: str, size: Sequence[int], axes: int, per_patient: int | None, foreground: float
) -> None:
    if len(size) != axes or not all(isinstance(edge, Integral) and edge > 0 for edge in size):
        raise DataError(what, f"size is {size}", f"Pass {axes} whole numbers of voxels above 0")
    if per_patient is not None and not (isinstance(per_patient, Integral) and per_patient > 0):
        raise DataError(what, f"per_patient is {per_patient}", "Pass a whole number of 1 or more")
    if not 0 <= foreground <= 1:
        raise DataError(what, f"foreground is {foreground}", "Pass a share from 0 to 1")
