"""The names under which the public data sets are published: case ids and file suffixes.

One :class:`Layout` per way of naming files. To read another data set, add a row to
:data:`LAYOUTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fedlab_utils.data.conventions import SEQUENCES

LABEL, VOLUMES = "label", "volumes"
"""Roles of a file beside the sequences: the segmentation, and a 4-D file with all sequences."""

_NIFTI = r"\.nii(?:\.gz)?"

SAME_PATIENT = {
    # Follow-up scans that got a patient number of their own; UCSF-PDGM's version 3 renamed them.
    "UCSF-PDGM-0138": "UCSF-PDGM-0429",
    "UCSF-PDGM-0175": "UCSF-PDGM-0396",
    "UCSF-PDGM-0181": "UCSF-PDGM-0409",
    "UCSF-PDGM-0278": "UCSF-PDGM-0431",
    "UCSF-PDGM-0289": "UCSF-PDGM-0391",
    "UCSF-PDGM-0315": "UCSF-PDGM-0433",
    "BraTS2021_00557": "BraTS2021_00639",
    "BraTS2021_00758": "BraTS2021_00626",
    "FeTS2022_00557": "FeTS2022_00639",
    "FeTS2022_00758": "FeTS2022_00626",
}
"""Patient ids that are another patient's."""

MISNAMED = {
    # BraTS 2020 ships one segmentation under the hospital's own name.
    "W39_1998.09.19_Segm": "BraTS20_Training_355_seg",
}
"""File names, without ``.nii``, that the publishers got wrong -> what they should be."""


@dataclass(frozen=True)
class NamedFile:
    """What a file's name says: whose it is, what it is, how much it is preferred (0 is most)."""

    case_id: str
    role: str
    preference: int


@dataclass(frozen=True)
class Layout:
    """How a data set names its cases and files.

    Parameters
    ----------
    name, title
        Key in :data:`LAYOUTS`, and the name for people.
    identities
        Patterns of a case id, with the groups ``patient`` and, where there are such things,
        ``visit``, ``site`` (contributing institution), ``release`` (only one may be in a folder,
        since the same patients come back under other ids) and ``group`` (sub-challenge).
    files
        ``(role, suffix, folders)``: what follows the id in a file's name, before ``.nii``, and in
        which folders it must lie (empty: any). Of several for one role the first is preferred.
    scheme
        Label scheme of all its cases, or a function that reads it off an id's groups.
    grade
        Grade of all its patients, where there is only one.
    label_apart
        Whether segmentations lie apart from the images, in folders that are no case.
    more_labels
        Whether segmentations of other cases than those with images are published, so that one
        without images is no fault.
    """

    name: str
    title: str
    identities: tuple[str, ...]
    files: tuple[tuple[str, str, tuple[str, ...]], ...]
    scheme: str | Callable[[dict[str, str]], str | None]
    grade: str | None = None
    label_apart: bool = False
    more_labels: bool = False

    def scheme_of(self, groups: dict[str, str]) -> str | None:
        """Return the label scheme of a case, or None where it has to be asked for."""
        return self.scheme if isinstance(self.scheme, str) else self.scheme(groups)

    @property
    def image_roles(self) -> tuple[str, ...]:
        """The files that a case needs."""
        return tuple(dict.fromkeys(role for role, _, _ in self.files if role != LABEL))

    def identify(self, case_id: str) -> dict[str, str] | None:
        """Return the groups of a case id, or None for a foreign one."""
        for pattern in self.identities:
            if found := re.fullmatch(pattern, case_id, re.I):
                return {key: value for key, value in found.groupdict().items() if value}
        return None

    def match(self, path: Path, any_id: bool = False) -> NamedFile | None:
        """Return what a file's name says, or None for a foreign file.

        With ``any_id`` a foreign id counts as well, if a folder around the file has it as name.
        """
        stem = re.sub(_NIFTI + "$", "", path.name, flags=re.I)
        if stem == path.name:
            return None
        stem = MISNAMED.get(stem, stem)
        if (found := self._known.fullmatch(stem)) and (named := self._named(path, *found.groups())):
            return named
        if any_id:
            for folder in (path.parent.name, path.parent.parent.name):
                if folder and stem.startswith(folder):
                    return self._named(path, folder, stem.removeprefix(folder))
        return None

    @cached_property
    def _known(self) -> re.Pattern[str]:
        ids = "|".join(re.sub(r"\?P<\w+>", "?:", pattern) for pattern in self.identities)
        suffixes = "|".join(re.escape(suffix) for _, suffix, _ in self.files)
        return re.compile(f"({ids})({suffixes})", re.I)

    def _named(self, path: Path, case_id: str, suffix: str) -> NamedFile | None:
        for preference, (role, known, folders) in enumerate(self.files):
            if suffix.lower() == known.lower() and (not folders or path.parent.name in folders):
                return NamedFile(case_id, role, preference)
        return None


def _beside(joint: str, names: str, *labels: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """One file per sequence, named in the order T1, T1ce, T2, FLAIR, and the segmentations."""
    sequences = zip(SEQUENCES, names.split(), strict=True)
    images = tuple((sequence, joint + name, ()) for sequence, name in sequences)
    return images + tuple((LABEL, joint + label, ()) for label in labels)


def _scheme_since_2023(groups: dict[str, str]) -> str | None:
    """Post-treatment visits (2024) are numbered from 100; other tumours have other labels."""
    if groups.get("group", "").upper() not in ("GLI", "SSA", "PHANTOM"):
        return None
    return "brats2024" if int(groups.get("visit", 0)) >= 100 else "brats2023"


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "brats2018",
            "BraTS 2017-2020",
            (
                r"(?P<patient>(?P<release>BraTS1[789])_(?P<site>[A-Z0-9]+)_[A-Z0-9]+)_(?P<visit>\d+)",
                r"(?P<patient>(?P<release>BraTS20)_(?:Training|Validation|Testing)_\d{3})",
            ),
            _beside("_", "t1 t1ce t2 flair", "seg"),
            "brats2017",
        ),
        Layout(
            "brats2021",
            "BraTS 2021 and FeTS",
            (
                r"(?P<patient>(?P<release>BraTS2021|FeTS2022)_\d{5})",
                r"(?P<patient>(?P<release>BraTS2021)_(?P<site>Phantom\d*)_\d+)",
                r"(?P<patient>(?P<release>FeTS21)_(?:Training|Validation)_\d{3})",
            ),
            _beside("_", "t1 t1ce t2 flair", "seg"),
            "brats2017",
        ),
        Layout(
            "brats2023",
            "BraTS 2023 and later",
            (
                r"(?P<patient>BraTS-(?P<group>Phantom)(?P<site>\d*)-\d{5})-(?P<visit>\d{3})",
                r"(?P<patient>BraTS-(?P<group>[A-Z]+)-\d{5})(?:-(?P<visit>\d{3}))?",
            ),
            _beside("-", "t1n t1c t2w t2f", "seg"),
            _scheme_since_2023,
        ),
        Layout(
            "msd",
            "Medical Segmentation Decathlon Task01",
            (r"(?P<patient>BRATS_\d{3,5})",),
            (
                (VOLUMES, "", ("imagesTr", "imagesTs")),
                (LABEL, "", ("labelsTr",)),
            ),
            "msd",
            label_apart=True,
        ),
        Layout(
            "upenn-gbm",
            "UPENN-GBM",
            (r"(?P<patient>UPENN-GBM-\d{5})_(?P<visit>\d{2})",),
            _beside("_", "T1 T1GD T2 FLAIR", "segm", "automated_approx_segm"),
            "brats2017",
            grade="HGG",
            label_apart=True,
            more_labels=True,
        ),
        Layout(
            "ucsf-pdgm",
            "UCSF-PDGM",
            (r"(?P<patient>UCSF-PDGM-\d{4})(?:_(?P<visit>FU\d+d))?",),
            _beside("_", "T1 T1c T2 FLAIR", "tumor_segmentation"),
            "brats2017",
        ),
    )
}
"""The known layouts by name."""

MSD_ORDER = ("FLAIR", "T1", "T1ce", "T2")
"""Order of the four volumes in a Decathlon file (FLAIR, T1w, t1gd, T2w in its dataset.json)."""


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``site 2`` before ``site 10``."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]
