from __future__ import annotations

import psutil

from fedlab_utils.course import limits
from fedlab_utils.course.limits import cores, memory_bytes
from fedlab_utils.data.workers import available_cores


def test_a_container_limit_counts_where_it_is_smaller(tmp_path) -> None:
    total = psutil.virtual_memory().total
    assert memory_bytes(tmp_path) == (total, False)
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes(tmp_path) == (total, False)
    (tmp_path / "memory.max").write_text("2147483648\n")
    assert memory_bytes(tmp_path) == (2147483648, True)
    (tmp_path / "memory.max").unlink()
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory_bytes(tmp_path) == (total, False)


def test_cores_are_those_that_the_work_is_spread_over(tmp_path, monkeypatch) -> None:
    assert cores(tmp_path) == available_cores()
    monkeypatch.setattr(limits, "available_cores", lambda: 3)
    assert cores(tmp_path) == 3


def test_a_share_of_the_processor_counts(tmp_path) -> None:
    every = cores(tmp_path)
    assert every >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores(tmp_path) == every
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("25000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores(tmp_path) == 0.25
