"""Which data set a folder is, and which cases are in it.

Everything here goes by names: no image is opened. A file under another than the published name
is foreign and does no harm.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedlab_utils.data.case_files import CaseFiles, Named, one_spelling, sort_case
from fedlab_utils.data.decathlon import check_index
from fedlab_utils.data.folders import MAX_DEPTH, Listing, open_root, walk
from fedlab_utils.data.labels import SCHEMES, LabelScheme, get_scheme
from fedlab_utils.data.naming import LABEL, LAYOUTS, Layout, NamedFile
from fedlab_utils.errors import DataError, LayoutError, UnreadableFileError, how_many


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
        One error per case that cannot be used, and per folder that cannot be opened: where there
        are no cases, there are problems.
    """

    layout: str
    description: str
    cases: tuple[CaseFiles, ...]
    problems: tuple[DataError, ...]


def none_usable(root: object, problems: Sequence[DataError]) -> DataError:
    """Return the error of a folder without one usable case: type and cause are the first one's."""
    first = problems[0]
    cause = f"none of {len(problems)} cases can be used; {first.case}: {first.cause}"
    return type(first)(root, cause, first.remedy)


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
            f"Name the folder of one of them, or {_say_layout(named)}",
        )
    [(name, files)] = named.items()
    return _assemble(root, LAYOUTS[name], files, listing, scheme)


def _name_files(listing: Listing, layouts: Iterable[Layout], any_id: bool) -> dict[str, Named]:
    """Return, per layout that has any, its files; a case folder without files counts as one.

    So does a folder that bears a file's name, unless that file is there, as it is inside where
    each file was unpacked into a folder of its own.
    """
    named: dict[str, Named] = {}
    for layout in layouts:
        files = _files_of(layout, listing.files, any_id)
        with_files = {found.case_id.casefold() for _, found in files}
        roles = {(found.case_id.casefold(), found.role) for _, found in files}
        for folder in listing.folders:
            found = layout.match(folder, any_id)
            if found and (found.case_id.casefold(), found.role) not in roles:
                files.append((folder, found))
        for folder in listing.folders:
            case_id = folder.name.removesuffix("_nifti")
            if layout.label_apart or case_id.casefold() in with_files:
                continue
            if layout.identify(case_id):
                files.append((folder, NamedFile(case_id, "", 0)))
        if files:
            named[layout.name] = files
    return named


def _files_of(layout: Layout, paths: Iterable[Path], any_id: bool) -> Named:
    """With ``any_id`` foreign ids count too; beside the layout's own not those of another set."""
    files = [(path, found) for path in paths if (found := layout.match(path, any_id))]
    if any_id and any(layout.match(path) for path, _ in files):
        others = [other for other in LAYOUTS.values() if other is not layout]
        files = [file for file in files if not any(other.match(file[0]) for other in others)]
    return files


def _assemble(
    root: Path, layout: Layout, files: Named, listing: Listing, scheme: str | None
) -> Found:
    """Sort files into cases; what does not make a whole case becomes a problem."""
    by_case: defaultdict[str, Named] = defaultdict(list)
    for path, found in files:
        by_case[found.case_id.casefold()].append((path, found))
    _refuse_mixed_releases(root, layout, by_case)
    labels_alone = {
        case_id
        for case_id, group in by_case.items()
        if all(found.role == LABEL for _, found in group)
    }
    if layout.more_labels and len(labels_alone) < len(by_case):
        by_case = {key: group for key, group in by_case.items() if key not in labels_alone}
    cases, problems = [], list(listing.problems)
    folders = set(listing.folders)
    for _, group in sorted(by_case.items()):
        if all(path in listing.closed for path, _ in group):
            continue  # among the problems already
        try:
            _refuse_folders(group, folders, listing.closed)
            cases.append(sort_case(root, layout, group, scheme))
        except DataError as error:
            problems.append(error)
    if layout.name == "msd":
        problems += _check_indices(cases, scheme)
    cases = one_spelling(cases)
    return Found(layout.name, _describe(layout, cases, problems), tuple(cases), tuple(problems))


def _refuse_folders(group: Named, folders: set[Path], closed: set[Path]) -> None:
    """Raise where a folder stands in place of one of a case's files."""
    for path, found in group:
        if found.role and path in closed:
            raise UnreadableFileError(
                found.case_id, f"the folder {path.name} cannot be opened", "Check its permissions"
            )
        if found.role and path in folders:
            raise UnreadableFileError(
                found.case_id,
                f"{path.name} is a folder, not a file",
                "Put the file in its place, which may lie inside, or copy the case again",
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
        f"Found {how_many(len(cases), 'case')} of {how_many(patients, 'patient')} in the layout of "
        f"{layout.title}, "
        f"{len(labelled)} with a segmentation"
    )
    if automated := sum("automated" in case.label.name for case in labelled):
        sentence += f" ({automated} of them automated, not checked by an expert)"
    if meaning:
        sentence += f" (labels: {meaning})"
    return sentence + (f"; {len(problems)} cannot be used." if problems else ".")


def _say_layout(names: Iterable[str]) -> str:
    known = " or ".join(map(repr, names))
    return f"pass layout={known} (--layout in a terminal, FEDLAB_LAYOUT for the notebooks)"


def _nothing_found(root: Path, listing: Listing) -> LayoutError:
    niftis = [path for path in listing.files if path.name.lower().endswith((".nii", ".nii.gz"))]
    if listing.archives and not niftis:
        cause = f"there is nothing but archives, such as {listing.archives[0].name}"
        remedy = "Unpack them first"
    elif niftis:
        cause = f"none of its {len(niftis)} NIfTI files has a known name, such as {niftis[0].name}"
        own = [name for name in LAYOUTS if any(LAYOUTS[name].match(p, any_id=True) for p in niftis)]
        remedy = (
            f"If these are your own ids, {_say_layout(own)}"
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
        deep = f"there is no file in its folders, {MAX_DEPTH} levels down"
        cause = deep if listing.folders else "the folder is empty"
        remedy = "Name the folder that holds the data set"
    return LayoutError(root, cause, remedy)
