"""Where the course lives: on this machine, and on the web (read from pyproject.toml alone)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from fedlab_utils.errors import CourseError

BRANCH = "main"


def course_root() -> Path:
    """Folder of the checkout, which holds ``notebooks/`` and ``pyproject.toml``."""
    return Path(__file__).resolve().parents[2]


def notebooks_folder() -> Path:
    """Folder of the notebooks.

    Raises
    ------
    CourseError
        When the package was installed without its checkout.
    """
    folder = course_root() / "notebooks"
    if not (folder / "src").is_dir():
        raise CourseError(
            folder, "the lessons are not here", "run from a clone of the course, not a bare install"
        )
    return folder


@cache
def repository() -> str:
    """Web address of the repository, such as ``https://github.com/OWNER/NAME``."""
    project = tomllib.loads((course_root() / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"].rstrip("/")


def github_path() -> str:
    """The repository's ``OWNER/NAME``."""
    return "/".join(repository().split("/")[-2:])


def colab_address(stem: str) -> str:
    """Where the notebook ``stem`` opens on Google Colab."""
    base = "https://colab.research.google.com/github"
    return f"{base}/{github_path()}/blob/{BRANCH}/notebooks/{stem}.ipynb"


def binder_address(stem: str) -> str:
    """Where the notebook ``stem`` opens on Binder."""
    base = "https://mybinder.org/v2/gh"
    return f"{base}/{github_path()}/{BRANCH}?urlpath=lab/tree/notebooks/{stem}.ipynb"


def badges(stem: str) -> str:
    """Markdown badges that open the notebook ``stem`` on Colab and on Binder."""
    colab = "https://colab.research.google.com/assets/colab-badge.svg"
    binder = "https://mybinder.org/badge_logo.svg"
    return (
        f"[![Open in Colab]({colab})]({colab_address(stem)}) "
        f"[![Open in Binder]({binder})]({binder_address(stem)})"
    )


def colab_install() -> str:
    """Source of the cell that installs the course on Google Colab and does nothing elsewhere."""
    folder = f"/content/{github_path().split('/')[1]}"
    return f"""# On Google Colab this cell installs the course; anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
    ![ -d {folder} ] || git clone --quiet --depth 1 {repository()} {folder}
    %pip install --quiet -e {folder}
    sys.path.insert(0, "{folder}")
    %cd -q {folder}/notebooks"""
