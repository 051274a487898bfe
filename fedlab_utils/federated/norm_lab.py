"""A laboratory for normalisation layers: a tiny network with or without batch statistics.

The package's U-Net has no batch statistics on purpose. Here is a network small enough to train in
a second that may have them, to see what averaging does to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.hospital_cases import HospitalPatients
from fedlab_utils.errors import ModelError
from fedlab_utils.federated.unet_task import UNetTask

if TYPE_CHECKING:
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed

NORMS = ("batch", "instance")

DILATIONS = (1, 2, 4, 1)
"""Of the network's 3 x 3 convolutions: how far apart the pixels lie that each looks at."""


def tiny_network(norm: str = "batch", width: int = 12, seed: int = 0) -> nn.Module:
    """Build a network of four 3 x 3 convolutions, each normalised, and a 1 x 1 convolution.

    Parameters
    ----------
    norm
        ``"batch"`` (Ioffe and Szegedy 2015, arXiv:1502.03167) with running averages, or
        ``"instance"``.
    width
        Channels between the layers.
    seed
        Decides the weights; torch's global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        ``(B, 4, X, Y)`` -> logits ``(B, 3, X, Y)``.

    Raises
    ------
    ModelError
        If there is no such layer.
    """
    import torch
    from torch import nn

    if norm not in NORMS:
        raise ModelError("tiny_network", f"norm is {norm!r}", f"Take {' or '.join(NORMS)}")
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = len(SEQUENCES)
        for dilation in DILATIONS:
            layers += [
                nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation, bias=False),
                nn.BatchNorm2d(width) if norm == "batch" else nn.InstanceNorm2d(width, affine=True),
                nn.LeakyReLU(0.1),
            ]
            channels = width
        return nn.Sequential(*layers, nn.Conv2d(width, len(REGIONS), 1))


@dataclass(frozen=True)
class NormTask(UNetTask):
    """Hospitals that train the tiny network; everything else is as in :class:`UNetTask`.

    Attributes
    ----------
    norm
        ``"batch"`` or ``"instance"``.
    """

    norm: str = "batch"

    def build(self) -> nn.Module:
        """Return the tiny network with its first weights."""
        return tiny_network(self.norm, seed=self.seed)


@dataclass(frozen=True, eq=False)
class InUnits(HospitalPatients):
    """Patients whose images come in their scanner's own units, as if nobody had normalised them.

    Attributes
    ----------
    unit
        Factor by which intensities are larger.
    """

    unit: float = 1.0

    def load(self, case_ids: Sequence[str]) -> tuple[Preprocessed, ...]:
        """Return some of its cases, rescaled."""
        return tuple(
            replace(patient, image=np.asarray(patient.image, np.float32) * self.unit)
            for patient in super().load(case_ids)
        )


def in_units(patients: HospitalPatients, unit: float) -> InUnits:
    """Return a hospital's patients with intensities ``unit`` times as large."""
    made_of = (patients.hospital, patients.equipment, patients.files)
    return InUnits(*made_of, patients._settings, patients._cache_dir, unit)
