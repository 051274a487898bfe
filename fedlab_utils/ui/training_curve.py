"""Training as it happens: loss and validation Dice, a point per epoch."""

from __future__ import annotations

import ipywidgets as widgets

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.ui.colours import REGION_STYLES
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import LiveBox, Picture, figure
from fedlab_utils.ui.width import follow_width

_LOSS_COLOUR = "#000000"
_KEPT_COLOUR = "#767676"


class TrainingCurve(LiveBox):
    """A curve that grows while a network is trained, with a line at the epoch that is kept.

    Kept are the weights of the epoch with the best mean Dice on validation patients so far; of
    equal ones the first. Without validation patients there is no line.

    Used as ``with TrainingCurve() as curve: fit_unet(..., on_epoch=curve.add)``: it is shown at
    the beginning, and its picture is stored in the notebook at the end.

    Attributes
    ----------
    rows : list of dict
        The rows so far, as :class:`fedlab_utils.segmentation.Fit` has them in ``curve``.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.plot = plotly_figure(layout=_layout())
        self.plot.add_scatter(
            x=[],
            y=[],
            name="training loss",
            yaxis="y2",
            line={"color": _LOSS_COLOUR, "dash": "dot"},
        )
        for region in REGIONS:
            style = REGION_STYLES[region]
            self.plot.add_scatter(
                x=[],
                y=[],
                name=f"Dice {region}",
                mode="lines+markers",
                line={"color": style.on_paper},
            )
        self.plot.add_scatter(
            x=[],
            y=[],
            name="kept epoch",
            mode="lines",
            line={"color": _KEPT_COLOUR, "dash": "dash"},
        )
        self._bar = widgets.IntProgress(0, 0, 1, layout={"width": "50%"})
        self._text = widgets.HTML("Not begun yet.")
        progress = widgets.HBox([self._bar, self._text])
        super().__init__([progress, self.plot, follow_width(self.plot)])

    def add(self, row: dict[str, float], epochs: int) -> None:
        """Add an epoch: what ``on_epoch`` of :func:`fedlab_utils.segmentation.fit_unet` gives."""
        self.rows.append(row)
        self._bar.max, self._bar.value = max(epochs, 1), int(row["epoch"])
        self._text.value = f"<span role='status'>{self.describe(epochs)}</span>"
        *curves, (epoch, values) = self._series()
        *traces, kept = self.plot.data
        with self.plot.batch_update():
            for trace, (x, y) in zip(traces, curves, strict=True):
                trace.x, trace.y = x, y
        # In the batch, where its x changes and its y does not, plotly's page would lose the y.
        kept.update(x=epoch, y=values)

    def describe(self, epochs: int | None = None) -> str:
        """Say in words how training went so far; also the picture's alt text."""
        if not self.rows:
            return "A training that has not begun yet."
        last = self.rows[-1]
        of = f" of {epochs}" if epochs else ""
        text = f"Epoch {int(last['epoch'])}{of}, training loss {last['loss']:.3f}"
        seen = [row for row in self.rows if "dice_wt" in row]
        if seen:
            dice = ", ".join(f"{r} {seen[-1][f'dice_{r.lower()}']:.2f}" for r in REGIONS)
            text += f"; validation Dice in epoch {int(seen[-1]['epoch'])}: {dice}"
        kept = self.kept_epoch()
        if kept is not None:
            text += f"; best so far and kept: epoch {kept}"
        return text + "."

    def kept_epoch(self) -> int | None:
        """Return the epoch whose weights are kept as it stands, None before any validation."""
        looked = [row for row in self.rows if "dice" in row]
        return int(max(looked, key=lambda row: row["dice"])["epoch"]) if looked else None

    def _series(self) -> list[tuple[list[float], list[float]]]:
        """Epochs and values of each line: loss, Dice of ET, TC, WT, then that at the kept epoch."""
        names = ["loss", *(f"dice_{region.lower()}" for region in REGIONS)]
        kept = self.kept_epoch()
        return [
            *(
                (
                    [row["epoch"] for row in self.rows if name in row],
                    [row[name] for row in self.rows if name in row],
                )
                for name in names
            ),
            ([], []) if kept is None else ([kept, kept], [0, 1]),
        ]

    def twin(self) -> Picture:
        """Draw the curve as a still picture."""
        from matplotlib import pyplot as plt

        fig, left = plt.subplots(figsize=(9, 3.8))
        right = left.twinx()
        loss, *dice, kept = self._series()
        right.plot(*loss, ":", color=_LOSS_COLOUR, label="training loss")
        for region, (epochs, values) in zip(REGIONS, dice, strict=True):
            style = REGION_STYLES[region]
            left.plot(
                epochs, values, marker=style.marker, color=style.on_paper, label=f"Dice {region}"
            )
        left.plot(*kept, "--", color=_KEPT_COLOUR, label="kept epoch", zorder=1)
        left.set(xlabel="epoch", ylabel="Dice on validation patients", ylim=(0, 1))
        right.set_ylabel("training loss")
        fig.legend(loc="outside upper center", ncols=5, fontsize=9)
        return figure(fig, self.describe())


def _layout() -> dict:
    return {
        "height": 360,
        "autosize": True,
        "template": "simple_white",
        "margin": {"l": 60, "r": 60, "t": 30, "b": 45},
        "xaxis": {"title": {"text": "epoch"}},
        "yaxis": {"title": {"text": "Dice on validation patients"}, "range": [0, 1]},
        "yaxis2": {
            "title": {"text": "training loss"},
            "overlaying": "y",
            "side": "right",
            "tickmode": "auto",  # else as many ticks as on the left, at odd numbers
        },
    }
