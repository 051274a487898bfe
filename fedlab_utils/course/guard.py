"""Call a student's function without being hurt by it: copies, time limit, friendly reports."""

from __future__ import annotations

import builtins
import copy
import difflib
import dis
import inspect
import io
import linecache
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from types import FrameType, TracebackType

import numpy as np

from fedlab_utils.course.advice import advice
from fedlab_utils.course.checks import Wrong

_LONG = 300  # characters
_ANNOUNCES = ", but expected one of:"
RESTART = (
    "A library was interrupted while it was being loaded, and stays half loaded: your answer is "
    "not to blame. Restart the kernel, and run the cells again."
)


class TimeUp(BaseException):
    """The answer took too long. Not an Exception, so that `except Exception` lets it by."""


class Answer:
    """A student's function or class, guarded.

    Calling it passes deep copies of the arguments, and raises :class:`Wrong` when the function
    changes one of them or returns nothing.
    """

    def __init__(self, given: Callable, name: str) -> None:
        self.given, self.name = given, name

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the student's object with copies; see the class."""
        mine, named = [_copy(value) for value in args], {k: _copy(v) for k, v in kwargs.items()}
        result = self.given(*mine, **named)
        before_and_after = zip([*args, *kwargs.values()], [*mine, *named.values()], strict=True)
        for place, (before, after) in enumerate(before_and_after):
            if not _same(before, after):
                argument = [*_parameters(self.given, len(args)), *kwargs][place]
                which = f"`{argument}`, " if argument else ""
                raise Wrong(
                    f"`{self.name}` changes {which}the {type(before).__name__} that it is given. "
                    "Whoever calls it still needs that: work on a copy, or make a new one."
                )
        if result is None:
            raise Wrong(f"`{self.name}` returns `None`. Did you forget the `return`?")
        return result


def _parameters(given: Callable, count: int) -> list[str]:
    """Names of the first ``count`` parameters by position; "" for those behind a ``*``."""
    try:
        found = inspect.signature(given).parameters.values()
    except Exception:  # built-ins and odd objects tell nothing
        found = ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in found if parameter.kind in kinds]
    return (names + [""] * count)[:count]


def _copy(value: object) -> object:
    try:
        return copy.deepcopy(value)
    except Exception:  # generators and open files have no copies
        return value


def _same(before: object, after: object) -> bool:
    """Whether a plain value or container is unchanged; other objects count as unchanged."""
    if isinstance(before, np.ndarray):
        floating = before.dtype.kind in "fc"
        return np.array_equal(before, after, equal_nan=floating) and before.dtype == after.dtype
    if type(before).__module__ == "torch" and hasattr(before, "detach"):
        return _same(before.detach().cpu().numpy(), after.detach().cpu().numpy())
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(_same(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, set | str | int | float | bytes):
        return before == after or before != before
    return True


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise :class:`TimeUp` in the block after ``seconds``, where the system can.

    Needs POSIX signals and the main thread, where Jupyter runs cells; elsewhere (Windows) an
    endless loop is stopped by interrupting the kernel.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeUp

    previous = signal.signal(signal.SIGALRM, stop)
    # It fires again and again, in case a bare `except:` in the answer swallows the first.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


@contextmanager
def limited_printing(characters: int = 2000) -> Iterator[None]:
    """Let the first ``characters`` that the block prints through, and drop the rest."""

    class Limited(io.TextIOBase):
        left = characters

        def write(self, text: str) -> int:
            if self.left > 0:
                screen.write(text[: self.left])
                self.left -= len(text)
                if self.left <= 0:
                    screen.write("\n[what your function prints beyond this is left out]\n")
            return len(text)

        def flush(self) -> None:
            screen.flush()

    screen = sys.stdout
    with redirect_stdout(Limited()):
        yield


def explain(error: BaseException, given: object, seconds: float) -> str:
    """Say in the student's terms what went wrong while their answer ran, and in which line."""
    where = _own_line(error.__traceback__, given)
    if isinstance(error, TimeUp):
        cause = f"It was still running after {seconds:g} s. Is there a loop that never ends? "
        cause += "(If not, the machine may be busy: run the check again.)"
    elif isinstance(error, RecursionError):
        cause = "The function calls itself without end (`RecursionError`)."
    elif isinstance(error, KeyboardInterrupt):
        cause = "You stopped it."
    else:
        cause = f"{error_as_code(error)}. {advice(text_of(error))}".rstrip()
        if isinstance(error, NameError):
            near = _near_name(error)
            cause += (
                f" Did you mean `{near}`?" if near else " Did you run the cells above this one?"
            )
        if half_imported(error):
            cause += f" {RESTART}"
    return f"{cause} {where}".strip()


def half_imported(error: BaseException) -> bool:
    """Whether an import that was broken off is what the error comes from."""
    return "partially initialized module" in text_of(error)


def _near_name(error: NameError) -> str | None:
    """Return the name, known where the error arose, that looks most like the one that is not."""
    trace = error.__traceback__
    if trace is None or not error.name:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    known = [*frame.f_locals, *frame.f_globals, *dir(builtins)]
    return next(iter(difflib.get_close_matches(error.name, known, n=1, cutoff=0.75)), None)


def in_own_code(error: BaseException, given: object) -> bool:
    """Whether the error passed through the student's code."""
    return bool(_own_line(error.__traceback__, given))


def raised_on_purpose(error: BaseException, given: object) -> bool:
    """Whether a ``raise`` of the student's code raised the error, not a step that failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_globals is not own_globals(given):
        return False
    step = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return dis.opname[step] == "RAISE_VARARGS"


def _own_line(trace: TracebackType | None, given: object) -> str:
    """The last line of the student's code that the error passed through."""
    own = own_globals(given)
    line = ""
    while trace is not None and own is not None:
        if trace.tb_frame.f_globals is own:
            code, number = trace.tb_frame.f_code, trace.tb_lineno
            text = linecache.getline(code.co_filename, number).strip()
            line = f"In `{code.co_name}`, line {number} of its cell"
            line += f": {_as_code(text)}." if text else "."
        trace = trace.tb_next
    return line


def own_globals(given: object) -> dict | None:
    """The namespace in which a function, or a class's methods, were defined."""
    functions = [given, *vars(given).values()] if isinstance(given, type) else [given]
    for function in functions:
        if hasattr(function, "__globals__"):
            return function.__globals__
    module = sys.modules.get(getattr(given, "__module__", None) or "")
    return vars(module) if module else None


def text_of(error: BaseException) -> str:
    """The error's message, whatever its class does, without the full stop at its end."""
    try:
        text = str(error)
    except Exception:  # the student's exception class may have a broken __str__
        text = ""
    text = text.rstrip()
    return (text[:-1] if text.endswith(".") and not text.endswith("..") else text) or "no message"


def error_as_code(error: BaseException) -> str:
    """The error's type and message between backticks, those of the message made quotes.

    Of a long message that has several lines, such as torch's lists of what a call might take, the
    first is enough, without what it announces.
    """
    text = text_of(error)
    shown = text if len(text) <= _LONG else text.splitlines()[0].removesuffix(_ANNOUNCES)
    return _as_code(f"{type(error).__name__}: {shown}")


def _as_code(text: str) -> str:
    return "`" + text.replace("`", "'") + "`"
