from __future__ import annotations

from dataclasses import replace

import pytest

from fedlab_utils.course import mutants as module
from fedlab_utils.course.exercise import Equivalent
from fedlab_utils.course.mutants import declared, mutants, surviving
from tests.course.toy import check_scale, toy_lesson

EXERCISE = toy_lesson().exercises["scale"]


def changed(body: str) -> set[str]:
    """What becomes of one line of solution, in all mutants."""
    source = f"def my_scale(values):\n    # BEGIN SOLUTION: x\n    {body}\n    # END SOLUTION"
    return {mutant.after for mutant in mutants(replace(EXERCISE, source=source))}


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("return a < b", {"return a <= b", "return a > b"}),
        ("return a == b", {"return a != b"}),
        ("return a + b * c", {"return a - b * c", "return a + b / c"}),
        ("return a ** b", {"return a * b"}),
        ("return a and b", {"return a or b"}),
        ("return not a", {"return not not a"}),
        ("return ~a", {"return ~~a"}),
        ("return x[1]", {"return x[2]", "return x[0]"}),
        (
            "return x.sum(axis=0)",
            {"return x.sum(axis=1)", "return x.sum(axis=-1)", "return x.sum()"},
        ),
        ("return f(a, b)", {"return f(b, a)"}),
        ("return f(a, a)", set()),
        ("return f(*a, b)", set()),
        ("return np.maximum(a, b)", set()),
        ("return zip(a, a, strict=True)", set()),
        ("return True", {"return False"}),
        ("return 0.5", {"return 1.0"}),
        ("return 1e-08", set()),
        ("x += 2", {"pass", "x -= 2", "x += 3", "x += 1"}),
        (
            "if a > 0: b()",
            {
                "pass",
                "if a >= 0:",
                "if a < 0:",
                "if a > 1:",
                "if a > -1:",
                "if not a > 0:",
            },
        ),
        ("return [v for v in x if v]", {"return [v for v in x if not v]"}),
        ("return a if b else c", {"return a if not b else c"}),
        ("'text'", set()),
    ],
)
def test_each_operator_gives_the_slips_it_should(body: str, after: set[str]) -> None:
    assert changed(body) == after


def test_only_the_region_is_changed_and_one_thing_at_a_time() -> None:
    source = (
        "def my_scale(values):\n    n = 1\n    # BEGIN SOLUTION: x\n    for v in values:\n"
        "        n = n + v\n    # END SOLUTION\n    return n - 1"
    )
    found = mutants(replace(EXERCISE, source=source))
    assert {(m.before, m.after) for m in found} == {
        ("for v in values:", "pass"),
        ("n = n + v", "pass"),
        ("n = n + v", "n = n - v"),
    }
    assert all("return n - 1" in m.source and "n = 1" in m.source for m in found)


def test_survivors_are_those_that_the_check_accepts(monkeypatch) -> None:
    monkeypatch.setattr(module, "find_check", lambda _: check_scale)
    assert surviving(EXERCISE) == []
    monkeypatch.setattr(module, "find_check", lambda _: lambda _answer: None)
    assert {m.after for m in surviving(EXERCISE)} == {
        "scaled = [FACTOR / value for value in values]",
        "pass",
    }


def test_a_mutant_is_declared_by_its_two_statements() -> None:
    mutant = mutants(EXERCISE)[0]
    assert declared(mutant, (Equivalent(mutant.before, mutant.after, "why"),))
    assert not declared(mutant, (Equivalent(mutant.before, "other", "why"),))
    assert str(mutant).startswith(f"- `{mutant.before}` -> `{mutant.after}`: ")
