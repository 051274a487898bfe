"""From a patient to the tumour that a network sees in it, in the grid of the patient's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.segmentation.training import products_in
from fedlab_utils.segmentation.unet import STRIDE

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.case import Case
    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.segmentation.weights import TrainedModel

THRESHOLD = 0.5
"""A voxel belongs to a region from this probability on."""


def predict_probabilities(
    model: TrainedModel,
    patient: Preprocessed,
    batch: int = 16,
    flip: bool = False,
    precision: str = "fp32",
) -> np.ndarray:
    """Return the probability of each region in each voxel of a preprocessed patient.

    In 2-D every slice of each of the model's views goes through the network, padded or cropped to
    one size about its middle, and the views' answers are averaged; in 3-D a window slides over the
    volume, and overlapping answers are blended (``monai.inferers.sliding_window_inference``).

    Parameters
    ----------
    model
        From :func:`fedlab_utils.segmentation.load_model` or training.
    patient
        Preprocessed as ``model.preprocessing`` says. Needs no labels.
    batch
        Slices that go through the network at once.
    flip
        Average with the answer to the mirror image: twice the time, a little steadier.
    precision
        ``"fp32"`` or ``"bf16"``, as in training.

    Returns
    -------
    numpy.ndarray
        float32 ``(3, X, Y, Z)`` in the order ET, TC, WT, 0 outside the brain.
    """
    import torch

    channels = [SEQUENCES.index(sequence) for sequence in model.unet.sequences]
    image = np.asarray(patient.image)[channels]
    device = next(model.network.parameters()).device
    model.network.eval()

    def network(inputs: torch.Tensor) -> torch.Tensor:
        with (
            torch.inference_mode(),
            products_in(precision, device),
        ):  # here, since each thread has its own modes
            answer = torch.sigmoid(model.network(inputs).float())
            if flip:
                answer = answer + torch.sigmoid(model.network(inputs.flip(2)).float()).flip(2)
            return answer / (2 if flip else 1)

    if model.unet.spatial_dims == 2:
        answers = [_slices(network, image, view, model.size, batch, device) for view in model.views]
        answer = sum(answers) / len(answers)
    else:
        with torch.inference_mode():
            answer = _volume(network, image, model.size, batch, device)
    return answer * np.asarray(patient.brain)


def _slices(
    network, image: np.ndarray, view: int, size: tuple[int, ...], batch: int, device
) -> np.ndarray:
    """Send the slices of a view through a 2-D network: (C, X, Y, Z) -> (3, X, Y, Z)."""
    import torch

    from fedlab_utils.data.windows import centred
    from fedlab_utils.segmentation.threads import in_threads

    slices = np.moveaxis(image, 1 + view, 0)  # (slices, C, edge, edge)
    shape = slices.shape[2:]
    edges = [
        max(edge, -(-length // STRIDE) * STRIDE) for edge, length in zip(size, shape, strict=False)
    ]
    padded = centred(slices.astype(np.float32), edges)
    answer = np.empty((len(slices), len(REGIONS), *shape), np.float32)

    def fill(part: slice) -> None:
        inputs = torch.from_numpy(np.ascontiguousarray(padded[part])).to(device)
        answer[part] = centred(network(inputs).cpu().numpy(), shape)

    parts = [slice(first, first + batch) for first in range(0, len(slices), batch)]
    in_threads(fill, parts, device.type)
    return np.moveaxis(answer, 0, 1 + view)


def _volume(network, image: np.ndarray, size: tuple[int, ...], batch: int, device) -> np.ndarray:
    """Slide a window of a 3-D network over the volume."""
    import torch
    from monai.inferers import sliding_window_inference

    inputs = torch.from_numpy(image.astype(np.float32))[None].to(device)
    answer = sliding_window_inference(
        inputs, size, sw_batch_size=max(1, batch // 16), predictor=network, mode="gaussian"
    )
    return answer[0].cpu().numpy()


def predict_labels(
    model: TrainedModel, case: Case, flip: bool = False, precision: str = "fp32"
) -> np.ndarray:
    """Segment a case: canonical labels, shaped and oriented as its own files.

    Parameters
    ----------
    model, flip, precision
        As :func:`predict_probabilities`.
    case
        From :func:`fedlab_utils.data.load_case`; its segmentation, if any, is not looked at.

    Returns
    -------
    numpy.ndarray
        uint8, canonical.
    """
    from dataclasses import replace

    from fedlab_utils.data.preprocessing import preprocess

    patient = preprocess(replace(case, labels=None), model.preprocessing)
    probabilities = predict_probabilities(model, patient, flip=flip, precision=precision)
    return to_file_labels(probabilities, patient, case)


def to_file_labels(probabilities: np.ndarray, patient: Preprocessed, case: Case) -> np.ndarray:
    """Decide on the file's own grid, where probabilities keep the outline between coarse voxels.

    Pieces that are small beside the largest are left out, and a trace of enhancing tumour counts as
    core without enhancement, see :mod:`.components`.
    """
    from fedlab_utils.data.regions import from_regions
    from fedlab_utils.data.restore import restore_probabilities
    from fedlab_utils.segmentation.components import drop_little_enhancement, drop_small_pieces

    regions = probabilities >= THRESHOLD
    probabilities = np.where(regions & ~drop_small_pieces(regions), 0, probabilities)
    labels = from_regions(restore_probabilities(probabilities, patient, case) >= THRESHOLD)
    voxel_ml = abs(np.linalg.det(case.grid.affine[:3, :3])) / 1000
    return drop_little_enhancement(labels, voxel_ml)
