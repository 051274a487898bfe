"""Pictures with alt text, and widgets that carry a picture of themselves.

One output holds the live widget and its static twin: ``application/vnd.jupyter.widget-view+json``
beside ``image/png`` (with ``alt`` in its metadata, where nbconvert, nbviewer and GitHub look for
it) and the same words as ``text/plain``. Jupyter shows the richest form that it can.
"""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import ipywidgets as widgets
from PIL import Image

from fedlab_utils.errors import CourseError
from fedlab_utils.ui.keyboard import KeepKeys
from fedlab_utils.ui.names import NameControls

if TYPE_CHECKING:
    from types import TracebackType

    from matplotlib.figure import Figure

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_MIN_ALT = 20


def png_bytes(picture: Image.Image, compact: bool = True) -> bytes:
    """Encode a picture as PNG.

    Parameters
    ----------
    picture
        RGB picture.
    compact
        Reduce to the 256 best colours and compress well, for what is stored in a notebook. Off,
        encoding is exact and fast, for a widget that follows a slider.
    """
    buffer = io.BytesIO()
    if compact:
        picture = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
        picture.save(buffer, "png", optimize=True)
    else:
        picture.save(buffer, "png", compress_level=1)
    return buffer.getvalue()


class Picture:
    """A PNG with its alt text; shown when it is the last line of a cell.

    Parameters
    ----------
    png
        The encoded picture.
    alt
        What the picture shows, in words, for those who cannot see it: at least 20 characters.

    Raises
    ------
    CourseError
        If the alt text is missing or says next to nothing.
    """

    def __init__(self, png: bytes, alt: str) -> None:
        if len(alt.strip()) < _MIN_ALT:
            raise CourseError(
                "figure",
                f"the alt text {alt!r} says too little",
                "Tell in a sentence what the figure shows, with its main values",
            )
        self.png, self.alt = png, " ".join(alt.split())

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:  # noqa: ARG002
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}


def figure(fig: Figure, alt: str) -> Picture:
    """Turn a matplotlib figure into a picture with alt text, and close the figure.

    Parameters
    ----------
    fig
        The figure. Every visible pair of axes must name both axes, with units where there are any;
        axes that show an image are switched off with ``ax.set_axis_off()``.
    alt
        What the figure shows, in words.

    Raises
    ------
    CourseError
        If an axis has no name, or the alt text says next to nothing.
    """
    from matplotlib import pyplot as plt

    for number, ax in enumerate(fig.axes, start=1):
        colourbar = ax.get_label() == "<colorbar>"
        labels = [ax.get_xlabel() or _shared_label(fig, ax, "x")]
        labels.append(ax.get_ylabel() or _shared_label(fig, ax, "y"))
        named = any(labels) if colourbar else all(labels)
        if ax.axison and ax.get_visible() and not named:
            raise CourseError(
                f"figure, axes {number} {ax.get_title()!r}",
                "an axis has no name",
                "Call set_xlabel and set_ylabel, with the unit, or set_axis_off for an image",
            )
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=100, bbox_inches="tight", facecolor="white")
    plt.close(fig)
    return Picture(png_bytes(Image.open(buffer)), alt)


def _shared_label(fig: Figure, ax: object, direction: str) -> str:
    """Name of an axis that this pair of axes shares with the one at the edge of the grid."""
    group = getattr(ax, f"get_shared_{direction}_axes")().get_siblings(ax)
    names = [getattr(other, f"get_{direction}label")() for other in group]
    whole = fig.get_supxlabel() if direction == "x" else fig.get_supylabel()
    return next(filter(None, names), "") or whole


class TwinBox(widgets.VBox):
    """A widget that carries a picture of itself; its controls have names and keep their keys.

    Subclasses define `twin`, made by the same drawing code as the live view.
    """

    def __init__(self, children: Sequence[widgets.Widget] = ()) -> None:
        super().__init__([*children, KeepKeys(), NameControls()])

    def twin(self) -> Picture:
        """Picture of the widget as it stands now."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:  # noqa: ARG002
        _enable_widgets_on_colab()
        data, metadata = self.twin()._repr_mimebundle_()
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {WIDGET_VIEW: view, **data}, metadata


class LiveBox(TwinBox):
    """A box that follows work under way: ``with Box() as box: work(box.add)``.

    It is shown at the beginning, and its picture is stored in the notebook at the end.
    """

    def __enter__(self) -> Self:
        from IPython.display import display

        self._shown = display(self, display_id=True)
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.update(self)


def _enable_widgets_on_colab() -> None:
    """Colab shows widgets from outside ipywidgets only once its own manager is switched on."""
    colab = sys.modules.get("google.colab.output")
    if colab is not None:
        colab.enable_custom_widget_manager()
