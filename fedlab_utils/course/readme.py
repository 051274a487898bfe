"""Write README's badges and table of lessons: ``python -m fedlab_utils.course.readme``."""

from __future__ import annotations

import re

from fedlab_utils.course.address import badges, course_root
from fedlab_utils.course.notebook import measurements, memory, run_time
from fedlab_utils.course.source import Lesson, lessons
from fedlab_utils.errors import CourseError

_HEAD = (
    "| | Question | Exercises | Minutes | Run time | Memory | Data |\n|---|---|---|---|---|---|---|"
)


def readme_text(text: str) -> str:
    """README with the blocks between its ``badges`` and ``lessons`` comments written anew."""
    course = lessons()
    text = _replace(text, "badges", badges(course[0].stem))
    return _replace(text, "lessons", "\n".join([_HEAD, *map(_row, course)]))


def _row(lesson: Lesson) -> str:
    measured = measurements().get(lesson.stem)
    figures = (run_time(measured), memory(measured)) if measured else ("", "")
    link = f"[{lesson.number:02d} {lesson.title}](notebooks/{lesson.stem}.ipynb)"
    cells = (link, lesson.question, len(lesson.exercises), lesson.minutes, *figures, lesson.data)
    return "| " + " | ".join(map(str, cells)) + " |"


def _replace(text: str, name: str, content: str) -> str:
    block = re.compile(rf"(<!-- {name}:.*?-->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not block.search(text):
        cause = f"there is no '<!-- {name}: ... -->' followed by '<!-- /{name} -->'"
        raise CourseError("README.md", cause, "put the two comments back")
    return block.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def main() -> None:
    """Rewrite README.md in place."""
    path = course_root() / "README.md"
    path.write_text(readme_text(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
