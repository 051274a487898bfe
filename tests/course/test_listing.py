from __future__ import annotations

import inspect

from fedlab_utils import errors
from fedlab_utils.course import show_source
from fedlab_utils.course.guard import Answer
from fedlab_utils.errors import DataError


def test_source_is_shown_whole_with_file_and_line() -> None:
    text = str(show_source(DataError))
    line = inspect.getsourcelines(DataError)[1]
    assert text.startswith(f"`fedlab_utils/errors.py`, line {line}\n")
    assert inspect.getsource(DataError).strip() in text


def test_methods_and_modules_have_sources_too() -> None:
    assert "\ndef __call__(self" in str(show_source(Answer.__call__))
    assert inspect.getsource(errors).strip() in str(show_source(errors))


def test_a_thing_without_source_gets_a_message() -> None:
    for thing in (len, 3, None, DataError("a", "b", "c")):
        assert show_source(thing).status == "unknown"


def test_both_forms_say_the_same() -> None:
    bundle = show_source(DataError)._repr_mimebundle_()
    assert bundle["text/markdown"] == bundle["text/plain"]
