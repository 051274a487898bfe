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


def spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int | None = None,
    lost: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Apply a function to each item: here for one worker, else in processes.

    Parameters
    ----------
    work, items, lost
        As :func:`in_processes`.
    workers
        Processes, never more than items; None: one per core.
    """
    workers = min(workers or available_cores(), len(items))
    return map(work, items) if workers < 2 else in_processes(work, items, workers, lost)


def in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    lost: Callable[[Item], Result] | None = None,
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
    lost
        Returns the result of an item that kills its process, as one too large for the memory
        does. What was open then is done again one by one, to find the item that did it.

    Raises
    ------
    BrokenProcessPool
        If a process dies and there is no ``lost``.
    """
    left = dict(enumerate(items))
    while left:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _leave_interrupts_to_parent)
        try:
            with _one_thread_each(), _interrupts_held():
                started = _starts(pool)
                jobs = {pool.submit(work, item): key for key, item in left.items() if started}
            if not started:
                yield from map(work, left.values())
                return
            for job in as_completed(jobs):
                result = job.result()
                del left[jobs[job]]
                yield result
        except BrokenProcessPool:
            if lost is None:
                raise
            if workers == 1:  # it died on the first one that is left
                yield lost(left.pop(next(iter(left))))
            workers = 1
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
