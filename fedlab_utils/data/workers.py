"""Work spread over processes, one core each."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from types import FrameType
from typing import TypeVar

from fedlab_utils.data.interrupts import first_interrupt_only, interrupts_held

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_GRACE_S = 2.0
"""How long a worker that is told to leave may take to remove what it was writing."""


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
    one of torch's threads holds, and threads that outnumber the cores wait for each other.

    Ctrl-C and SIGTERM reach the caller alone, as KeyboardInterrupt. Whenever the caller stops,
    by that or otherwise, the workers leave what they are doing and are gone before anything else
    happens. Where the caller is killed, they end with it.

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
    with first_interrupt_only():
        left = dict(enumerate(items))
        while left:
            broken = False
            with _pool(workers) as pool:
                if not _starts(pool):
                    yield from map(work, left.values())
                    return
                try:
                    jobs = dict(zip(_submit(pool, work, left.values()), left, strict=True))
                    for job in as_completed(jobs):
                        result = job.result()
                        del left[jobs[job]]
                        yield result
                except BrokenProcessPool:
                    if lost is None:
                        raise
                    broken = True
            if broken and workers == 1:  # it died on the first one that is left
                yield lost(left.pop(next(iter(left))))
            workers = 1


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that are gone when the block ends; at once where it ends by an exception."""
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin)
    try:
        yield pool
    except BaseException:
        with interrupts_held():
            _end(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the workers, whatever they are doing; they are asked first, to leave nothing behind."""
    processes = list((pool._processes or {}).values())  # Python 3.14: pool.terminate_workers()
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE_S
    while alive := [process.sentinel for process in processes if process.is_alive()]:
        if not connection.wait(alive, deadline - time.monotonic()):
            break
    for process in processes:
        process.kill()


def _starts(pool: ProcessPoolExecutor) -> bool:
    try:
        [answer] = _submit(pool, abs, [1])
        return answer.result() == 1
    except BrokenProcessPool:
        return False


def _submit(
    pool: ProcessPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item]
) -> list[Future[Result]]:
    """Hand items to a pool, which starts its processes."""
    with interrupts_held(), _one_thread_each(), _interrupts_blocked():
        return [pool.submit(_leaving, work, item) for item in items]


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
def _interrupts_blocked() -> Iterator[None]:
    """Keep ctrl-C from processes that start here, which inherit that."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows; there workers ignore it once they run
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Set up a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()


_told_to_leave = False


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Unwind a worker, once: the pool sends the signal again while temporaries are removed."""
    global _told_to_leave
    if not _told_to_leave:
        _told_to_leave = True
        raise SystemExit


def _leaving(work: Callable[[Item], Result], item: Item) -> Result:
    """Apply ``work``; the pool would take SystemExit for its result and begin another item."""
    try:
        return work(item)
    finally:
        if _told_to_leave:
            os._exit(1)


def _end_with_parent() -> None:
    connection.wait([parent_process().sentinel])
    os._exit(1)
