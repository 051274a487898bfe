"""Settings of a search: plain values, and none that make no sense."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.inversion_settings import InversionSettings


def test_a_box_that_was_a_list_in_a_file_is_the_same_setting() -> None:
    assert InversionSettings(box=[-1.0, 1.0]) == InversionSettings(box=(-1.0, 1.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"distance": "manhattan"},
        {"search": "guessing"},
        {"iterations": 0},
        {"learning_rate": 0.0},
        {"total_variation": -1.0},
        {"restarts": 0},
        {"box": (1.0, 1.0)},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(PrivacyError, match=next(iter(wrong))):
        InversionSettings(**wrong)
