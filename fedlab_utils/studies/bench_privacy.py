"""What privacy costs a step: the same patients with and without clipping and noise, in turns."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.studies.bench_training import SIZE, race

if TYPE_CHECKING:
    from collections.abc import Callable

    from fedlab_utils.studies.bench_loops import Batch

PLAIN, PRIVATE = "plain step", "private step"
LAYOUTS = ((8, 4), (16, 2), (8, 1))
"""Patients in a step, and slices of each."""

GOAL = 2.0
"""A private step ought to take no longer than so many plain ones, in the first layout."""


def run(rounds: int = 7, unet: UNetSettings | None = None) -> dict[str, dict[str, object]]:
    """Measure a step of :func:`fedlab_utils.segmentation.local_update` both ways.

    Images are noise: how long a step takes does not depend on what is in them. The private step
    charges a ledger in memory and takes its noise from the operating system.

    Parameters
    ----------
    rounds
        In which both take turns, after one to warm up; the median counts.
    unet
        Default :class:`UNetSettings`.

    Returns
    -------
    dict
        Row name -> ``seconds_per_step`` and, of the private one, ``ratio`` to the plain one; in the
        first layout ``goals`` with the bound and whether it is ``met``.
    """
    unet = unet or UNetSettings()
    result: dict[str, dict[str, object]] = {}
    for number, (patients, slices) in enumerate(LAYOUTS):
        batch = _batch(patients, slices, len(unet.sequences))
        times = race({PLAIN: _plain(unet), PRIVATE: _private(unet, patients)}, [batch], rounds, {})
        named = f", {patients} patients of {slices} slice{'s' * (slices > 1)}"
        for name, seconds in times.items():
            result[name + named] = {"seconds_per_step": median(seconds)}
        pairs = zip(times[PRIVATE], times[PLAIN], strict=True)
        ratio = median(private / plain for private, plain in pairs)
        row = result[PRIVATE + named]
        row["ratio"] = ratio
        if number == 0:
            row["goals"] = {"ratio": {"rule": "at most", "bound": GOAL, "met": ratio <= GOAL}}
    return result


def _batch(patients: int, slices: int, channels: int) -> Batch:
    import torch

    drawn = torch.Generator().manual_seed(0)
    count = patients * slices
    return {
        "image": torch.randn(count, channels, *SIZE, generator=drawn),
        "target": (torch.rand(count, 3, *SIZE, generator=drawn) < 0.1).float(),
        "patient": torch.arange(patients).repeat_interleave(slices),
    }


def _plain(unet: UNetSettings) -> Callable[[list[Batch], object], None]:
    from fedlab_utils.segmentation import local_update, make_optimiser, make_unet

    network = make_unet(unet)
    optimiser = make_optimiser(network)
    return lambda batches, _: local_update(network, batches, optimiser)


def _private(unet: UNetSettings, patients: int) -> Callable[[list[Batch], object], None]:
    from fedlab_utils.privacy import Ledger, PrivateGradient
    from fedlab_utils.privacy.private_gradient import PrivacySettings
    from fedlab_utils.segmentation import local_update, make_optimiser, make_unet

    network = make_unet(unet)
    optimiser = make_optimiser(network)
    gradient = PrivateGradient(
        PrivacySettings(1.0, 1.0, 1.0), patients, Ledger(1e4, accountant="rdp")
    )
    return lambda batches, _: local_update(network, batches, optimiser, gradient=gradient)
