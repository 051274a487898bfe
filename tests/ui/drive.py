"""Drive any widget as a browser would: every control through its range, no error unseen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import ipywidgets as widgets


def walk(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """The widget and everything in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def values_to_try(control: widgets.Widget) -> list[dict[str, object]]:
    """States that a browser could send for a control: ends, middle, every option."""
    if isinstance(control, widgets.Button):
        return [{}]
    if getattr(control, "disabled", False):
        return []
    if isinstance(control, widgets.SelectMultiple):
        return [{"index": []}, {"index": list(range(len(control.options)))}]
    if hasattr(control, "_options_labels"):
        return [{"index": number} for number in range(len(control.options))]
    if hasattr(control, "min") and hasattr(control, "max"):
        low, high = control.min, control.max
        middle = type(low)((low + high) / 2)
        if isinstance(control.value, tuple):
            return [{"value": pair} for pair in ((low, low), (low, high), (high, high))]
        return [{"value": value} for value in (low, high, middle)]
    if isinstance(control.trait_values().get("value"), bool):
        return [{"value": not control.value}, {"value": control.value}]
    if isinstance(control, widgets.Text | widgets.Textarea):
        return [{"value": ""}, {"value": "tumour"}]
    return []


def drive(widget: widgets.Widget, check: Callable[[], None] = lambda: None) -> int:
    """Move every control of a widget; call `check` after each step; return the number of steps.

    Raises
    ------
    AssertionError
        If a callback failed, also where ipywidgets logged it or an Output widget swallowed it.
    """
    log = _Collector()
    loggers = [logging.getLogger(), logging.getLogger("traitlets")]
    for logger in loggers:
        logger.addHandler(log)
    steps = 0
    try:
        for control in list(walk(widget)):
            for state in values_to_try(control):
                if isinstance(control, widgets.Button):
                    control.click()
                else:
                    control.set_state(state)
                steps += 1
                where = f"after {type(control).__name__} {control.description!r} got {state}"
                assert not log.messages, f"{where}: {log.messages}"
                assert not _swallowed(widget), f"{where}: {_swallowed(widget)}"
                check()
    finally:
        for logger in loggers:
            logger.removeHandler(log)
    return steps


class _Collector(logging.Handler):
    """Keeps what was logged as a warning or worse together with an exception."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.messages.append(f"{record.getMessage()} {record.exc_info}")


def _swallowed(widget: widgets.Widget) -> list[str]:
    """Errors kept by Output widgets."""
    return [
        f"{output['ename']}: {output['evalue']}"
        for part in walk(widget)
        if isinstance(part, widgets.Output)
        for output in part.outputs
        if output["output_type"] == "error"
    ]
