"""Threads with one core each: all is done once, and torch is left as it was."""

from __future__ import annotations

import threading

import pytest
import torch

from fedlab_utils.segmentation.threads import in_threads


@pytest.fixture(autouse=True)
def _three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_each_item_once_with_one_core_each() -> None:
    done: list[int] = []
    allowed: set[int] = set()
    threads: set[int] = set()
    meet = threading.Barrier(3, timeout=30)  # passes only where three work at the same time

    def work(item: int) -> None:
        meet.wait()
        done.append(item)
        allowed.add(torch.get_num_threads())
        threads.add(threading.get_ident())

    in_threads(work, range(6))
    assert sorted(done) == list(range(6))
    assert (allowed, len(threads)) == ({1}, 3)


@pytest.mark.parametrize("items", [1, 5])
def test_torch_is_left_as_it_was_also_after_an_error(items: int) -> None:
    def work(item: int) -> None:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        in_threads(work, range(items))
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert (torch.get_num_threads(), later) == (3, [3])


@pytest.mark.parametrize(("items", "device"), [(1, "cpu"), (4, "cuda")])
def test_one_item_or_a_gpu_needs_no_thread(items: int, device: str) -> None:
    seen: list[int] = []
    in_threads(lambda _: seen.append(threading.get_ident()), range(items), device)
    assert seen == [threading.get_ident()] * items
