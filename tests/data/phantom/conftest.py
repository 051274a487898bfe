"""Phantoms shared by the tests of this folder: made once, read only."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anatomies() -> list:
    """Twelve patients of cohort 3 at 3 mm."""
    from fedlab_utils.data.phantom import make_anatomy

    return [make_anatomy(index, seed=3, spacing=3.0) for index in range(12)]
