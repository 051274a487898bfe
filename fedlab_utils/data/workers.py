"""Work spread over processes, one core each."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def available_cores() -> int:
    """Return how many cores this process may use, which a container can limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Apply a function to each item in worker processes; results come as they are ready.

    Workers are fresh interpreters with one numerical thread each: a fork may inherit a lock that
    one of torch's threads holds, and threads that outnumber the cores wait for each other. Ctrl-C
    reaches the caller alone, who waits for the items under way.

    Parameters
    ----------
    work
        A function of a module, of one argument.
    items
        What to apply it to.
    workers
        Number of processes. Where none can be started, as in a script without a ``__main__``
        guard, the work is done here.
    """
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _leave_interrupts_to_parent)
    try:
        with _one_thread_each(), _interrupts_held():
            started = _starts(pool)
            waiting = [pool.submit(work, item) for item in items] if started else []
        if started:
            yield from (future.result() for future in as_completed(waiting))
        else:
            yield from map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def _starts(pool: ProcessPoolExecutor) -> bool:
    try:
        return pool.submit(os.getpid).result() > 0
    except BrokenProcessPool:
        return False


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Numerical libraries read these variables once, when a process loads them."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold ctrl-C back while processes start, which inherit that."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows; there workers ignore it once they run
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
