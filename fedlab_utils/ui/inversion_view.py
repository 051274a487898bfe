"""Gradient inversion to look at: what was sent for, what came back, and an explorer to try it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.ui.slices import picture_array
from fedlab_utils.ui.twin import Picture, TwinBox, figure

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy import Trial

SHOWN = ("T1ce", "FLAIR")
"""Sequences in pictures: the one that shows enhancement, and the one that shows oedema."""

BATCHES, STEPS, NOISES = (1, 2, 4), (1, 2, 4), (0.0, 0.3, 1.0, 3.0, 10.0)
ITERATIONS = 150


def inversion_pictures(columns: Mapping[str, np.ndarray], told: str) -> Picture:
    """Show images of one patient side by side, one row per sequence in :data:`SHOWN`.

    Parameters
    ----------
    columns
        Title -> ``(4, X, Y)`` in the order of ``SEQUENCES``; all have the grey scale of the first.
    told
        What the figure shows, in words.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(
        len(SHOWN),
        len(columns),
        figsize=(2.1 * len(columns), 2.2 * len(SHOWN)),
        layout="constrained",
        squeeze=False,
    )
    truth = np.asarray(next(iter(columns.values())))
    for row, name in zip(axes, SHOWN, strict=True):
        at = SEQUENCES.index(name)
        low, high = np.percentile(truth[at], (1, 99))
        for ax, (title, image) in zip(row, columns.items(), strict=True):
            seen = picture_array(np.asarray(image)[at], "axial", radiological=True)
            ax.imshow(seen, cmap="gray", vmin=low, vmax=high)
            ax.set_title(f"{title}\n{name}", fontsize=8)
            ax.set_axis_off()
    return figure(fig, told)


class InversionExplorer(TwinBox):
    """Choose what a hospital sends, press the button, and see what comes back out of it.

    Parameters
    ----------
    networks
        Name -> weights that the server sent.
    images, target, brain
        The hospital's slices, ``(N, 4, X, Y)``, ``(N, 3, X, Y)`` and bool ``(N, 1, X, Y)``; the
        first one is shown.
    public
        Other patients' slices ``(M, 4, X, Y)``, for the guesses; none of the first 4 of ``images``,
        or the nearest guess to a batch would be the truth itself.
    first
        An attack on the first network with one slice, one step and no noise, already made; None:
        it is made at once.
    guesses
        Name -> a further guess of the hospital's slices ``(N, 4, X, Y)``, such as one painted from
        the mask, which the attacker knows.

    Attributes
    ----------
    shown : dict
        ``network``, ``batch``, ``steps``, ``noise``; ``attack`` (4, X, Y), ``nearest`` (4, X, Y);
        ``table``, the rows of :func:`fedlab_utils.privacy.against_guesses`; ``counts``.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        images: torch.Tensor,
        target: torch.Tensor,
        brain: torch.Tensor,
        public: torch.Tensor,
        first: Trial | None = None,
        guesses: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.networks, self.public, self.guesses = dict(networks), public, guesses
        self.images, self.target, self.brain = images, target, brain
        wide = {"style": {"description_width": "110px"}, "layout": {"width": "320px"}}
        self.network = widgets.ToggleButtons(
            options=list(networks), description="Weights", style={"button_width": "max-content"}
        )
        self.batch = widgets.SelectionSlider(options=BATCHES, description="Slices", **wide)
        self.steps = widgets.SelectionSlider(options=STEPS, description="Local steps", **wide)
        self.noise = widgets.SelectionSlider(options=NOISES, description="Noise", **wide)
        self.button = widgets.Button(description="Attack", button_style="warning")
        self.button.on_click(self.attack)
        self._image = widgets.Image(format="png")
        self._text = widgets.HTML()
        self._show(first if first is not None else self._try())
        row = {"flex_flow": "row wrap"}
        super().__init__(
            [
                self.network,
                widgets.HBox([self.batch, self.steps, self.noise], layout=row),
                self.button,
                self._image,
                self._text,
            ]
        )

    def _try(self) -> Trial:
        from fedlab_utils.privacy import InversionSettings, try_inversion

        return try_inversion(
            self.networks[self.network.value],
            self.images,
            self.target,
            self.public,
            batch=self.batch.value,
            steps=self.steps.value,
            noise=self.noise.value,
            brain=self.brain,
            guesses=self.guesses,
            settings=InversionSettings(iterations=ITERATIONS),
        )

    def attack(self, _button: object = None) -> None:
        """Attack as the controls say, unless that is what is shown.

        The button is not disabled meanwhile, or it would lose the keyboard's focus. Whoever presses
        it twice asks for the same attack again, which would come out the same.
        """
        if self._settings().items() <= self.shown.items():
            self._say(f"These settings are shown already. {self.describe()}")
            return
        self._say("The attack runs. Several slices or steps take minutes ...")
        self._show(self._try())

    def _settings(self) -> dict[str, object]:
        names = ("network", "batch", "steps", "noise")
        return {name: getattr(self, name).value for name in names}

    def _say(self, words: str) -> None:
        self._text.value = f"<div role='status'>{words}</div>"

    def _show(self, trial: Trial) -> None:
        from fedlab_utils.privacy.image_scores import best_order, nearest_guess

        truth = self.images[: len(trial.inversion.images)]
        at = best_order(trial.inversion.images, truth)[0]
        self.shown = {
            **self._settings(),
            "attack": trial.inversion.images[at].numpy(),
            "nearest": nearest_guess(self.public, self.images[:1])[0].numpy(),
            "table": trial.table,
            "counts": trial.counts,
        }
        self._say(self.describe())
        self._image.value = self.twin().png

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown, rows = self.shown, {row["name"]: row for row in self.shown["table"]}
        attack = rows.pop("attack")
        guesses = ", ".join(
            f"{name} {row['psnr']:.1f} dB and {row['ssim']:.2f}" for name, row in rows.items()
        )
        verdict = "beats all guesses" if shown["counts"] else "does not beat all guesses"
        slices = f"{shown['batch']} slice{'s' * (shown['batch'] > 1)}"
        if shown["batch"] > 1:
            slices += " (scores are their mean, the first is shown)"
        steps = f"{shown['steps']} local step{'s' * (shown['steps'] > 1)}"
        return (
            f"Weights: {shown['network']}; {slices}, {steps}, noise {shown['noise']:g} times the "
            f"update's size. The attack reaches {attack['psnr']:.1f} dB and a similarity of "
            f"{attack['ssim']:.2f} and {verdict} ({guesses})."
        )

    def twin(self) -> Picture:
        """Draw the same as a still picture."""
        columns = {
            "the patient": self.images[0].numpy(),
            "nearest public patient": self.shown["nearest"],
            "out of the update": self.shown["attack"],
        }
        return inversion_pictures(columns, self.describe())
