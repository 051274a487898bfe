"""Work of a network spread over threads, one core each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def in_threads(work: Callable[[Item], None], items: Sequence[Item], device: str = "cpu") -> None:
    """Do the work of each item, in as many threads as torch would take.

    torch's own threads share every single operation, and wait for each other after it by spinning:
    where another program needs a core meanwhile, all of it takes ten times as long. Items that
    have nothing to do with each other need not wait.

    Parameters
    ----------
    work
        Called once with each item, maybe in another thread. Modes such as
        ``torch.inference_mode`` belong inside: a thread begins without them.
    items
        In any order.
    device
        On a GPU one thread does all.
    """
    import torch

    allowed = torch.get_num_threads()
    threads = min(allowed, len(items)) if device == "cpu" else 1
    if threads < 2:
        for item in items:
            work(item)
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(work, items))
    finally:
        torch.set_num_threads(allowed)  # what threads set is also the default of later threads
