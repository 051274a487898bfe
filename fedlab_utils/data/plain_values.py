"""Settings are plain Python values of the type that they are declared with, or refused."""

from __future__ import annotations

import math
import sys
from dataclasses import Field, fields

import numpy as np

from fedlab_utils.errors import FedLabError

_DUE = {
    int: "a whole number",
    float: "a finite number",
    bool: "True or False",
    str: "text",
}


def plain(name: str, value: object, kind: type, error: type[FedLabError] = FedLabError) -> object:
    """Return a setting's value as ``kind``: ``int``, ``float``, ``bool`` or ``str``.

    A numpy scalar counts as what it holds, and a whole number where a number is due. Nothing else
    is converted: ``"3"`` is no number, 1 is not True, 2.0 is not whole.

    Parameters
    ----------
    name
        The setting, for the error.
    value
        What was passed.
    kind
        What is due.
    error
        Type to raise.

    Raises
    ------
    FedLabError
        Of the type ``error``, if the value is of another type, infinite or NaN.
    """
    found = value.item() if isinstance(value, np.generic) else value
    if kind is float and type(found) is int and abs(found) <= sys.float_info.max:
        found = float(found)
    if type(found) is not kind or (kind is float and not math.isfinite(found)):
        raise error(name, f"it is {_shown(value)}", f"Pass {_DUE[kind]}")
    return found


def plain_seed(value: object, error: type[FedLabError] = FedLabError) -> int:
    """Return a seed as Python's number: one that numpy, torch and Flower's messages can hold.

    Raises
    ------
    FedLabError
        Of the type ``error``, if it is no whole number from 0 to 2**63 - 1.
    """
    seed = plain("seed", value, int, error)
    if not 0 <= seed < 2**63:
        raise error("seed", f"it is {_shown(value)}", "Pass a whole number from 0 to below 2**63")
    return seed


def make_plain(settings: object, error: type[FedLabError] = FedLabError) -> None:
    """Make each field of a frozen dataclass what :func:`plain` says, by the type of its default.

    For its ``__post_init__``; raises as :func:`plain`. A default of None may stay.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value is not None or field.default is not None:
            value = plain(field.name, value, kind_of(field), error)
            object.__setattr__(settings, field.name, value)


def kind_of(field: Field) -> type:
    """Return the type of a setting: its default's; a default of None stands in for a number."""
    return float if field.default is None else type(field.default)


def _shown(value: object) -> str:
    """Return a value in one line for an error, cut short."""
    try:
        shown = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of more than 4300 digits
        return f"a number of {value.bit_length()} bits"
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
