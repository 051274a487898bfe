"""What a hospital remembers between rounds: in Flower's context, and in a folder of its own.

The context is gone when its process is killed. So it is mirrored to the hospital's own folder after
each message, one file per round. A server that resumes at an earlier round finds hospitals that are
ahead: they go back to where they stood before that round.
"""

from __future__ import annotations

import re
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Context, RecordDict

from fedlab_utils.federated.array_file import read_arrays, unreadable, write_arrays
from fedlab_utils.federated.records import of_kind, to_record

MARK = "fedlab"
"""Record of the context's state that holds the round it belongs to."""

UNWRITTEN = "unwritten-"
"""Records whose names begin so hold secrets of a round, and are never written."""

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
            If a file cannot be read; again at each message, so that the hospital stays left out.
        """
        if MARK in self.records or self.folder is None:
            return
        known = RecordDict()
        for number, path in reversed(self._files()):
            if number < server_round:
                known = _read(path)
                break
            path.unlink(missing_ok=True)
        # Last: after a file that cannot be read, the next message must not find a hospital that
        # seems to know all it ever did.
        self.records[MARK] = ConfigRecord({"round": 0})
        for name, record in known.items():
            self.records[name] = record

    def latest(self) -> None:
        """In a new process, take up the last that is known.

        Raises
        ------
        FederationError
            If a file cannot be read.
        """
        files = self._files()
        if files:
            self.rewind(files[-1][0] + 1)

    def keep(self, server_round: int) -> None:
        """Note the round, and write everything to the hospital's folder.

        Nothing is written where a later round has been: this process was too late then, and its
        answer did not count.
        """
        self.records[MARK] = ConfigRecord({"round": server_round})
        if self.folder is None or any(later > server_round for later, _ in self._files()):
            return
        groups = {
            group: {name: array.numpy() for name, array in record.items()}
            for group, record in of_kind(self.records, ArrayRecord).items()
        }
        configs = {
            name: dict(record)
            for name, record in of_kind(self.records, ConfigRecord).items()
            if not name.startswith(UNWRITTEN)
        }
        write_arrays(self.folder / f"round-{server_round:06d}.safetensors", groups, configs)
        for _, path in self._files()[:-KEPT]:
            path.unlink(missing_ok=True)  # another process of this hospital may have been faster

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


def _read(path: Path) -> RecordDict:
    groups, configs = read_arrays(path)
    try:
        records = RecordDict({name: to_record(arrays) for name, arrays in groups.items()})
        for name, config in configs.items():
            records[name] = ConfigRecord(config)
    except (ValueError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from None
    return records
