"""Every explorer keeps its keys; what the script does is tested in tests/browser."""

from __future__ import annotations

import ipywidgets as widgets

from fedlab_utils.ui import TwinBox
from fedlab_utils.ui.keyboard import KeepKeys
from tests.ui.drive import walk


def test_a_box_keeps_its_keys_once_and_its_children_in_order() -> None:
    first, second = widgets.IntSlider(), widgets.Dropdown()
    box = TwinBox([first, second])
    assert box.children[:2] == (first, second)
    # The script looks for the nearest box above it, so it must be the explorer's own child.
    assert [isinstance(child, KeepKeys) for child in box.children[2:]] == [True]
    assert sum(isinstance(part, KeepKeys) for part in walk(box)) == 1
