"""What a server sees: rows of numbers as pictures, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedlab_utils.ui.slices import picture_array
from fedlab_utils.ui.twin import Picture, figure

_PER_ROW = 5


def server_view(images: Mapping[str, np.ndarray]) -> Picture:
    """Show arrays as pictures, each with its own scale beside it.

    Parameters
    ----------
    images
        Title -> ``(X, Y)``, patients per point of an axial plane; the patient's left is at the
        right, as in radiology.
    """
    from matplotlib import pyplot as plt

    columns = min(len(images), _PER_ROW)
    rows = -(-len(images) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(2.9 * columns, 2.9 * rows), layout="constrained", squeeze=False
    )
    told = []
    for ax in axes.ravel()[len(images) :]:
        ax.set_visible(False)
    for ax, (title, image) in zip(axes.ravel(), images.items(), strict=False):
        drawn = ax.imshow(picture_array(np.asarray(image), "axial", radiological=True))
        ax.set_title(title, fontsize=9)
        ax.set_axis_off()
        bar = fig.colorbar(drawn, ax=ax, shrink=0.7)
        bar.set_label("patients", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.ax.yaxis.get_offset_text().set_fontsize(7)
        told.append(f"{title}: from {image.min():.3g} to {image.max():.3g}{_look(image)}")
    return figure(fig, f"Numbers of patients with tumour, seen from above. {'; '.join(told)}.")


def _look(image: np.ndarray) -> str:
    """Say whether neighbours resemble each other: a picture, or noise."""
    centred = np.asarray(image, float) - np.mean(image)
    spread = (centred**2).mean()
    alike = (centred[1:] * centred[:-1]).mean() / spread if spread else 1.0
    return ", noise" if abs(alike) < 0.3 else ""
