"""Every explorer keeps its keys and names its controls; tests/browser tests the scripts."""

from __future__ import annotations

import ipywidgets as widgets

from fedlab_utils.ui import TwinBox
from fedlab_utils.ui.keyboard import KeepKeys
from fedlab_utils.ui.names import NameControls
from tests.ui.drive import walk


def test_a_box_has_its_companions_once_and_its_children_in_order() -> None:
    first, second = widgets.IntSlider(), widgets.Dropdown()
    box = TwinBox([first, second])
    assert box.children[:2] == (first, second)
    # The scripts look for the nearest box above them, so they must be the explorer's own children.
    companions = zip(box.children[2:], (KeepKeys, NameControls), strict=True)
    assert all(isinstance(child, kind) for child, kind in companions)
    assert sum(isinstance(part, KeepKeys | NameControls) for part in walk(box)) == 2
