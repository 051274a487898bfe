"""Groups of arrays and what belongs to them, as one safetensors file: nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fedlab_utils.errors import FederationError

ABOUT, DIGEST = "fedlab", "sha256"
"""Keys of the file's metadata: what belongs to the arrays, and a digest of both."""


def write_arrays(path: Path, groups: Mapping[str, Mapping[str, np.ndarray]], about: object) -> None:
    """Write a file in one piece, replacing what was there.

    Parameters
    ----------
    path
        Of the file.
    groups
        Group's name, without a slash -> its arrays by name.
    about
        JSON values.

    Raises
    ------
    FederationError
        If safetensors has no such type, or names and ``about`` are longer than its header may be.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save

    from fedlab_utils.data.atomic import write_bytes

    arrays = {
        f"{group}/{name}": np.asarray(value, order="C")  # a lone number stays one
        for group, part in groups.items()
        for name, value in part.items()
    }
    told = json.dumps(
        {"groups": {name: list(part) for name, part in groups.items()}, "about": about}
    )
    try:
        content = save(arrays, {ABOUT: told, DIGEST: digest_of(arrays, told)})
    except SafetensorError as error:
        cause = f"it cannot be written ({str(error)[:80]})"
        remedy = "Send fewer or shorter figures, and arrays of floats or whole numbers"
        raise FederationError(path, cause, remedy) from None
    write_bytes(path, content)


def read_arrays(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], object]:
    """Read what :func:`write_arrays` wrote: groups in its order, and what belongs to them.

    Raises
    ------
    FederationError
        If it cannot be read, or was changed since it was written.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata[DIGEST] != digest_of(values, metadata[ABOUT]):
            raise ValueError("its contents are not those that were written")
        told = json.loads(metadata[ABOUT])
        groups = {
            group: {name: values[f"{group}/{name}"] for name in names}
            for group, names in told["groups"].items()
        }
        return groups, told["about"]
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from None


def digest_of(arrays: Mapping[str, np.ndarray], told: str = "") -> str:
    """Return a digest, in hexadecimal, of arrays by name and of a text."""
    found = hashlib.sha256(told.encode())
    for name, value in sorted(arrays.items()):
        found.update(f"{name} {value.dtype} {value.shape}".encode())
        found.update(value.tobytes())
    return found.hexdigest()


def unreadable(path: Path, error: Exception) -> FederationError:
    """Return the error of a file that does not hold what it should."""
    cause = f"it cannot be read ({str(error)[:80]})"
    return FederationError(path, cause, "Start the run again in a new folder")
