"""Quizzes that explain every choice; the stored notebook shows the choices without the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.course import progress
from fedlab_utils.course.checks import describe
from fedlab_utils.course.messages import Message, inline_html, plain
from fedlab_utils.course.question import Choice, Quiz
from fedlab_utils.course.registry import did_you_mean, find_quiz
from fedlab_utils.course.source import lessons

if TYPE_CHECKING:
    import ipywidgets

_STYLE = (
    "<style>.fedlab-quiz .widget-radio-box label {white-space: normal; height: auto; "
    "line-height: 1.4; margin: 0.25em 0} .fedlab-quiz .widget-radio {width: 100%}</style>"
)


def quiz(name: str) -> QuizView | Message:
    """Ask a question of the lesson: choose and press *Answer* (keyboard: Tab and space)."""
    found = find_quiz(name)
    if found is None:
        names = [q for lesson in lessons() for q in lesson.quizzes]
        shown = f"`{name}`" if isinstance(name, str) else describe(name)
        return Message("unknown", f"There is no quiz {shown}.", did_you_mean(name, names))
    return QuizView(found)


class QuizView:
    """One quiz as a widget, with its static twin in the same output."""

    def __init__(self, asked: Quiz) -> None:
        self.quiz = asked

    def answer(self, number: int) -> Message:
        """Judge choice ``number`` (from 0), record it, and explain."""
        choice: Choice = self.quiz.choices[number]
        saved = progress.record_quiz(self.quiz.name, right=choice.right)
        status = "right" if choice.right else "other"
        return Message(status, choice.explanation, "" if saved else progress.NOT_SAVED)

    def widget(self) -> ipywidgets.Widget:
        """Radio buttons, a button to answer, and the place where the explanation appears."""
        import ipywidgets

        options = [(plain(choice.text), i) for i, choice in enumerate(self.quiz.choices)]
        radio = ipywidgets.RadioButtons(options=options, value=None, layout={"width": "100%"})
        button = ipywidgets.Button(description="Answer", disabled=True, button_style="primary")
        verdict = ipywidgets.HTML()

        def choose(_change: object) -> None:
            button.disabled = radio.value is None

        def answer(_button: object) -> None:
            verdict.value = self.answer(radio.value).html

        radio.observe(choose, names="value")
        button.on_click(answer)
        question = ipywidgets.HTML(_STYLE + f"<p><strong>{_html(self.quiz.question)}</strong></p>")
        box = ipywidgets.VBox([question, radio, button, verdict])
        return box.add_class("fedlab-quiz")

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        twin = {"text/html": self.static_html(), "text/plain": self.static_text()}
        return self.widget()._repr_mimebundle_() | twin

    def static_html(self) -> str:
        """Question and choices, without the answer."""
        items = "".join(f"<li>{inline_html(choice.text)}</li>" for choice in self.quiz.choices)
        return (
            f"<p><strong>{_html(self.quiz.question)}</strong></p>"
            f'<ol type="A">{items}</ol><p>Run the cell to answer.</p>'
        )

    def static_text(self) -> str:
        """The same in plain text."""
        letters = "ABCDEFGH"
        choices = [
            f"{x}. {plain(c.text)}" for x, c in zip(letters, self.quiz.choices, strict=False)
        ]
        return "\n".join([plain(self.quiz.question), *choices])


def _html(text: str) -> str:
    return "<br>".join(map(inline_html, text.splitlines()))
