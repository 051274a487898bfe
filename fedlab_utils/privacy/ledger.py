"""What a hospital has spent of its patients' privacy: written down before each step, never undone.

Training may be rolled back to an earlier round and run again; what left the hospital the first time
has left. So the ledger only grows. A charge is on the disk before its step begins: whoever pulls
the plug finds at most one step charged that was never taken, and none taken that was not charged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedlab_utils.errors import PrivacyBudgetError, PrivacyError
from fedlab_utils.privacy.accounting import Steps, counted, epsilon_of, steps_within

HEADER = {"ledger": 1, "unit": "patient", "adjacency": "one added or removed"}
DELTA = 1e-5


class Ledger:
    """The steps a hospital paid for.

    Several processes may hold one file at the same time, such as one that is late with a round, and
    one that began the next: each charge counts what the others wrote (not on Windows, where files
    are not locked: one process at a time there).

    Parameters
    ----------
    budget
        Epsilon per patient, over the hospital's whole life with this ledger, that no step may
        exceed; infinity to count only.
    file
        Where charges are written; None keeps them in memory alone.
    delta, accountant
        See :func:`fedlab_utils.privacy.epsilon_of`.
    history
        Charges known from elsewhere, such as Flower's context; where the file knows of as many or
        more, the file's count.

    Attributes
    ----------
    history : list
        Runs of equal steps: noise multiplier, sampling rate, number of steps.

    Raises
    ------
    PrivacyError
        If the file is no ledger or is damaged in the middle. A last line without its end is a
        charge whose step never began; it is struck out.
    """

    def __init__(
        self,
        budget: float,
        file: Path | None = None,
        delta: float = DELTA,
        accountant: str = "prv",
        history: Sequence[Steps] = (),
    ) -> None:
        if not budget > 0:
            raise PrivacyError("budget", f"epsilon is {budget}", "Pass a number above 0")
        self.budget, self.delta, self.accountant, self.file = budget, delta, accountant, file
        self.history: list[Steps] = []
        self._left: tuple[tuple[float, float], int] | None = None
        self._sure: tuple[tuple[float, float], int] | None = None
        self._size = -1
        if file is not None and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _append(file, "")
            _sync_folder(file.parent)
        with _locked(file):
            self._catch_up()
            self._add_missing(history)

    def _catch_up(self) -> None:
        """Read the file if another process, or nobody yet in this one, changed it."""
        if self.file is None or self.file.stat().st_size == self._size:
            return
        known = _read(self.file)
        self.history = []
        for noise, rate in known:
            self._note(noise, rate, 1)
        self._size = self.file.stat().st_size

    def _write(self, text: str) -> None:
        if self.file is not None:
            _append(self.file, text)
            self._size = self.file.stat().st_size

    def _add_missing(self, history: Sequence[Steps]) -> None:
        missing = counted(history) - counted(self.history)  # of a Counter, what is more than none
        for (noise, rate), steps in missing.items():
            self._write(_line(noise, rate) * steps)
            self._note(noise, rate, steps)

    def charge(self, noise: float, rate: float) -> None:
        """Pay for one step; call it before the step.

        Parameters
        ----------
        noise, rate
            Noise multiplier, and probability of a patient to take part.

        Raises
        ------
        PrivacyBudgetError
            If the step would exceed the budget. Nothing is charged then.
        PrivacyError
            If the file is gone, or damaged.
        """
        with _locked(self.file):
            self._catch_up()
            self._charge(noise, rate)

    def _charge(self, noise: float, rate: float) -> None:
        if not self._sure or self._sure[0] != (noise, rate) or not self._sure[1]:
            self._sure = ((noise, rate), self.left(noise, rate))
        if not self._sure[1]:
            raise PrivacyBudgetError(
                "ledger",
                f"epsilon {self.spent():.3f} of {self.budget:g} is spent (delta {self.delta:g}, "
                f"per patient), and a step with noise {noise:g} at rate {rate:g} would exceed it",
                "Stop here, or let the hospital decide on a larger budget",
            )
        self._write(_line(noise, rate))
        left, (step, sure) = self._left, self._sure
        self._note(noise, rate, 1)
        self._sure = (step, sure - 1)
        self._left = (step, left[1] - 1) if left and left[0] == step else None

    def allows(self, noise: float, rate: float, steps: int) -> bool:
        """Return whether so many such steps fit into the budget.

        One evaluation of the accountant, and :meth:`left` takes some dozens.
        """
        more = [*self.history, (noise, rate, steps)]
        if self.budget < float("inf") and (
            epsilon_of(more, self.delta, self.accountant) > self.budget
        ):
            return False
        self._sure = ((noise, rate), steps)
        return True

    def left(self, noise: float, rate: float) -> int:
        """Return how many such steps the budget still allows."""
        if self._left is None or self._left[0] != (noise, rate):
            allowed = (
                _ENDLESS
                if self.budget == float("inf")
                else steps_within(
                    self.budget, self.delta, noise, rate, self.history, self.accountant
                )
            )
            self._left = ((noise, rate), allowed)
        return self._left[1]

    def spent(self) -> float:
        """Return epsilon of all steps charged so far, at this ledger's delta, per patient."""
        return epsilon_of(self.history, self.delta, self.accountant)

    def _note(self, noise: float, rate: float, steps: int) -> None:
        self._left = self._sure = None
        if self.history and self.history[-1][:2] == (noise, rate):
            self.history[-1] = (noise, rate, self.history[-1][2] + steps)
        else:
            self.history.append((noise, rate, steps))


_ENDLESS = 1 << 62


def _line(noise: float, rate: float) -> str:
    return f"{float(noise)!r} {float(rate)!r}\n"


@contextmanager
def _locked(file: Path | None) -> Iterator[None]:
    """Keep other processes from a ledger that is there."""
    if file is None:
        yield
        return
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        raise PrivacyError(
            file, "it is gone", "Restore it from a copy; without it nobody knows what was spent"
        ) from None
    try:
        if os.name != "nt":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)  # until the handle is closed
        yield
    finally:
        os.close(handle)


def _append(file: Path, text: str) -> None:
    """Write at the end of a file, on the disk before this returns."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        content = text.encode("ascii")
        while content:
            content = content[os.write(handle, content) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows syncs a folder's entries with the file
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(file: Path) -> list[tuple[float, float]]:
    """Return a file's charges, noise and rate of each; strike out a last line that has no end."""
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    lines = whole.decode("utf-8", "replace").splitlines()
    try:
        if lines and json.loads(lines[0]) != HEADER:
            raise ValueError(lines[0])
        found = [_charge(line) for line in lines[1:]]
    except ValueError as error:
        raise PrivacyError(
            file,
            f"it is no ledger, or damaged: {str(error)[:80]!r}",
            "Restore it from a copy; without it nobody knows what was spent",
        ) from None
    if len(whole) < len(content) or not lines:
        with file.open("r+b") as handle:
            handle.truncate(len(whole))
            if not lines:
                handle.write(json.dumps(HEADER).encode("ascii") + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
    return found


def _charge(line: str) -> tuple[float, float]:
    noise, rate = (float(part) for part in line.split(" "))
    if not (0 < noise < float("inf") and 0 < rate <= 1):
        raise ValueError(line)
    return noise, rate
