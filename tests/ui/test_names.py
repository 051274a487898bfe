"""Every explorer names its controls once; what the script does is tested in tests/browser."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from fedlab_utils.ui import AugmentationExplorer, LinkedViewer, TriPlanar, TwinBox
from fedlab_utils.ui.names import NameControls
from tests.ui.drive import walk
from tests.ui.scans import small_scan


@pytest.mark.parametrize("explorer", [TriPlanar, LinkedViewer, AugmentationExplorer])
def test_every_control_has_words_that_can_become_its_name(explorer: type[TwinBox]) -> None:
    box = explorer(small_scan())
    assert sum(isinstance(child, NameControls) for child in box.children) == 1
    controls = [part for part in walk(box) if isinstance(part, widgets.ValueWidget)]
    controls = [part for part in controls if not isinstance(part, widgets.HTML | widgets.Image)]
    assert controls
    for control in controls:
        assert control.description or control.tooltip, control
