from __future__ import annotations

from fedlab_utils.course.webgl import WebGLProbe


def test_the_webgl_line_says_so_where_no_browser_runs() -> None:
    probe = WebGLProbe()
    data, _ = probe._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == probe.model_id
    assert "only your browser can tell" in data["text/html"]
    assert probe.available == "unknown"
