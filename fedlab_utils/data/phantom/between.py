"""Scanners between two scanners: how far a hospital's machine lies from another one."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from fedlab_utils.data.phantom.scanner import Scanner, Sequence


def between(first: Scanner, second: Scanner, share: float) -> Scanner:
    """Return the scanner that lies at ``share`` of the way from one scanner to another.

    Times, angles, slice thickness, noise and shading change in proportion (geometric mean), field
    strength and dose evenly. What cannot be mixed (spin or gradient echo, direction of the slices)
    is that of the nearer one, and with the kind of echo go its times and its angle.

    Parameters
    ----------
    first, second
        Any two.
    share
        0 gives ``first``, 1 ``second``.
    """
    if share in (0, 1) or first == second:
        return second if share else first
    mixed = {
        name: _mixed_sequence(getattr(first, name), getattr(second, name), share)
        for name in ("t1", "t1ce", "t2", "flair")
    }
    return Scanner(
        f"{second.name}, {share:.0%} of the way from {first.name}",
        (1 - share) * first.field_strength_t + share * second.field_strength_t,
        **mixed,
        bias=_geometric(first.bias, second.bias, share),
        contrast_dose=(1 - share) * first.contrast_dose + share * second.contrast_dose,
    )


def _mixed_sequence(first: Sequence, second: Sequence, share: float) -> Sequence:
    nearer = second if share >= 0.5 else first
    how = {"thickness_mm", "in_plane_mm", "noise"}
    if first.kind == second.kind:
        how |= {"tr_ms", "te_ms", "ti_ms", "flip_deg"}
    return replace(
        nearer,
        **{
            field.name: _geometric(getattr(first, field.name), getattr(second, field.name), share)
            for field in fields(Sequence)
            if field.name in how
        },
    )


def _geometric(first: float, second: float, share: float) -> float:
    """Mean in proportion; evenly where one of the two is 0, which has no proportion."""
    if min(first, second) <= 0:
        return (1 - share) * first + share * second
    return float(np.exp((1 - share) * np.log(first) + share * np.log(second)))
