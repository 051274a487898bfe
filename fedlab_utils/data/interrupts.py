"""Ctrl-C while there is something to clean up: the first one stops the work, later ones wait."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

_PATIENCE_S = 20.0
"""How long further signals are ignored; cleaning up takes a few seconds."""


@contextlib.contextmanager
def first_interrupt_only() -> Iterator[None]:
    """Let one ctrl-C stop the block, and no second one disturb how it cleans up.

    The first is announced at once. SIGTERM, which by default ends a process without any cleaning
    up, counts as ctrl-C here. Blocks may be nested. Outside the main thread, which alone gets
    signals, and where somebody else handles or ignores them, nothing changes.

    Raises
    ------
    KeyboardInterrupt
        In the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        _listener.enter()
        yield
    finally:
        _listener.leave()


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Put off what :func:`first_interrupt_only` raises to the end of this block, a short one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _listener.holds += 1
    try:
        yield
    finally:
        _listener.holds -= 1
        _listener.raise_what_was_held()


class _Listener:
    """The signal handler, and what it heard."""

    def __init__(self) -> None:
        self.users = 0
        self.holds = 0
        self.held = False
        self.heard_at = -math.inf
        self.before: dict[signal.Signals, object] = {}

    def enter(self) -> None:
        self.users += 1
        if self.users > 1:
            return
        for number, usual in (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGTERM, signal.SIG_DFL),
        ):
            if signal.getsignal(number) == usual:
                self.before[number] = usual
                signal.signal(number, self)

    def leave(self) -> None:
        self.users -= 1
        if self.users:
            return
        for number, usual in self.before.items():
            if signal.getsignal(number) is self:
                signal.signal(number, usual)
        self.before.clear()
        self.held, self.heard_at = False, -math.inf

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - self.heard_at < _PATIENCE_S:
            return
        self.heard_at = time.monotonic()
        self.held = True
        with contextlib.suppress(Exception):  # a stream that is closed, or busy in this very thread
            print("\nStopping, which may take a few seconds.", file=sys.stderr, flush=True)
        self.raise_what_was_held()

    def raise_what_was_held(self) -> None:
        if self.held and not self.holds:
            self.held = False
            raise KeyboardInterrupt


_listener = _Listener()
