"""What privacy cost a recorded fine-tuning, and what its networks draw at each budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.federated.private_utility import (
    UNTOUCHED,
    best_way,
    budget_trials,
    budgets_of,
    dice_at,
    kept_of_gain,
    ways_of,
)
from fedlab_utils.ui import slices
from fedlab_utils.ui.colours import METHOD_STYLES
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, TwinBox, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed

WAY_NAMES = {
    "all": "all weights",
    "low_rank": "norm, head and low rank",
    "norm_and_head": "norm and head",
}
_STYLES = {"all": "fedavg", "low_rank": "fedprox", "norm_and_head": "fedbn"}
RESAMPLES = 1000
SIZE, ENLARGED = (48, 48), 5
"""Of a slice that is shown, in pixels of the network; how large each is drawn."""


def cost_of_privacy(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot test Dice, and the share of the gain that is kept, against epsilon, for each way.

    Parameters
    ----------
    rows
        Of the study ``private_fine_tuning``, whole.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    FederationError
        If the public network, or training without privacy, is not recorded.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    told = [_draw_dice(axes[0], rows)]
    for number, way in enumerate(ways_of(rows)):
        budgets = budgets_of(rows, way)
        kept = [kept_of_gain(rows, way, e, resamples=RESAMPLES) for e in budgets]
        _interval_line(axes[1], budgets, kept, way, number)
        told.append(
            f"{WAY_NAMES.get(way, way)} keeps "
            + ", ".join(f"{k:.0%} at {e}" for k, e in zip(kept, budgets, strict=True))
        )
    axes[1].axhline(1, color="black", linewidth=0.8)
    axes[1].set(ylabel="share of the gain that is kept")
    _name_budgets(axes[1], budgets_of(rows, best_way(rows)))
    fig.suptitle(note, fontsize=9)
    return figure(fig, f"{'; '.join(told)}. {note}.")


def _draw_dice(ax: Axes, rows: Sequence[dict], marked: int | None = None) -> str:
    """Draw Dice by budget; without privacy stands right of the largest budget."""
    public = dice_at(rows, UNTOUCHED, resamples=RESAMPLES)
    ax.axhspan(public.low, public.high, color="#DDDDDD", zorder=0)
    ax.axhline(public.mean, color="black", linewidth=0.8, linestyle=":")
    at = ax.get_yaxis_transform()
    ax.text(0.02, public.high, "public network, untouched", transform=at, va="bottom", fontsize=8)
    told = [f"Dice by epsilon, with 95 % intervals. Public network, untouched: {public:.2f}"]
    for number, way in enumerate(ways_of(rows)):
        budgets = budgets_of(rows, way)
        every = [*budgets, 0] if budget_trials(rows, way) else budgets
        found = [dice_at(rows, way, epsilon, resamples=RESAMPLES) for epsilon in every]
        _interval_line(ax, [e or 2 * max(budgets) for e in every], found, way, number)
        told.append(
            f"{WAY_NAMES.get(way, way)}: "
            + ", ".join(f"{d:.2f} at {e or 'no limit'}" for d, e in zip(found, every, strict=True))
        )
    budgets = budgets_of(rows, ways_of(rows)[-1])
    if marked is not None:
        ax.axvline(marked or 2 * max(budgets), color="#BBBBBB", linewidth=8, zorder=0)
    ax.set(ylabel="Dice, mean over test patients")
    _name_budgets(ax, budgets, unlimited=True)
    ax.legend(loc="lower right", fontsize=8)
    return "; ".join(told)


def _interval_line(ax: Axes, at: Sequence[float], found: Sequence, way: str, number: int) -> None:
    style = METHOD_STYLES[_STYLES.get(way, "fedadam")]
    mean, reach = bars(found)
    ax.errorbar(
        np.array(at) * 1.04 ** (number - 1),  # side by side, where they would lie on each other
        mean,
        reach,
        color=style.on_paper,
        marker=style.marker,
        linestyle=style.line,
        capsize=3,
        label=WAY_NAMES.get(way, way),
    )


def _name_budgets(ax: Axes, budgets: Sequence[int], unlimited: bool = False) -> None:
    at, names = list(budgets), [str(e) for e in budgets]
    if unlimited:
        at, names = [*at, 2 * max(at)], [*names, "none"]
    ax.set_xscale("log", base=2)
    ax.set_xticks(at, names)
    ax.minorticks_off()
    what = "epsilon per patient, delta 1e-5"
    ax.set_xlabel(f"{what} (none: no privacy)" if unlimited else what)


class BudgetExplorer(TwinBox):
    """Choose a budget: recorded Dice, and what a network trained with that budget draws.

    Parameters
    ----------
    rows
        Of the study ``private_fine_tuning``, whole.
    networks
        ``"public"``, each budget, and ``"0"`` without privacy -> a network in evaluation mode,
        from :func:`fedlab_utils.studies.private_models.private_models`.
    patients
        Name -> a preprocessed patient with labels, on the networks' grid.
    note
        Where and when the rows were recorded; stands on the figure.
    way
        How the networks were fine-tuned.

    Attributes
    ----------
    shown : dict
        ``network``, ``patient``, ``slice``; ``area_cm2``, region -> (drawn, reference).
    """

    def __init__(
        self,
        rows: Sequence[dict],
        networks: Mapping[str, nn.Module],
        patients: Mapping[str, Preprocessed],
        note: str = "recorded",
        way: str = "norm_and_head",
    ) -> None:
        self._way = way
        self._rows, self._networks, self._patients = rows, dict(networks), dict(patients)
        self._note = note
        named = {"public": "untouched", "0": "no privacy"}
        self.budget = widgets.SelectionSlider(
            options=[(named.get(name, name), name) for name in self._networks],
            value=next(iter(self._networks)),
            description="Epsilon",
            layout={"width": "420px"},
        )
        self.patient = widgets.Dropdown(options=list(self._patients), description="Patient of")
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        for control in (self.budget, self.patient):
            control.observe(self.redraw, "value")
        self.redraw()
        controls = widgets.HBox([self.budget, self.patient], layout={"flex_flow": "row wrap"})
        super().__init__([controls, self._picture, self._text])

    def redraw(self, _change: object = None) -> None:
        """Draw again from the controls."""
        self._update_shown()
        self._picture.value = self._draw().png
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _update_shown(self) -> None:
        import torch

        from fedlab_utils.data import to_regions
        from fedlab_utils.data.windows import centred

        patient = self._patients[self.patient.value]
        at = int((np.asarray(patient.labels) > 0).sum((0, 1)).argmax())
        image = centred(np.asarray(patient.image[..., at], np.float32), SIZE)
        due = centred(to_regions(np.asarray(patient.labels))[..., at], SIZE).astype(bool)
        with torch.no_grad():
            logits = self._networks[self.budget.value](torch.from_numpy(image)[None])
        drawn = (logits[0] > 0).numpy()
        cm2 = patient.spacing[0] * patient.spacing[1] / 100
        self._slice = (image, drawn, due)
        self.shown = {
            "network": self.budget.value,
            "patient": self.patient.value,
            "slice": at,
            "area_cm2": {
                region: (float(drawn[n].sum() * cm2), float(due[n].sum() * cm2))
                for n, region in enumerate(REGIONS)
            },
        }

    def _draw(self) -> Picture:
        from matplotlib import pyplot as plt

        fig, axes = plt.subplots(1, 3, figsize=(12, 4.2), width_ratios=(2, 1.4, 1.4))
        network = self.shown["network"]
        _draw_dice(axes[0], self._rows, None if network == "public" else int(network))
        image, drawn, due = self._slice
        flair = image[SEQUENCES.index("FLAIR")]
        grey = slices.to_grey(
            slices.picture_array(flair, "axial", True), slices.display_window(flair)
        )
        size = (SIZE[0] * ENLARGED, SIZE[1] * ENLARGED)
        at = {"public": "untouched", "0": "without privacy"}.get(network, f"at epsilon {network}")
        for ax, masks, name in ((axes[1], due, "reference"), (axes[2], drawn, f"network {at}")):
            turned = np.stack([slices.picture_array(mask, "axial", True) for mask in masks])
            layers = slices.region_layers(turned)
            ax.imshow(slices.paint(grey, layers, size, 1, outline=True))
            ax.set_title(f"{name}, on FLAIR", fontsize=11)
            for x, side, align in ((0.02, "R", "left"), (0.98, "L", "right")):
                ax.text(x, 0.5, side, color="white", ha=align, transform=ax.transAxes)
            ax.set_axis_off()
        for layer in slices.region_layers(due):
            colour = np.array(layer.rgb) / 255
            axes[1].plot([], [], layer.line, color=colour, label=layer.name)
        fig.legend(*axes[1].get_legend_handles_labels(), loc="lower right", ncols=3, fontsize=9)
        fig.suptitle(self._note, fontsize=9)
        return figure(fig, self.describe())

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown, way = self.shown, self._way
        if shown["network"] == "public":
            told, dice = "The public network, untouched", dice_at(self._rows, UNTOUCHED)
        elif shown["network"] == "0":
            told, dice = f"{WAY_NAMES[way]} fine-tuned without privacy", dice_at(self._rows, way)
        else:
            told = f"{WAY_NAMES[way]} fine-tuned at epsilon {shown['network']} per patient (delta "
            told += "1e-5)"
            dice = dice_at(self._rows, way, int(shown["network"]))
        areas = ", ".join(
            f"{region} {drawn:.1f} ({due:.1f})"
            for region, (drawn, due) in shown["area_cm2"].items()
        )
        return (
            f"{told[0].upper()}{told[1:]}: mean Dice {dice:.2f} over all test patients and seeds. "
            f"One patient of the hospital {shown['patient']}, slice {shown['slice']}, area drawn "
            f"(reference) in square centimetres: {areas}. {self._note}."
        )

    def twin(self) -> Picture:
        """Picture of the settings as they stand."""
        return self._draw()
