"""The frame around a companion's script; tests/browser runs the scripts themselves."""

from __future__ import annotations

import re

from fedlab_utils.ui.companion import companion_script
from fedlab_utils.ui.keyboard import KeepKeys
from fedlab_utils.ui.names import NameControls
from fedlab_utils.ui.width import FollowWidth


def test_the_body_is_kept_to_the_letter_in_a_module_that_anywidget_can_load() -> None:
    body = 'box.style.width = "100%"; const s = `${1} %s`; return () => {};'
    module = companion_script(body)
    assert f"function watch(box) {{{body}}}" in module
    assert module.strip().endswith("export default { render };")


def test_every_companion_ends_what_it_began() -> None:
    for companion in (KeepKeys, NameControls, FollowWidth):
        script = str(companion._esm)
        begun = len(re.findall(r"\.(addEventListener|observe)\(", script))
        ended = len(re.findall(r"\.(removeEventListener|disconnect)\(", script))
        assert begun == ended > 0
