"""Archives from strangers, unpacked so that nothing can land outside its folder."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path, PurePosixPath

from fedlab_utils.data.atomic import new_folder
from fedlab_utils.errors import DownloadError


def unpack(archive: Path, final: Path) -> None:
    """Unpack the folder of ``final``'s name from a tar archive to ``final``, or nothing at all.

    Parameters
    ----------
    archive
        A tar file.
    final
        Where the folder will stand; other things in the archive are left out.

    Raises
    ------
    DownloadError
        If it is no tar archive, holds no such folder, or a name in it points outside.
    """
    try:
        with new_folder(final) as folder, tarfile.open(archive, "r") as tar:
            files = sum(_unpack_member(tar, member, final.name, folder) for member in tar)
            if not files:
                raise DownloadError(archive, f"it holds no {final.name}/", "Check the address")
    except tarfile.TarError as error:
        raise DownloadError(
            archive, f"it is no tar archive: {error}", "Check the address"
        ) from error


def _unpack_member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, wanted: str, folder: Path
) -> bool:
    """Write one plain file of the folder ``wanted``; return whether it was one.

    Links and devices are refused, so that no later name can be led outside through them.
    """
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or set(member.name) & set("\\:"):
        problem = "a name that points outside"
    elif not (member.isfile() or member.isdir()):
        problem = "neither file nor folder"
    else:
        # macOS puts a twin with ._ beside each file.
        if member.isdir() or name.parts[0] != wanted or name.name.startswith("._"):
            return False
        place = folder.joinpath(*name.parts[1:])
        place.parent.mkdir(parents=True, exist_ok=True)
        with tar.extractfile(member) as source, place.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        return True
    raise DownloadError(
        case=tar.name,
        cause=f"the archive holds {member.name!r}, {problem}",
        remedy="Nothing was kept. Download it from the official address",
    )
