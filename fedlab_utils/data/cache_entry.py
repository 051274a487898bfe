"""One preprocessed patient on disk: a folder of arrays that can be mapped into memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fedlab_utils.data.preprocessing import Preprocessed
from fedlab_utils.errors import CacheError

_META = "meta.json"
_SPOILT = (ValueError, KeyError, TypeError, AttributeError)


def write_entry(folder: Path, result: Preprocessed) -> None:
    """Write a patient into a new folder, each array to a file that can be mapped into memory."""
    arrays = {
        "image": np.asfortranarray(result.image.astype(np.float16)),
        "brain": np.asfortranarray(result.brain),
    }
    if result.labels is not None:
        arrays["labels"] = np.asfortranarray(result.labels)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    meta = {
        "case_id": result.case_id,
        "affine": result.affine.tolist(),
        "spacing": result.spacing,
        "native_shape": result.native_shape,
        "native_spacing": result.native_spacing,
        "box": result.box,
        "warnings": result.warnings,
        "bytes": {name: (folder / f"{name}.npy").stat().st_size for name in arrays},
    }
    (folder / _META).write_text(json.dumps(meta), encoding="utf-8")


def open_entry(entry: Path, case_id: str, patient_id: str) -> Preprocessed | None:
    """Map what :func:`write_entry` wrote; None if it is not there, or not whole.

    Raises
    ------
    CacheError
        If it is there and the disk does not give it.
    """
    try:
        meta = json.loads((entry / _META).read_text("utf-8"))
        arrays = {}
        for name, size in meta["bytes"].items():
            path = entry / f"{name}.npy"
            if path.stat().st_size != size:
                return None
            arrays[name] = np.load(path, mmap_mode="r")
        return Preprocessed(
            case_id=case_id,
            patient_id=patient_id,
            image=arrays["image"],
            labels=arrays.get("labels"),
            brain=arrays["brain"],
            affine=np.array(meta["affine"], np.float64),
            spacing=tuple(meta["spacing"]),
            native_shape=tuple(meta["native_shape"]),
            native_spacing=tuple(meta["native_spacing"]),
            box=tuple(tuple(edge) for edge in meta["box"]),
            warnings=tuple(meta["warnings"]),
        )
    except (FileNotFoundError, NotADirectoryError, *_SPOILT):
        return None
    except OSError as error:
        raise CacheError(
            case=case_id,
            cause=f"the cache entry {entry} cannot be read: {error}",
            remedy="Delete that folder, or set FEDLAB_CACHE to another one",
        ) from error
