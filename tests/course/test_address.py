from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from fedlab_utils.course import address
from fedlab_utils.errors import CourseError

PROJECT = tomllib.loads((address.course_root() / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_address_comes_from_the_project_file_and_stands_nowhere_else() -> None:
    assert address.repository() == PROJECT["urls"]["Repository"]
    owner_and_name = address.repository().removeprefix("https://github.com/")
    for folder in ("fedlab_utils", "notebooks/src"):
        for path in (address.course_root() / folder).rglob("*.py"):
            assert owner_and_name not in path.read_text("utf-8"), path


def test_badges_open_the_notebook() -> None:
    owner_and_name = address.repository().removeprefix("https://github.com/")
    assert address.colab_address("00_x").endswith(
        f"/github/{owner_and_name}/blob/main/notebooks/00_x.ipynb"
    )
    assert address.binder_address("00_x").startswith(
        f"https://mybinder.org/v2/gh/{owner_and_name}/main"
    )


def test_the_install_cell_does_nothing_outside_colab() -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    code = TransformerManager().transform_cell(address.colab_install())
    assert isinstance(ast.parse(code).body[-1], ast.If)
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_install_cell_installs_the_course_on_colab(monkeypatch) -> None:
    from IPython.core.inputtransformer2 import TransformerManager

    calls: list[str] = []

    class Shell:
        def system(self, command: str) -> None:
            calls.append(command)

        def run_line_magic(self, name: str, line: str, *_: object) -> None:
            calls.append(f"%{name} {line}")

    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr(sys, "path", list(sys.path))
    code = TransformerManager().transform_cell(address.colab_install())
    exec(code, {"get_ipython": Shell})
    folder = f"/content/{address.repository().rsplit('/', 1)[1]}"
    assert address.repository() in calls[0]
    assert calls[1:] == [f"%pip install --quiet -e {folder}", f"%cd -q {folder}/notebooks"]
    assert sys.path[0] == folder


def test_a_bare_install_says_that_the_lessons_are_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(address, "course_root", lambda: tmp_path)
    with pytest.raises(CourseError, match="clone of the course"):
        address.notebooks_folder()
