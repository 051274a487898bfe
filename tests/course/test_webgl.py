from __future__ import annotations

import pytest

from fedlab_utils.course.webgl import WebGLLine


def test_the_line_says_so_where_no_browser_runs() -> None:
    line = WebGLLine()
    data = line._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == line.model_id
    assert "only your browser can tell" in data["text/html"]
    assert "only your browser can tell" in data["text/plain"]


@pytest.mark.parametrize(("answer", "says"), [("yes", "WebGL 2: ok"), ("no", "still pictures")])
def test_the_line_tells_what_the_browser_answers(answer: str, says: str) -> None:
    line = WebGLLine()
    line.probe.available = answer
    assert says in line.children[0].value
    assert 'role="status"' in line.children[0].value
