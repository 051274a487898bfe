"""One set of versions for venv, conda, Binder and CI, and ranges that admit it."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOCK = [
    Requirement(line)
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]
PINS = {
    canonicalize_name(pin.name): next(iter(pin.specifier)).version
    for pin in LOCK
    if pin.marker is None or pin.marker.evaluate()
}
RANGES = [
    Requirement(text) for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
]


def _pip_lines(name: str) -> list[str]:
    dependencies = yaml.safe_load((REPOSITORY / name).read_text())["dependencies"]
    (pip,) = [item["pip"] for item in dependencies if isinstance(item, dict)]
    return pip


def test_every_line_of_the_lock_pins_one_version() -> None:
    assert all(
        len(pin.specifier) == 1 and next(iter(pin.specifier)).operator == "==" for pin in LOCK
    )
    assert not any(pin.name.startswith(("nvidia", "cuda", "triton")) for pin in LOCK), (
        "torch brings its own CUDA packages where they are wanted"
    )


@pytest.mark.parametrize("wanted", RANGES, ids=lambda wanted: wanted.name)
def test_the_lock_lies_within_the_ranges(wanted: Requirement) -> None:
    assert wanted.specifier.contains(PINS[canonicalize_name(wanted.name)])


@pytest.mark.parametrize("wanted", RANGES, ids=lambda wanted: wanted.name)
def test_what_is_installed_is_what_is_locked(wanted: Requirement) -> None:
    installed = metadata.version(wanted.name).split("+")[0]
    assert installed == PINS[canonicalize_name(wanted.name)]


@pytest.mark.parametrize(
    ("name", "lock"),
    [("environment.yml", "requirements.lock"), ("binder/environment.yml", "../requirements.lock")],
)
def test_conda_and_binder_install_from_the_lock_alone(name: str, lock: str) -> None:
    lines = _pip_lines(name)
    assert f"-r {lock}" in lines
    others = [line for line in lines if not line.startswith(("-r ", "-e ", "--extra-index-url "))]
    assert others == [], "a package named here would escape the lock"
    assert ((REPOSITORY / name).parent / lock).exists()


def test_binder_takes_the_cpu_build_and_conda_does_not() -> None:
    cpu = "--extra-index-url https://download.pytorch.org/whl/cpu"
    assert cpu in _pip_lines("binder/environment.yml")
    assert cpu not in _pip_lines("environment.yml")


@pytest.mark.parametrize(
    "name",
    ["Makefile", ".ci/run", ".github/workflows/ci.yml", "binder/postBuild", "README.md"],
)
def test_no_other_file_pins_a_package(name: str) -> None:
    pinned = re.findall(r"[A-Za-z][\w-]*==\d[\w.]*", (REPOSITORY / name).read_text())
    assert pinned == []


def test_colabs_python_and_torch_are_admitted() -> None:
    """Colab moves on its own: the ranges must not force it to change Python, numpy or torch."""
    ranges = {wanted.name: wanted.specifier for wanted in RANGES}
    assert ranges["torch"].contains("2.8.0")
    assert ranges["numpy"].contains("2.0.2")
    assert ranges["pandas"].contains("2.2.2")
    assert ranges["matplotlib"].contains("3.10.0")
    assert ranges["scipy"].contains("1.16.0")
    assert ">=3.11" in PROJECT["requires-python"]


def test_the_repositorys_address_stands_in_one_place() -> None:
    address = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    tracked = [*REPOSITORY.glob("*"), *REPOSITORY.glob("fedlab_utils/**/*.py")]
    tracked += [*REPOSITORY.glob("notebooks/src/*.py"), *REPOSITORY.glob("binder/*")]
    # README holds it between the badge markers only, which `make readme` writes.
    hits = [path for path in tracked if path.is_file() and address in path.read_text("utf-8")]
    assert {path.name for path in hits} <= {"pyproject.toml", "README.md"}


def test_pre_commit_runs_the_ruff_of_the_lock() -> None:
    hooks = (REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8")
    [version] = re.findall(r"ruff-pre-commit\s+rev: v([\d.]+)", hooks)
    assert version == PINS["ruff"]
