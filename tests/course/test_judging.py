from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fedlab_utils.course.judging import is_stub, judge_answer
from tests.course.toy import check_scale, toy_lesson

EXERCISE = toy_lesson().exercises["scale"]
BODY = {
    "endless recursion": "return my_scale(values)",
    "endless loop": "while True: pass",
    "endless loop that swallows everything": (
        "n = 0\n    while n < 3:\n        try:\n            while True: pass\n"
        "        except BaseException: n += 1"
    ),
    "division by zero": "return 1 / 0",
    "exit": "raise SystemExit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "broken message": ("class E(Exception):\n        def __str__(self): return 1 / 0\n    raise E"),
    "memory": "raise MemoryError",
    "no such name": "return [3 * v for v in vaules]",
    "no such module": "import no_such_module",
}


def tried(source: str, seconds: float = 5.0):
    return judge_answer(EXERCISE.answer(source), check_scale, EXERCISE, seconds)


def test_solution_passes_and_stub_is_not_attempted() -> None:
    assert tried(EXERCISE.solution).status == "passed"
    assert tried(EXERCISE.solution).message == "Well scaled."
    assert tried(EXERCISE.stub).status == "stub"
    assert judge_answer(..., check_scale, EXERCISE).status == "stub"


@pytest.mark.parametrize("body", BODY.values(), ids=BODY)
def test_an_answer_that_fails_is_reported_with_its_own_line(body: str) -> None:
    verdict = tried(f"def my_scale(values):\n    {body}", seconds=0.3)
    assert verdict.status == "error"
    assert "In `my_scale`, line" in verdict.message


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("endless recursion", "calls itself without end"),
        ("endless loop", "still running after 0.3 s"),
        ("division by zero", "ZeroDivisionError: division by zero"),
        ("no such name", "Did you mean `values`?"),
        ("interrupt", "You stopped it"),
        ("broken message", "`E: no message`"),
    ],
)
def test_the_report_says_what_happened(body: str, says: str) -> None:
    assert says in tried(f"def my_scale(values):\n    {BODY[body]}", seconds=0.3).message


def test_an_error_in_a_helper_of_the_student_is_their_line_too() -> None:
    verdict = tried(
        "def helper(v):\n    return v.x\ndef my_scale(values):\n    return helper(values)"
    )
    assert "In `helper`, line 2 of its cell" in verdict.message


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def my_scale(values):\n    values.reverse()", "changes `values`, the list"),
        ("def my_scale(values):\n    print", "Did you forget the `return`?"),
        ("def my_scale():\n    return 1", "Does it take the arguments"),
        ("def my_scale(values):\n    return 'abc'", "array of numbers"),
        ("def my_scale(values):\n    return [1, [2, 3]]", "array of numbers"),
        ("def my_scale(values):\n    return [1.0]", "shape (1,), but shape (2,)"),
        ("def my_scale(values):\n    return values", "`[3.0, 15.0]` (list) is due"),
        ("my_scale = 3", "wants the function itself"),
        ("my_scale = None", "wants the function itself"),
    ],
)
def test_a_wrong_answer_is_told_in_what_way(source: str, says: str) -> None:
    verdict = tried(source)
    assert (verdict.status, says in verdict.message) == ("wrong", True), verdict


def test_an_answer_with_a_hostile_repr_is_survived() -> None:
    source = (
        "class X:\n    def __repr__(self): raise ValueError\ndef my_scale(values):\n    return X()"
    )
    assert tried(source).status == "wrong"
    assert tried(source.replace("return X()", "pass") + "\nmy_scale = X()").status == "wrong"


@pytest.mark.parametrize(
    "method",
    [
        "__getattribute__(self, name): raise ValueError",
        "__getattribute__(self, name): raise SystemExit",
        "__getattribute__(self, name): return 1 / 0",
        "__getattr__(self, name): raise KeyError(name)",
    ],
)
def test_an_object_that_does_not_let_itself_be_looked_at_is_survived(method: str) -> None:
    source = f"class X:\n    def {method}\nmy_scale = X()"
    assert tried(source).status in ("wrong", "error")
    callable_too = source.replace("class X:\n", "class X:\n    def __call__(self, v): return v\n")
    assert tried(callable_too).status in ("wrong", "error")
    returned = source.replace("my_scale = X()", "def my_scale(values): return X()")
    assert tried(returned).status in ("wrong", "error")


def test_printing_and_time_limits_leave_nothing_behind() -> None:
    before = sys.getrecursionlimit()
    tried(f"def my_scale(values):\n    {BODY['endless loop']}", seconds=0.2)
    time.sleep(0.5)  # an alarm left behind would end the test run here
    assert sys.getrecursionlimit() == before


def test_a_flood_of_prints_is_cut(capsys) -> None:
    tried("def my_scale(values):\n    while True: print('flood')", seconds=0.3)
    printed = capsys.readouterr().out
    assert "flood" in printed
    assert len(printed) < 2100
    print("the screen is back")
    assert "the screen is back" in capsys.readouterr().out


def test_an_untouched_class_is_a_stub_and_a_changed_one_is_not() -> None:
    source = (
        "class my_scale:\n    def a(self):\n        # BEGIN SOLUTION: one\n        return 1\n"
        "        # END SOLUTION\n    def b(self):\n        return 2"
    )
    exercise = replace(EXERCISE, source=source)
    assert is_stub(exercise.answer(exercise.stub), exercise)
    assert not is_stub(exercise.answer(exercise.solution), exercise)


@pytest.mark.parametrize("body", ["...", "pass", "# nothing\n    ...", '"""Another doc."""'])
def test_a_body_without_code_is_not_attempted(body: str) -> None:
    assert tried(f"def my_scale(values):\n    {body}").status == "stub"


def test_what_torch_loads_late_is_loaded_before_the_clock_runs() -> None:
    source = (
        "import sys\n"
        "from dataclasses import replace\n"
        "from fedlab_utils.course.judging import judge_answer\n"
        "from tests.course.toy import check_scale, toy_lesson\n"
        "import torch\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "exercise = toy_lesson().exercises['scale']\n"
        "def scale(values):\n"
        "    torch.optim.SGD([torch.zeros(1)], 0.1)\n"
        "    return [3 * value for value in values]\n"
        "assert judge_answer(scale, check_scale, replace(exercise, setup='import math')).status\n"
        "loaded = lambda: 'torch._dynamo' in sys.modules\n"
    )
    plain = source.replace("    torch.optim.SGD([torch.zeros(1)], 0.1)\n", "")
    plain += "assert not loaded(), 'loaded where no answer uses torch'"
    with_torch = source.replace("setup='import math')", "setup='import torch'), 0.5")
    with_torch = with_torch.replace(".status\n", ".status == 'passed'\n") + "assert loaded()"
    for program in (plain, with_torch):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("inside", [True, False])
def test_a_library_that_stayed_half_loaded_is_not_the_answers_fault(inside: bool) -> None:
    def check(answer):
        answer([1.0])
        raise AttributeError("partially initialized module 'torch._dynamo' has no attribute 'x'")

    what = "raise AttributeError(\"partially initialized module 'a' has no attribute 'b'\")"
    source = f"def my_scale(values):\n    {what if inside else 'return 1'}"
    message = judge_answer(EXERCISE.answer(source), check, EXERCISE).message
    assert "Restart the kernel" in message
    assert "partially initialized module" in message


@pytest.mark.parametrize("body", ["...", "pass"])
def test_a_body_without_code_is_told_what_to_replace(body: str) -> None:
    message = tried(f"def my_scale(values):\n    {body}").message
    assert "does nothing yet" in message
    assert "`...` or `pass`" in message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("use `x` (not None).", "`ValueError: use 'x' (not None)`"),
        ("and so on...", "`ValueError: and so on...`"),
        (".", "`ValueError: no message`"),
    ],
)
def test_an_errors_text_stays_in_its_box_and_ends_once(text: str, shown: str) -> None:
    message = tried(f"def my_scale(values):\n    raise ValueError({text!r})").message
    assert message.startswith(f"{shown}. In `my_scale`, line 2")
    assert message.count("`") == 4

    def check(_answer):
        raise ValueError(text)

    answer = EXERCISE.answer("def my_scale(values):\n    return values")
    assert f"({shown})" in judge_answer(answer, check, EXERCISE).message
