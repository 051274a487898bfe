"""Where caches and phantom patients lie: in the checkout, or in the user's own folder."""

from __future__ import annotations

import os
from pathlib import Path


def checkout() -> Path | None:
    """Return the repository around this package, or None for a package that is installed alone."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "notebooks").is_dir() and (root / "data").is_dir() else None


def cache_folder() -> Path:
    """Return where caches go: ``FEDLAB_CACHE``, else ``data/cache`` of the checkout, else home."""
    root = checkout()
    if root and not os.environ.get("FEDLAB_CACHE") and os.access(root / "data", os.W_OK):
        return root / "data" / "cache"
    return _own_folder()


def phantom_folder() -> Path:
    """Return the place of the embedded cohort: ``data/phantom`` in the checkout.

    An installed package without a repository around it, or with one that may only be read and holds
    no phantoms, keeps it in ``FEDLAB_CACHE``, or else in ``~/.cache/fedlab``.
    """
    root = checkout()
    place = (root / "data" if root else _own_folder()) / "phantom"
    if root and not place.is_dir() and not os.access(root / "data", os.W_OK):
        return _own_folder() / "phantom"
    return place


def _own_folder() -> Path:
    return Path(os.environ.get("FEDLAB_CACHE") or "~/.cache/fedlab").expanduser()
