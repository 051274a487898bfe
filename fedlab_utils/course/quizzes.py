"""Quizzes that explain every choice; the stored notebook shows the choices without the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.course import progress
from fedlab_utils.course.checks import describe
from fedlab_utils.course.messages import Message, inline_html, plain
from fedlab_utils.course.question import Quiz
from fedlab_utils.course.registry import did_you_mean, find_quiz
from fedlab_utils.course.source import lessons

if TYPE_CHECKING:
    import ipywidgets

_STYLE = (
    "<style>.fedlab-quiz .widget-radio-box label, .fedlab-quiz .widget-checkbox label "
    "{white-space: normal; height: auto; line-height: 1.4; margin: 0.25em 0} "
    ".fedlab-quiz .widget-radio {width: 100%} .fedlab-quiz .widget-checkbox {height: auto} "
    ".fedlab-quiz .widget-checkbox input {flex-shrink: 0}</style>"
)
_SEVERAL = "Several are right: tick all of them, and no other."


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

    def answer(self, *numbers: int) -> Message:
        """Judge what was chosen (numbers from 0), record it, and explain each of it.

        Of several right choices all must be chosen and no other.
        """
        right = set(numbers) == self.quiz.right
        saved = progress.record_quiz(self.quiz.name, right=right)
        advice = "" if saved else progress.NOT_SAVED
        chosen = [self.quiz.choices[number] for number in sorted(set(numbers))]
        if not self.quiz.several:
            [choice] = chosen
            return Message("right" if right else "other", choice.explanation, advice)
        first = "These, and no other." if right else "Of those that you ticked:"
        lines = [f"{'✓' if c.right else '✗'} {c.text}: {c.explanation}" for c in chosen]
        if lacking := len(self.quiz.right - set(numbers)):
            lines.append("One more is right." if lacking == 1 else f"{lacking} more are right.")
        return Message("right" if right else "partly", "\n".join([first, *lines]), advice)

    def widget(self) -> ipywidgets.Widget:
        """Radio buttons (boxes where several are right), a button, and room for the explanation."""
        import ipywidgets

        texts = [plain(choice.text) for choice in self.quiz.choices]
        wide = {"width": "100%"}
        if self.quiz.several:
            ticks = [ipywidgets.Checkbox(False, description=x, indent=False) for x in texts]
            for tick in ticks:
                tick.layout = wide
            choices = ipywidgets.VBox(ticks, layout=wide)
        else:
            options = [(text, i) for i, text in enumerate(texts)]
            choices = ipywidgets.RadioButtons(options=options, value=None, layout=wide)
            ticks = [choices]
        button = ipywidgets.Button(description="Answer", disabled=True, button_style="primary")
        verdict = ipywidgets.HTML()

        def chosen() -> list[int]:
            if self.quiz.several:
                return [i for i, tick in enumerate(ticks) if tick.value]
            return [] if choices.value is None else [choices.value]

        def choose(_change: object) -> None:
            button.disabled = not chosen()

        def answer(_button: object) -> None:
            verdict.value = self.answer(*chosen()).html

        for tick in ticks:
            tick.observe(choose, names="value")
        button.on_click(answer)
        question = ipywidgets.HTML(_STYLE + self._asked_html())
        box = ipywidgets.VBox([question, choices, button, verdict])
        return box.add_class("fedlab-quiz")

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        twin = {"text/html": self.static_html(), "text/plain": self.static_text()}
        return self.widget()._repr_mimebundle_() | twin

    def static_html(self) -> str:
        """Question and choices, without the answer."""
        items = "".join(f"<li>{inline_html(choice.text)}</li>" for choice in self.quiz.choices)
        return f'{self._asked_html()}<ol type="A">{items}</ol><p>Run the cell to answer.</p>'

    def static_text(self) -> str:
        """The same in plain text."""
        letters = "ABCDEFGH"
        choices = [
            f"{x}. {plain(c.text)}" for x, c in zip(letters, self.quiz.choices, strict=False)
        ]
        more = [_SEVERAL] if self.quiz.several else []
        return "\n".join([plain(self.quiz.question), *more, *choices])

    def _asked_html(self) -> str:
        more = f"<p>{_SEVERAL}</p>" if self.quiz.several else ""
        return f"<p><strong>{_html(self.quiz.question)}</strong></p>{more}"


def _html(text: str) -> str:
    return "<br>".join(map(inline_html, text.splitlines()))
