from __future__ import annotations

from xml.etree import ElementTree

import pytest

from fedlab_utils.course.messages import Message, code_block, inline_html, plain


@pytest.mark.parametrize("status", ["passed", "wrong", "error", "stub", "unknown"])
def test_a_message_says_its_verdict_in_words_in_both_forms(status: str) -> None:
    message = Message(status, "a `<b>` & c", "advice")
    element = ElementTree.fromstring(message.html.replace("<br>", "<br/>"))
    assert element.get("role") == "status"
    text = "".join(element.itertext())
    assert message.heading in text
    assert "a <b> & c" in text
    assert str(message) == f"{message.heading}. a `<b>` & c advice"
    assert message._repr_mimebundle_()["text/plain"] == str(message)


def test_inline_markdown_is_understood_and_html_is_not() -> None:
    assert inline_html("`a < b` **x** *y* <i>") == (
        "<code>a &lt; b</code> <strong>x</strong> <em>y</em> &lt;i&gt;"
    )
    assert inline_html("`a ** b ** c` 2 * 3 * 4") == "<code>a ** b ** c</code> 2 * 3 * 4"
    assert plain("`a < b` **x**") == "a < b x"


def test_a_code_block_outlives_backticks_in_the_code() -> None:
    assert code_block("x = '```'\n") == "````python\nx = '```'\n````"
