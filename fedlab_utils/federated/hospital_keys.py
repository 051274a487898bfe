"""The keys that hospitals know each other by: a private one at each, and a list that all agreed on.

Secure aggregation rests on this list. It must not come from the server, which could otherwise play
all hospitals but one, and see that one's numbers. In reality hospitals agree on it when they found
the federation, as they agree on a contract; here the run's first step makes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedlab_utils.errors import FederationError, PrivacyError

PRIVATE, PUBLIC = "identity.key", "hospital_keys.json"
"""Files: in a hospital's own folder, and in the run's."""


@dataclass(frozen=True)
class HospitalKeys:
    """What one hospital knows of all.

    Attributes
    ----------
    identity
        Its own private key (Ed25519).
    known
        Hospital's number -> public key, 32 bytes.
    """

    identity: Ed25519PrivateKey = field(repr=False)
    known: Mapping[int, bytes]


def make_keys(count: int) -> list[HospitalKeys]:
    """Return new keys of so many hospitals, by number."""
    own = [Ed25519PrivateKey.generate() for _ in range(count)]
    known = {n: key.public_key().public_bytes_raw() for n, key in enumerate(own)}
    return [HospitalKeys(key, known) for key in own]


def write_keys(out: Path, folders: list[Path]) -> None:
    """Write new keys: the public ones to the run's folder, each private one to its hospital's.

    Keys that are there already stay: a resumed run has the hospitals that it began with.

    Raises
    ------
    FederationError
        If the keys that are there are of another number of hospitals.
    """
    from fedlab_utils.data.atomic import write_text

    if (out / PUBLIC).is_file():
        if len(_read_public(out / PUBLIC)) != len(folders):
            raise FederationError(
                out / PUBLIC,
                f"it is not of {len(folders)} hospitals",
                "Name a new folder",
            )
        return
    keys = make_keys(len(folders))
    for folder, own in zip(folders, keys, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PRIVATE).unlink(missing_ok=True)
        handle = os.open(folder / PRIVATE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:  # nobody else's at any time
            file.write(own.identity.private_bytes_raw())
            file.flush()
            os.fsync(handle)
    public = {str(n): key.hex() for n, key in keys[0].known.items()}
    write_text(out / PUBLIC, json.dumps(public, indent=1) + "\n")


def read_keys(out: Path, folder: Path) -> HospitalKeys:
    """Return the keys that lie in a run's folder and in a hospital's own.

    Raises
    ------
    PrivacyError
        If they are not there or cannot be read.
    """
    try:
        own = Ed25519PrivateKey.from_private_bytes((folder / PRIVATE).read_bytes())
    except (OSError, ValueError) as error:
        raise PrivacyError(
            folder / PRIVATE,
            f"there is no private key in it ({error})",
            "Start the run with simulate(), which makes keys, in a new folder",
        ) from None
    return HospitalKeys(own, _read_public(out / PUBLIC))


def _read_public(path: Path) -> dict[int, bytes]:
    try:
        found = {
            int(number): bytes.fromhex(key)
            for number, key in json.loads(path.read_text("utf-8")).items()
        }
        if any(len(key) != 32 for key in found.values()):
            raise ValueError("a key has not 32 bytes")
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise PrivacyError(
            path, f"it is no list of hospitals' keys ({error})", "Restore it, or name a new folder"
        ) from None
    return found
