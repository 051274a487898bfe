"""Which of a case's files is what: one for each sequence, and at most one segmentation."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedlab_utils.data.labels import SCHEMES
from fedlab_utils.data.naming import LABEL, SAME_PATIENT, VOLUMES, Layout, NamedFile
from fedlab_utils.errors import DuplicateCaseError, LabelError, MissingFileError, how_many

Named = list[tuple[Path, NamedFile]]
"""Files, and what their names say."""


@dataclass(frozen=True)
class CaseFiles:
    """One visit of one patient: its files and what their names say.

    Parameters
    ----------
    case_id
        The visit's name in the data set, unique in a folder.
    patient_id
        Shared by all visits of one patient.
    visit
        The visit as the data set writes it (``"000"``, ``"11"``, ``"FU003d"``), or empty.
    layout
        Key in :data:`fedlab_utils.data.naming.LAYOUTS`.
    scheme
        Key in :data:`fedlab_utils.data.labels.SCHEMES`.
    images
        One file per sequence, or one 4-D file with all of them.
    label
        The segmentation, or None where there is none, as in validation sets.
    site
        Code of the contributing institution, where the id holds one (``"TCIA05"``).
    grade
        ``"HGG"`` or ``"LGG"``, where a folder or the data set says so.
    """

    case_id: str
    patient_id: str
    visit: str
    layout: str
    scheme: str
    images: Mapping[str, Path] | Path = field(hash=False)
    label: Path | None = None
    site: str | None = None
    grade: str | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of the case: images first, then the segmentation."""
        images = (self.images,) if isinstance(self.images, Path) else tuple(self.images.values())
        return images if self.label is None else (*images, self.label)


def sort_case(root: Path, layout: Layout, group: Named, scheme: str | None = None) -> CaseFiles:
    """Make a case of the files that bear its id.

    Parameters
    ----------
    root
        Folder of the data set; a folder ``HGG`` or ``LGG`` from there on tells the grade.
    layout
        How the data set names its files.
    group
        The files, all of one case id, and what their names say.
    scheme
        What the labels mean, where the layout does not tell or tells wrongly.

    Raises
    ------
    DuplicateCaseError
        If two different files claim one role.
    MissingFileError
        If a sequence is missing.
    LabelError
        If the meaning of the labels has to be asked for.
    """
    case_id = group[0][1].case_id
    chosen: dict[str, tuple[int, Path]] = {}
    for path, found in group:
        before = chosen.get(found.role)
        if before and before[0] == found.preference and not _same_file(before[1], path):
            raise DuplicateCaseError(
                case_id,
                f"its {found.role} is there twice: {before[1]} and {path}",
                "Keep one of the two",
            )
        if not before or found.preference < before[0]:
            chosen[found.role] = (found.preference, path)
    paths = {role: path for role, (_, path) in chosen.items()}
    missing = [role for role in layout.image_roles if role not in paths]
    if missing:
        raise _missing(case_id, layout, missing, paths.values())
    groups = layout.identify(case_id) or {"patient": case_id}
    own_scheme = scheme or layout.scheme_of(groups)
    if own_scheme is None and LABEL in paths:
        raise LabelError(
            case_id,
            f"labels of BraTS-{groups.get('group')} do not mean what those of adult glioma mean",
            f"If its description agrees with one of {', '.join(SCHEMES)}, say so: "
            "scheme= in Python, --scheme in a terminal, FEDLAB_SCHEME for the notebooks",
        )
    return CaseFiles(
        case_id=case_id,
        patient_id=_SAME_FOLDED.get(groups["patient"].casefold(), groups["patient"]),
        visit=groups.get("visit", ""),
        layout=layout.name,
        scheme=own_scheme or "brats2023",
        images=paths.get(VOLUMES) or {role: paths[role] for role in layout.image_roles},
        label=paths.get(LABEL),
        site=groups.get("site"),
        grade=layout.grade or _grade_of(root, group[0][0]),
    )


_SAME_FOLDED = {one.casefold(): other for one, other in SAME_PATIENT.items()}


def one_spelling(cases: list[CaseFiles]) -> list[CaseFiles]:
    """Give all visits of a patient one id, where their ids differ in capitals alone."""
    spelling = {case.patient_id.casefold(): case.patient_id for case in reversed(cases)}
    return [replace(case, patient_id=spelling[case.patient_id.casefold()]) for case in cases]


def _missing(
    case_id: str, layout: Layout, roles: list[str], paths: Collection[Path]
) -> MissingFileError:
    """Say what there is instead: files of the case, or files under names that are not read."""
    there, remedy = ", ".join(path.name for path in paths if path.suffix), "Copy the case again"
    folders = [path for path in paths if path.is_dir()]
    unread = [path.name for folder in folders for path in sorted(folder.glob("*.nii*"))]
    if not there and unread:
        there = f"{how_many(len(unread), 'NIfTI file')} under other names, such as {unread[0]}"
        suffix = next(suffix for role, suffix, _ in layout.files if role == roles[0])
        remedy = f"Name them as published: {case_id}{suffix}.nii.gz is the {roles[0]}"
    return MissingFileError(
        case_id, f"{', '.join(roles)} missing, there is {there or 'no NIfTI file'}", remedy
    )


def _grade_of(root: Path, path: Path) -> str | None:
    folders = [root.resolve().name, *path.relative_to(root).parts[:-1]]
    grades = [name.upper() for name in folders if re.fullmatch("[HL]GG", name, re.I)]
    return grades[-1] if grades else None


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
