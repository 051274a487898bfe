"""How fast a network is trained, as ratios to a plain MONAI loop within one run, and how well."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.studies.bench_loops import PLAIN, RATE, Mode, modes, our_loop, plain_loop

if TYPE_CHECKING:
    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.studies.bench_loops import Batch, Train

BATCH = 16
PER_PATIENT = 4
SIZE = (80, 96)
SPACING = 2.0


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

    The plain loop is what one writes without this package, see
    :func:`fedlab_utils.studies.bench_loops.plain_loop`. Ours is
    :func:`fedlab_utils.segmentation.local_update`. All rows get the same batches of 16 slices of
    80 x 96 voxels from phantom patients, and take turns in rounds, so that a machine that is busy
    for a while slows all of them; the median round counts, and of the ratios that of the rounds.

    Dice after equal steps may differ between the loops: ours takes the Dice of a patient's slices
    together, the plain one of each slice by itself. Ours in float32 stands beside it to show what
    precision costs.

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
