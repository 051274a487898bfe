from __future__ import annotations

import base64
import io

import ipywidgets as widgets
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from PIL import Image

from fedlab_utils.errors import CourseError
from fedlab_utils.ui import Picture, TwinBox, figure
from fedlab_utils.ui.twin import WIDGET_VIEW, png_bytes

ALT = "A straight line that rises from 0 to 2 over two years."


class _Toy(TwinBox):
    def twin(self) -> Picture:
        return Picture(png_bytes(Image.new("RGB", (4, 3), (10, 20, 30))), ALT)


def _line() -> tuple[plt.Figure, plt.Axes]:
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1, 2])
    ax.set(xlabel="time (years)", ylabel="volume (ml)")
    return fig, ax


def test_one_output_holds_the_widget_and_its_twin() -> None:
    toy = _Toy([widgets.IntSlider()])
    data, metadata = DisplayFormatter().format(toy)
    assert data[WIDGET_VIEW]["model_id"] == toy.model_id
    assert data["text/plain"] == ALT
    assert metadata["image/png"]["alt"] == ALT
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
    assert picture.size == (4, 3)
    assert picture.getpixel((0, 0)) == (10, 20, 30)


def test_a_figure_becomes_a_picture_with_words_and_is_closed() -> None:
    fig, _ = _line()
    shown = figure(fig, ALT)
    data, metadata = DisplayFormatter().format(shown)
    assert metadata == {"image/png": {"alt": ALT}}
    assert data["text/plain"] == ALT
    assert WIDGET_VIEW not in data
    assert Image.open(io.BytesIO(shown.png)).width > 200
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("missing", ["xlabel", "ylabel"])
def test_a_figure_with_a_nameless_axis_is_refused(missing: str) -> None:
    fig, ax = _line()
    ax.set(**{missing: ""})
    with pytest.raises(CourseError, match="an axis has no name"):
        figure(fig, ALT)
    plt.close(fig)


def test_axes_may_share_a_name_and_images_need_none() -> None:
    fig, axes = plt.subplots(1, 3)
    axes[0].imshow(np.eye(3))
    axes[0].set_axis_off()
    axes[1].sharey(axes[2])
    axes[1].set(xlabel="a (mm)", ylabel="b (mm)")
    axes[2].set_xlabel("c (mm)")
    assert figure(fig, ALT).alt == ALT


@pytest.mark.parametrize("alt", ["", "   ", "a plot"])
def test_alt_text_must_say_something(alt: str) -> None:
    with pytest.raises(CourseError, match="alt text"):
        Picture(b"", alt)


def test_compact_pictures_are_smaller_and_close_exact_ones_are_exact() -> None:
    noise = np.random.default_rng(0).normal(0, 4, (200, 300))
    grey = np.clip(np.linspace(0, 250, 300) + noise, 0, 255).astype(np.uint8)
    picture = Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
    exact, compact = png_bytes(picture, compact=False), png_bytes(picture)
    assert len(compact) < len(exact)
    assert (np.asarray(Image.open(io.BytesIO(exact))) == np.asarray(picture)).all()
    error = np.asarray(Image.open(io.BytesIO(compact)).convert("RGB"), int) - np.asarray(picture)
    assert abs(error).max() <= 3
