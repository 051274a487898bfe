from __future__ import annotations

from fedlab_utils.course.exercise import imports_of, to_stub
from tests.course.toy import toy_lesson


def test_the_stub_keeps_everything_but_the_solution() -> None:
    assert toy_lesson().exercises["scale"].stub == (
        "def my_scale(values):\n"
        '    """Return the values times FACTOR."""\n'
        "    # Your turn: multiply each value\n"
        "    ..."
    )


def test_the_solution_runs_after_its_set_up() -> None:
    exercise = toy_lesson().exercises["scale"]
    assert "SOLUTION" not in exercise.solution
    assert exercise.answer(exercise.solution)([2]) == [6]
    assert exercise.answer(exercise.stub)([2]) is None


def test_solution_lines_are_those_of_the_region() -> None:
    exercise = toy_lesson().exercises["scale"]
    lines = exercise.solution.splitlines()
    assert [lines[i - 1].strip() for i in exercise.solution_lines] == [
        "scaled = [FACTOR * value for value in values]",
        "return scaled",
    ]


def test_several_regions_become_several_tasks() -> None:
    source = (
        "def f(x):\n    # BEGIN SOLUTION: first\n    y = x\n    # END SOLUTION\n    y += 1\n"
        "    if y:\n        # BEGIN SOLUTION: second\n        return y\n        # END SOLUTION"
    )
    assert to_stub(source).splitlines() == [
        "def f(x):",
        "    # Your turn: first",
        "    ...",
        "    y += 1",
        "    if y:",
        "        # Your turn: second",
        "        ...",
    ]


def test_imports_are_found_beside_magics_and_code() -> None:
    cell = "%matplotlib inline\nimport a.b as c\nif 1:\n    !ls\n    import d\n"
    cell += "from e import f, g\nx = 1"
    assert imports_of(cell) == "import a.b as c\nfrom e import f, g"
