"""Which data set a folder is, and which of its files belong to which case.

Everything here goes by names: no image is opened. A file under another than the published name
is foreign and does no harm.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedlab_utils.data.decathlon import check_index
from fedlab_utils.data.folders import Listing, open_root, walk
from fedlab_utils.data.labels import SCHEMES, LabelScheme, get_scheme
from fedlab_utils.data.naming import LABEL, LAYOUTS, SAME_PATIENT, VOLUMES, Layout, NamedFile
from fedlab_utils.errors import (
    DataError,
    DuplicateCaseError,
    LabelError,
    LayoutError,
    MissingFileError,
    UnreadableFileError,
)


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


@dataclass(frozen=True)
class Found:
    """What a folder turned out to be.

    Parameters
    ----------
    layout
        Key in :data:`fedlab_utils.data.naming.LAYOUTS`.
    description
        One sentence that says so.
    cases
        Complete cases, sorted by id.
    problems
        One error per case that cannot be used, and per folder that cannot be opened.
    """

    layout: str
    description: str
    cases: tuple[CaseFiles, ...]
    problems: tuple[DataError, ...]


def find_cases(
    root: str | os.PathLike[str],
    layout: str | None = None,
    scheme: str | LabelScheme | None = None,
) -> Found:
    """Find the cases of a data set, unpacked as it is published.

    Parameters
    ----------
    root
        The data set's folder, one above it, or one case.
    layout
        Only where the folder does not tell: several data sets in it, or ids of your own
        (``patient1/patient1_t1.nii.gz``).
    scheme
        Only where the layout does not tell what the labels mean.

    Raises
    ------
    LayoutError
        If the folder is no known data set, or a mixture of several, or if its own description
        says that volumes lie in another order.
    MissingFileError
        If there is no such folder.
    LabelError
        If there is no such scheme, or the data set's own description gives labels other meanings.
    """
    scheme = None if scheme is None else get_scheme(scheme, root).name
    if layout is not None and layout not in LAYOUTS:
        raise LayoutError(
            root, f"there is no layout {layout!r}", f"Choose one of {', '.join(LAYOUTS)}"
        )
    root = open_root(root)
    listing = walk(root)
    named = _name_files(listing, [LAYOUTS[layout]] if layout else LAYOUTS.values(), bool(layout))
    if not named:
        raise _nothing_found(root, listing)
    if len(named) > 1:
        counts = ", ".join(
            f"{LAYOUTS[name].title} ({len(files)} files)" for name, files in named.items()
        )
        raise LayoutError(
            root,
            f"the folder mixes several data sets: {counts}",
            f"Name the folder of one of them, or pass layout={' or '.join(map(repr, named))}",
        )
    [(name, files)] = named.items()
    return _assemble(root, LAYOUTS[name], files, listing, scheme)


Named = list[tuple[Path, NamedFile]]


def _name_files(listing: Listing, layouts: Iterable[Layout], any_id: bool) -> dict[str, Named]:
    """Return, per layout that has any, its files; a case folder without files counts as one."""
    named: dict[str, Named] = {}
    for layout in layouts:
        files = [(path, found) for path in listing.files if (found := layout.match(path, any_id))]
        with_files = {found.case_id.casefold() for _, found in files}
        for folder in listing.folders:
            case_id = folder.name.removesuffix("_nifti")
            if layout.label_apart or case_id.casefold() in with_files:
                continue
            if layout.identify(case_id):
                files.append((folder, NamedFile(case_id, "", 0)))
        if files:
            named[layout.name] = files
    return named


def _assemble(
    root: Path, layout: Layout, files: Named, listing: Listing, scheme: str | None
) -> Found:
    """Sort files into cases; what does not make a whole case becomes a problem."""
    by_case: defaultdict[str, Named] = defaultdict(list)
    for path, found in files:
        by_case[found.case_id.casefold()].append((path, found))
    _refuse_mixed_releases(root, layout, by_case)
    cases, problems = [], list(listing.problems)
    for _, group in sorted(by_case.items()):
        if layout.label_apart and all(found.role == LABEL for _, found in group):
            continue
        try:
            cases.append(_make_case(root, layout, group, scheme))
        except DataError as error:
            problems.append(error)
    if layout.name == "msd":
        problems += _check_indices(cases, scheme)
    return Found(layout.name, _describe(layout, cases, problems), tuple(cases), tuple(problems))


def _make_case(root: Path, layout: Layout, group: Named, scheme: str | None) -> CaseFiles:
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
        there = ", ".join(path.name for path in paths.values() if path.suffix) or "no NIfTI file"
        raise MissingFileError(
            case_id, f"{', '.join(missing)} missing, there is {there}", "Copy the case again"
        )
    groups = layout.identify(case_id) or {"patient": case_id}
    own_scheme = scheme or layout.scheme_of(groups)
    if own_scheme is None and LABEL in paths:
        raise LabelError(
            case_id,
            f"labels of BraTS-{groups.get('group')} do not mean what those of adult glioma mean",
            f"Pass scheme= one of {', '.join(SCHEMES)} if its description agrees with one of them",
        )
    return CaseFiles(
        case_id=case_id,
        patient_id=SAME_PATIENT.get(groups["patient"], groups["patient"]),
        visit=groups.get("visit", ""),
        layout=layout.name,
        scheme=own_scheme or "brats2023",
        images=paths.get(VOLUMES) or {role: paths[role] for role in layout.image_roles},
        label=paths.get(LABEL),
        site=groups.get("site"),
        grade=layout.grade or _grade_of(root, group[0][0]),
    )


def _check_indices(cases: list[CaseFiles], scheme: str | None) -> list[DataError]:
    """Raise where a ``dataset.json`` contradicts the layout; return those that are unreadable."""
    problems = []
    for folder in sorted({case.paths[0].parent.parent for case in cases}):
        try:
            check_index(folder, labels=scheme is None)
        except UnreadableFileError as error:
            problems.append(error)
    return problems


def _refuse_mixed_releases(root: Path, layout: Layout, by_case: Mapping[str, Named]) -> None:
    releases = Counter(
        groups["release"].casefold()
        for group in by_case.values()
        if "release" in (groups := layout.identify(group[0][1].case_id) or {})
    )
    if len(releases) > 1:
        counts = ", ".join(f"{count} cases of {name}" for name, count in sorted(releases.items()))
        raise LayoutError(
            root,
            f"the folder mixes releases: {counts}; the same patients are in both under other ids",
            "Name the folder of one release",
        )


def _describe(layout: Layout, cases: list[CaseFiles], problems: list[DataError]) -> str:
    patients = len({case.patient_id for case in cases})
    labelled = [case for case in cases if case.label]
    schemes = sorted({case.scheme for case in labelled})
    meaning = "; or ".join(SCHEMES[name].meaning for name in schemes)
    sentence = (
        f"Found {len(cases)} cases of {patients} patients in the layout of {layout.title}, "
        f"{len(labelled)} with a segmentation"
    )
    if automated := sum("automated" in case.label.name for case in labelled):
        sentence += f" ({automated} of them automated, not checked by an expert)"
    if meaning:
        sentence += f" (labels: {meaning})"
    return sentence + (f"; {len(problems)} cannot be used." if problems else ".")


def _nothing_found(root: Path, listing: Listing) -> LayoutError:
    niftis = [path for path in listing.files if path.name.lower().endswith((".nii", ".nii.gz"))]
    if listing.archives and not niftis:
        cause = f"there is nothing but archives, such as {listing.archives[0].name}"
        remedy = "Unpack them first"
    elif niftis:
        cause = f"none of its {len(niftis)} NIfTI files has a known name, such as {niftis[0].name}"
        own = [name for name in LAYOUTS if any(LAYOUTS[name].match(p, any_id=True) for p in niftis)]
        remedy = (
            f"If these are your own ids, pass layout={' or '.join(map(repr, own))}"
            if own
            else f"Name a folder in the layout of {', '.join(o.title for o in LAYOUTS.values())}"
        )
    elif listing.files:
        example = listing.files[0].name
        cause = f"there is no NIfTI file among its {len(listing.files)} files, such as {example}"
        remedy = "Name the folder of the NIfTI version of the data set"
    elif listing.problems:
        cause, remedy = listing.problems[0].cause, listing.problems[0].remedy
    else:
        cause, remedy = "the folder is empty", "Name the folder that holds the data set"
    return LayoutError(root, cause, remedy)


def _grade_of(root: Path, path: Path) -> str | None:
    folders = [root.resolve().name, *path.relative_to(root).parts[:-1]]
    grades = [name.upper() for name in folders if re.fullmatch("[HL]GG", name, re.I)]
    return grades[-1] if grades else None


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
