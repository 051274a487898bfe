"""Ray is started only where it is there and somebody waits for it."""

from __future__ import annotations

import importlib.util

import pytest

from fedlab_utils.course.ray_cell import reason_to_skip_ray

PLACES = ("CI", "PYTEST_VERSION", "FEDLAB_BUILD", "FEDLAB_RAY", "COLAB_RELEASE_TAG")
PLACES += ("BINDER_LAUNCH_HOST", "BINDER_SERVICE_HOST")


@pytest.fixture(autouse=True)
def _a_student_with_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())


def test_a_student_s_own_machine_runs_it() -> None:
    assert reason_to_skip_ray() is None


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("COLAB_RELEASE_TAG", "Colab"),
        ("BINDER_SERVICE_HOST", "Binder"),
        ("CI", "tested"),
        ("PYTEST_VERSION", "tested"),
        ("FEDLAB_BUILD", "built"),
    ],
)
def test_other_places_say_why_not_unless_asked(
    monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert word in reason_to_skip_ray()
    assert "FEDLAB_RAY=1" in reason_to_skip_ray()
    monkeypatch.setenv("FEDLAB_RAY", "1")
    assert reason_to_skip_ray() is None


def test_nothing_helps_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("FEDLAB_RAY", "1")
    assert "not installed" in reason_to_skip_ray()


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDLAB_RAY", "0")
    assert "FEDLAB_RAY is 0" in reason_to_skip_ray()
