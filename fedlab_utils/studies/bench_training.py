"""How fast a network is trained, as ratios to a plain MONAI loop within one run, and how well."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from fedlab_utils.segmentation.unet import UNetSettings

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed

    Batch = dict[str, torch.Tensor]
    Train = Callable[[list[Batch], Callable[[int], float] | None], None]

PLAIN = "plain fp32"
BATCH = 16
PER_PATIENT = 4
RATE = 2e-3
SIZE = (96, 96)
SPACING = 2.0


@dataclass(frozen=True)
class Mode:
    """One way to run the same steps."""

    precision: str = "fp32"
    channels_last: bool = False
    compiled: bool = False

    @property
    def name(self) -> str:
        """Row name, such as ``"ours bf16, channels_last"``."""
        extra = ["channels_last"] * self.channels_last + ["compiled"] * self.compiled
        return ", ".join([f"ours {self.precision}", *extra])


def modes(device: str) -> tuple[list[Mode], dict[str, str]]:
    """Return what is measured on a device, and what is not, with the reason."""
    from fedlab_utils.segmentation.devices import fast_precision

    wanted = [Mode(), Mode(channels_last=True)]
    missing = {}
    fast = fast_precision(device)
    if fast == "bf16":
        wanted += [Mode("bf16"), Mode("bf16", channels_last=True)]
    else:
        missing[Mode("bf16").name] = "this device emulates bfloat16, many times slower"
    compiled = Mode(fast, compiled=True)
    if any(shutil.which(os.environ.get("CXX", name)) for name in ("g++", "clang++", "cl")):
        wanted.append(compiled)
    else:
        missing[compiled.name] = "torch.compile needs a C++ compiler, and there is none"
    return wanted, missing


def run(
    rounds: int = 11,
    steps: int = 1,
    dice_steps: int = 70,
    patients: int = 16,
    held_back: int = 4,
    unet: UNetSettings | None = None,
    device: str | None = None,
    compiled: bool = True,
) -> dict[str, dict[str, float | str]]:
    """Measure training steps on this machine, and what the fastest kind comes to.

    The plain loop is what one writes without this package: MONAI's ``BasicUNet`` with the same
    layers and ``DiceCELoss``, torch's AdamW, float32, contiguous. Ours is
    :func:`fedlab_utils.segmentation.local_update`. All rows get the same batches of 16 slices of
    96 x 96 voxels from phantom patients, and take turns in rounds, so that a machine that is busy
    for a while slows all of them; the median round counts, and of the ratios that of the rounds.

    Dice after equal steps differs between the loops for the loss: MONAI's weighs the regions'
    cross entropy as classes that exclude each other, which nested regions do not, and takes the
    Dice of each slice by itself. Ours in float32 stands beside it to show what precision costs.

    Parameters
    ----------
    rounds, steps
        Rounds after one to warm up, and steps of each row in a round.
    dice_steps
        Steps of the trainings, from equal weights, of which the Dice is compared.
    patients, held_back
        Phantoms to train on, and others to measure the Dice on.
    unet
        Default :class:`UNetSettings`.
    device
        Default: a GPU if there is one.
    compiled
        Whether to try ``torch.compile``, which takes a minute to begin.

    Returns
    -------
    dict
        Row name -> ``seconds_per_step``, ``steps_per_second`` and ``ratio``, how many times faster
        than the plain loop, or ``missing`` with the reason. The last row, ``"Dice"``, holds the
        mean over regions and held-back phantoms of the plain loop, of ours in float32 and of our
        fastest mode that needs no compiler.
    """
    from fedlab_utils.segmentation.devices import best_device

    unet, device = unet or UNetSettings(), device or best_device()
    wanted, missing = modes(device)
    wanted = [mode for mode in wanted if compiled or not mode.compiled]
    with tempfile.TemporaryDirectory(prefix="fedlab-bench-") as folder:
        people = _phantoms(Path(folder), patients + held_back)
        train, held = people[:patients], people[patients:]
        racers: dict[str, Train] = {PLAIN: plain_loop(unet, device)[1]}
        racers |= {mode.name: our_loop(unet, device, mode)[1] for mode in wanted}
        times = race(racers, make_batches(train, steps, unet), rounds, missing)
        result = _rows(times, missing)
        usable = [mode for mode in wanted if not mode.compiled and mode.name in times]
        fastest = min(usable, key=lambda mode: result[mode.name]["seconds_per_step"])
        result["Dice"] = _dice_row(unet, device, fastest, train, held, dice_steps)
    return result


def plain_loop(unet: UNetSettings, device: str) -> tuple[nn.Module, Train]:
    """Build the network and the loop that one would write with MONAI and torch alone."""
    import torch
    from monai.losses import DiceCELoss
    from monai.networks.nets import BasicUNet

    from fedlab_utils.segmentation.unet import make_unet

    network = BasicUNet(
        spatial_dims=unet.spatial_dims,
        in_channels=len(unet.sequences),
        out_channels=3,
        features=(*unet.channels, unet.width),
        norm=("instance", {"affine": True}),
        bias=False,
        upsample="nontrainable",
    )
    network.load_state_dict(make_unet(unet).state_dict())  # equal weights to begin with
    network = network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    criterion = DiceCELoss(sigmoid=True)

    def train(batches: list[Batch], rate: Callable[[int], float] | None = None) -> None:
        network.train()
        for step, batch in enumerate(batches):
            if rate is not None:
                optimiser.param_groups[0]["lr"] = rate(step)
            optimiser.zero_grad()
            image, target = batch["image"].to(device), batch["target"].to(device)
            loss = criterion(network(image), target)
            loss.backward()
            optimiser.step()

    return network, train


def our_loop(unet: UNetSettings, device: str, mode: Mode) -> tuple[nn.Module, Train]:
    """Build our network and our loop in one of its modes."""
    import torch

    from fedlab_utils.segmentation import local_update, make_optimiser, make_unet

    last = torch.channels_last if unet.spatial_dims == 2 else torch.channels_last_3d
    network = make_unet(unet).to(device)
    if mode.channels_last:
        network = network.to(memory_format=last)
    optimiser = make_optimiser(network)
    stepped = torch.compile(network) if mode.compiled else network

    def train(batches: list[Batch], rate: Callable[[int], float] | None = None) -> None:
        if mode.channels_last:
            batches = [b | {"image": b["image"].contiguous(memory_format=last)} for b in batches]
        local_update(stepped, batches, optimiser, learning_rate=rate, precision=mode.precision)

    return network, train


def race(
    racers: dict[str, Train], batches: list[Batch], rounds: int, missing: dict[str, str]
) -> dict[str, list[float]]:
    """Let rows take turns: seconds per step of each row in each round, warm-up left out.

    A row that breaks while it warms up, as a compiler may, moves to ``missing``.
    """
    times: dict[str, list[float]] = {}
    for name, train in racers.items():
        try:
            train(batches, None)
            times[name] = []
        except Exception as error:  # whatever a compiler throws
            if "compiled" not in name:
                raise
            missing[name] = f"torch.compile failed ({type(error).__name__})"
    for _ in range(rounds):
        for name, seconds in times.items():
            start = _now()
            racers[name](batches, None)
            seconds.append((_now() - start) / len(batches))
    return times


def _now() -> float:
    """Seconds, after a GPU has done what it was told."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def _rows(
    times: dict[str, list[float]], missing: dict[str, str]
) -> dict[str, dict[str, float | str]]:
    rows: dict[str, dict[str, float | str]] = {}
    for name, seconds in times.items():
        each = median(seconds)
        rows[name] = {
            "seconds_per_step": each,
            "steps_per_second": 1 / each,
            "ratio": median(p / s for p, s in zip(times[PLAIN], seconds, strict=True)),
        }
    return rows | {name: {"missing": why} for name, why in missing.items()}


def _phantoms(folder: Path, count: int) -> list[Preprocessed]:
    from fedlab_utils.studies.phantom_patients import phantom_patients

    return phantom_patients(folder, range(count), 0, seed=1, spacing=SPACING, workers=1)


def make_batches(patients: list[Preprocessed], count: int, unet: UNetSettings) -> list[Batch]:
    """Return so many batches, the same for every row; epochs follow each other as needed."""
    from fedlab_utils.data.datasets import SliceDataset
    from fedlab_utils.segmentation import batches

    dataset = SliceDataset(patients, SIZE, per_patient=PER_PATIENT, seed=1)
    found: list[Batch] = []
    while len(found) < count:
        epoch = batches(dataset, BATCH, len(found), unet.sequences)
        found += [batch for batch in epoch if len(batch["image"]) == BATCH]
        if not found:
            raise ValueError(f"{len(patients)} patients fill no batch of {BATCH}")
    return found[:count]


def _dice_row(
    unet: UNetSettings,
    device: str,
    fastest: Mode,
    train: list[Preprocessed],
    held: list[Preprocessed],
    steps: int,
) -> dict[str, float]:
    """Train from equal weights on equal batches, and measure phantoms that had no part in it."""
    from fedlab_utils.data.preprocessing import PreprocessSettings
    from fedlab_utils.segmentation import TrainedModel, region_dice
    from fedlab_utils.segmentation.training_state import one_cycle

    given = make_batches(train, steps, unet)
    loops = {PLAIN: plain_loop(unet, device)}
    loops |= {mode.name: our_loop(unet, device, mode) for mode in (Mode(), fastest)}
    row: dict[str, float] = {"steps": steps, "held_back_patients": len(held)}
    for name, (network, learn) in loops.items():
        learn(given, lambda step: one_cycle(step, steps, RATE))
        model = TrainedModel(network, unet, PreprocessSettings(spacing=SPACING), SIZE)
        row[name] = float(region_dice(model, held).mean())
    return row
