"""What a hospital remembers between rounds: in Flower's context, and in a folder of its own.

The context is gone when its process is killed. So it is mirrored to the hospital's own folder after
each message, one file per round. A server that resumes at an earlier round finds hospitals that are
ahead: they go back to where they stood before that round.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, RecordDict

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.records import Array

MARK = "fedlab"
"""Record of the context's state that holds the round it belongs to."""

KEPT = 2
"""Files that stay: the round under way, and the one before it."""


class HospitalState:
    """The state of one hospital, on its way through one message.

    Parameters
    ----------
    context
        Flower's; its ``state`` holds records of arrays by name.
    folder
        The hospital's own folder; None where nothing needs to survive the process.
    """

    def __init__(self, context: Context, folder: Path | None) -> None:
        self.records, self.folder = context.state, folder

    def rewind(self, server_round: int) -> None:
        """In a new process, take up what was known before this round; forget what came later.

        Raises
        ------
        FederationError
            If a file cannot be read.
        """
        from fedlab_utils.data.atomic import remove_stale

        if MARK in self.records or self.folder is None:
            return
        if self.folder.is_dir():
            remove_stale(self.folder)
        self.records[MARK] = ConfigRecord({"round": 0})
        for number, path in reversed(self._files()):
            if number >= server_round:
                path.unlink()
                continue
            for name, record in read_state(path).items():
                self.records[name] = record
            return

    def keep(self, server_round: int) -> None:
        """Note the round, and write everything to the hospital's folder."""
        from fedlab_utils.data.atomic import write_bytes

        self.records[MARK] = ConfigRecord({"round": server_round})
        if self.folder is None:
            return
        write_bytes(self.folder / f"round-{server_round:06d}.safetensors", pack(self.records))
        for _, path in self._files()[:-KEPT]:
            path.unlink()

    def arrays(self, name: str) -> ArrayRecord | None:
        """Return a record of arrays, None if there is none yet."""
        return self.records.get(name)

    def _files(self) -> list[tuple[int, Path]]:
        if not self.folder.is_dir():
            return []
        found = [
            (int(m.group(1)), path)
            for path in self.folder.iterdir()
            if (m := re.fullmatch(r"round-(\d{6})\.safetensors", path.name))
        ]
        return sorted(found)


def pack(records: RecordDict) -> bytes:
    """Return records of arrays and of settings as one safetensors file."""
    from safetensors.numpy import save

    arrays = {
        f"{group}/{name}": np.ascontiguousarray(array.numpy())
        for group, record in records.array_records.items()
        for name, array in record.items()
    }
    groups = json.dumps(list(records.array_records))
    configs = json.dumps({name: dict(record) for name, record in records.config_records.items()})
    return save(arrays, {"groups": groups, "configs": configs})


def read_state(path: Path) -> RecordDict:
    """Read what :func:`pack` wrote.

    Raises
    ------
    FederationError
        If it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        records = RecordDict({group: ArrayRecord() for group in json.loads(about["groups"])})
        for name, value in values.items():
            group, _, rest = name.partition("/")
            records[group][rest] = Array(value)
        for name, config in json.loads(about["configs"]).items():
            records[name] = ConfigRecord(config)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise FederationError(
            path, f"it cannot be read ({str(error)[:80]})", "Start the run again in a new folder"
        ) from None
    return records
