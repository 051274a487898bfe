from __future__ import annotations

from fedlab_utils.course.machine import LOOK, OK, STOP
from fedlab_utils.course.versions import compare_with_lock


def test_versions_are_compared_with_the_lock(tmp_path, monkeypatch) -> None:
    have = {"numpy": "2.4.0", "torch": "2.13.0+cpu"}
    monkeypatch.setattr("fedlab_utils.course.versions._NEEDED", tuple(have))
    monkeypatch.setattr("fedlab_utils.course.versions._installed", have.get)
    lock = tmp_path / "requirements.lock"
    assert compare_with_lock(lock)[1] == LOOK
    lock.write_text("# pins\nnumpy==2.4.0\ntorch==2.13.0 ; sys_platform == 'linux'\n")
    assert compare_with_lock(lock) == ("2 packages as in the lock file", OK, "nothing to do")
    lock.write_text("numpy==2.4.1\ntorch==2.13.0\n")
    assert compare_with_lock(lock)[:2] == ("numpy 2.4.0 (tested with 2.4.1)", LOOK)
    have["torch"] = None
    assert compare_with_lock(lock)[:2] == ("missing: torch", STOP)
