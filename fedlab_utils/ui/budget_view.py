"""A budget to choose: what a recorded fine-tuning reached with it, and what its network draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.federated.private_utility import UNTOUCHED, dice_at
from fedlab_utils.ui import slices
from fedlab_utils.ui.budget_plots import WAY_NAMES, draw_dice
from fedlab_utils.ui.twin import Picture, TwinBox, figure

if TYPE_CHECKING:
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed

SIZE, ENLARGED = (48, 48), 5
"""Of a slice that is shown, in pixels of the network; how large each is drawn."""


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
        draw_dice(axes[0], self._rows, None if network == "public" else int(network))
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
