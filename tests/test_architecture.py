"""Imports flow one way, heavy packages stay where they belong, and importing stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / "fedlab_utils"
MODULES = sorted(PACKAGE.rglob("*.py"))

# What each layer may import from; groups on one level may not import each other.
MAY_IMPORT = {
    "errors": set(),
    "_lazy": set(),
    "data": {"errors", "_lazy"},
    "segmentation": {"errors", "_lazy", "data"},
    "federated": {"errors", "_lazy", "data", "segmentation", "privacy"},
    "privacy": {"errors", "_lazy", "data", "segmentation"},
    "ui": {"errors", "_lazy", "data", "segmentation", "federated", "privacy"},
    "studies": {"errors", "_lazy", "data", "segmentation", "federated", "privacy"},
    "course": {"errors", "_lazy", "data", "segmentation", "federated", "privacy", "ui", "studies"},
}
ONLY_IN = {"flwr": {"federated"}, "opacus": {"privacy"}, "ipywidgets": {"ui", "course"}}
HEAVY = ["SimpleITK", "flwr", "matplotlib", "monai", "nibabel", "nilearn", "opacus", "pandas"]
HEAVY += ["plotly", "scipy", "torch"]
TOP = {
    "cli",
    "cli_federation",
    "cli_federation_report",
    "cli_hospitals",
    "cli_output",
    "cli_training",
    "__main__",
    "__init__",
}


def _layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.lineno, node.module or ""
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def violations(path: Path, layer: str) -> list[str]:
    """Return what this file imports although its layer may not."""
    found = []
    for line, name in _imports(path):
        head, _, rest = name.partition(".")
        if head == "fedlab_utils" and rest and layer not in TOP:
            target = rest.split(".")[0]
            known = target in MAY_IMPORT
            if known and target != layer and target not in MAY_IMPORT[layer]:
                found.append(f"{path}:{line}: {layer} imports {target}")
        if head in ONLY_IN and layer not in ONLY_IN[head]:
            found.append(f"{path}:{line}: {head} outside {sorted(ONLY_IN[head])}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path: Path) -> None:
    assert violations(path, _layer(path)) == []


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("data", "from fedlab_utils.ui import colours"),
        ("data", "import fedlab_utils.course.build"),
        ("ui", "from fedlab_utils import course"),
        ("segmentation", "import opacus"),
        ("data", "from ipywidgets import IntSlider"),
    ],
)
def test_an_arrow_that_runs_back_is_found(tmp_path: Path, layer: str, line: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(f"def use():\n    {line}\n")
    assert violations(path, layer)


@pytest.mark.parametrize(
    "module",
    ["fedlab_utils", *(f"fedlab_utils.{name}" for name in ("cli", "course", "data", "ui"))],
)
def test_importing_loads_nothing_heavy(module: str) -> None:
    """The design asks for under 0.3 s; the packages that would break that must stay unloaded."""
    code = f"import sys, {module}; print([m for m in {HEAVY} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "package", ["data", "segmentation", "federated", "ui", "course", "data.phantom"]
)
def test_every_public_name_exists(package: str) -> None:
    from importlib import import_module

    module = import_module(f"fedlab_utils.{package}")
    for name in dir(module):
        assert getattr(module, name) is not None


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_of_the_package_has_a_test_file(path: Path) -> None:
    """A module is tested by a file of its own name, so that a reader finds it."""
    relative = path.relative_to(PACKAGE)
    if path.name.startswith("_") or path.name in {"conventions.py", "errors.py"}:
        pytest.skip("nothing to test apart from its users")
    mirrored = relative.with_name(f"test_{path.name}").as_posix()
    test = REPOSITORY / "tests" / UNMIRRORED.get(relative.as_posix(), mirrored)
    assert test.exists(), f"{test} is missing"


# Modules that are tested through the one that uses them, and where.
UNMIRRORED = {
    "federated/masked_hospital.py": "federated/test_masked_strategy.py",
    "federated/compressed_hospital.py": "federated/test_compressed_strategy.py",
    "federated/compressed_downlink.py": "federated/test_compressed_strategy.py",
    "privacy/planted_faults.py": "privacy/test_canaries.py",
    "privacy/masks.py": "privacy/test_masking.py",
    "federated/encrypted_hospital.py": "federated/test_encrypted_strategy.py",
    "federated/hospital_noise.py": "federated/test_noisy_strategy.py",
    "federated/robust_needs.py": "federated/test_robust_rules.py",
    "federated/update_geometry.py": "federated/test_robust_rules.py",
    "federated/only_sums.py": "federated/test_masked_strategy.py",
    "federated/update_rows.py": "federated/test_masked_strategy.py",
    "privacy/unmasking.py": "privacy/test_masking.py",
    "privacy/encryption_settings.py": "privacy/test_encryption.py",
    "privacy/publishing.py": "privacy/test_encryption.py",
    "course/checks/averages.py": "course/checks/test_lesson05.py",
    "course/checks/client_steps.py": "course/checks/test_lesson05.py",
    "course/checks/smoothing.py": "course/checks/test_lesson04.py",
    "course/checks/decodings.py": "course/checks/test_lesson03.py",
    "course/checks/soft_dices.py": "course/checks/test_lesson03.py",
    "course/checks/splits.py": "course/checks/test_lesson01.py",
    "course/checks/training_steps.py": "course/checks/test_lesson03.py",
    "data/folders.py": "data/test_layouts.py",
    "data/naming.py": "data/test_layouts.py",
    "data/nifti_header.py": "data/test_nifti.py",
    "federated/array_file.py": "federated/test_checkpoint.py",
    "federated/app.py": "federated/test_run.py",
    "federated/client.py": "federated/test_engine_inprocess.py",
    "federated/federation.py": "federated/test_engine_inprocess.py",
    "federated/home_layers.py": "federated/test_run.py",
    "federated/hospital.py": "federated/test_strategies.py",
    "federated/hospital_state.py": "federated/test_resume.py",
    "federated/roster.py": "federated/test_faults.py",
    "federated/scaffold.py": "federated/test_strategies.py",
    "federated/screening.py": "federated/test_faults.py",
    "federated/rounds.py": "federated/test_faults.py",
    "federated/server.py": "federated/test_faults.py",
    "federated/task.py": "federated/test_unet_task.py",
    "studies/method_trial.py": "studies/test_heterogeneity.py",
    "studies/bench_engine_child.py": "studies/test_bench_engine.py",
    "federated/trial.py": "course/checks/test_lesson05.py",
    "federated/unet_settings.py": "federated/test_run.py",
}
