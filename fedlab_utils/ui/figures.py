"""Still figure of a cohort: its intensities before and after normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.ui.colours import Style, hospital_styles
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.ui.scan import Scan

_WIDTH, _SMALL = 9.0, 9.5
"""Inches that a notebook shows unscaled, and the smallest writing in points, there 9 pt or more."""


def intensity_histograms(cases: Sequence[Scan], normalised: Sequence[Preprocessed]) -> Picture:
    """Plot the brain's intensities of several patients before and after normalisation.

    Parameters
    ----------
    cases
        Patients as read from their files; brain is what is not 0.
    normalised
        The same patients after :func:`fedlab_utils.data.preprocess`, in the same order.
    """
    from matplotlib import pyplot as plt

    names = [f"{n}: {after.case_id}" for n, after in enumerate(normalised, start=1)]
    styles = hospital_styles(f"case {n + 1}" for n in range(len(names))).values()
    lines = dict(zip(names, styles, strict=True))
    fig, axes = plt.subplots(
        2, len(SEQUENCES), figsize=(_WIDTH, 6), sharey="row", layout="constrained"
    )
    spread = []
    for channel, sequence in enumerate(SEQUENCES):
        before = [c.image[channel][c.image[channel] != 0] for c in cases]
        after = [np.asarray(p.image[channel][p.brain], np.float32) for p in normalised]
        top, bottom = axes[:, channel]
        _histograms(top, before, lines, from_zero=True)
        _histograms(bottom, after, lines, from_zero=False)
        top.set_title(sequence)
        top.set_xlabel("intensity (scanner's units)")
        bottom.set_xlabel("z-score")
        medians = [float(np.median(v)) for v in before]
        spread.append(f"{sequence} {min(medians):.4g} to {max(medians):.4g}")
    axes[0, 0].set_ylabel("before: % of brain voxels")
    axes[1, 0].set_ylabel("after: % of brain voxels")
    for ax in axes.flat:
        ax.tick_params(labelsize=_SMALL)
        ax.xaxis.label.set_size(_SMALL)
        ax.yaxis.label.set_size(_SMALL)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=_SMALL)
    alt = (
        f"Histograms of the brain's intensities of {len(names)} patients, before (top) and after "
        f"(bottom) normalisation. Medians before normalisation range: "
    )
    return figure(fig, f"{alt}{', '.join(spread)}; after it, the curves overlap.")


def _histograms(
    ax: Axes, values: Sequence[np.ndarray], lines: dict[str, Style], from_zero: bool
) -> None:
    """Draw one line per patient, in percent of the patient's voxels, over 64 common bins."""
    top = max(float(np.percentile(v, 99.5)) for v in values)
    low = 0.0 if from_zero else min(float(np.percentile(v, 0.5)) for v in values)
    edges = np.linspace(low, top, 65)
    middle = (edges[1:] + edges[:-1]) / 2
    for v, (name, style) in zip(values, lines.items(), strict=True):
        share = 100 * np.histogram(v, edges)[0] / v.size
        ax.plot(middle, share, style.line, color=style.colour, label=name)
