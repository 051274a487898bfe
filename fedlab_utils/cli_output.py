"""What the commands of ``fedlab`` say and how: documents, errors, progress.

``--json`` prints one JSON document on standard output and nothing else there, ``{"error": ...}`` if
the command is refused; every number in it is finite. Messages and the progress bar go to standard
error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from fedlab_utils.data.interrupts import first_interrupt_only
from fedlab_utils.errors import DataError, FedLabError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
"""Type of the argument ``as_json`` of a command."""

Layout = Annotated[str | None, typer.Option(help="Only where it cannot be told.")]
Scheme = Annotated[str | None, typer.Option(help="Label scheme, where it is asked for.")]
"""Types of the arguments ``layout`` and ``scheme`` of a command that opens a data set."""


class App(typer.Typer):
    """A command line that says in one line when what it prints cannot be written, and exits 2."""

    def __call__(self, *args: object, **more: object) -> object:
        """Run the command that the arguments, or those of the process, name."""
        try:
            return super().__call__(*args, **more)
        except OSError as error:
            if error.errno is None or error.filename is not None:
                raise
            with suppress(OSError):  # standard error may be full as well
                typer.echo(f"The output cannot be written: {error.strerror}.", err=True)
            # What is left in the buffer would fail again when Python ends, and be told again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(2)


@contextmanager
def reported(as_json: bool = False, stopped: str = "") -> Iterator[None]:
    """Turn a FedLab error into one line, or a document, and exit 2; ctrl-C into exit 130.

    Parameters
    ----------
    as_json
        Whether to print the error as a document, too.
    stopped
        What to say after ctrl-C; by default that nothing half-written was left behind.

    Raises
    ------
    typer.Exit
        In place of a :class:`FedLabError`, an ``OSError`` with a number, or ctrl-C.
    """
    try:
        try:
            with first_interrupt_only():
                yield
        except OSError as error:  # a disk that is full or gone, wherever it shows
            if error.errno is None:
                raise
            raise DataError(
                error.filename or "disk", f"{error.strerror}", "Check its place and free space"
            ) from error
    except FedLabError as error:
        if as_json:
            parts = {"case": error.case, "cause": error.cause, "remedy": error.remedy}
            print_json({"error": {"type": type(error).__name__, **parts}})
        typer.echo(f"{type(error).__name__}: {error}", err=True)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {stopped or 'Nothing half-written was left behind.'}", err=True)
        raise typer.Exit(130) from None


def print_json(document: object, indent: int | None = None) -> None:
    """Print a JSON document; NaN and infinity are no JSON and would be an error of ours."""
    typer.echo(json.dumps(document, indent=indent, allow_nan=False))


@contextmanager
def progress_bar(what: str, unit: str = "case") -> Iterator[Callable[[int, int], None]]:
    """Yield ``progress(done, total)`` drawing a bar on standard error."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
