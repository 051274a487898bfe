"""The network that is shipped: trained on phantoms alone, meant for real scans.

Contrasts drawn at random around plausible ones make most of its training set, so that a real
scanner is one more draw (Billot et al. 2023, doi:10.1016/j.media.2023.102789). The epoch is chosen
on phantoms. Real scans take no part, neither in training nor in any choice.

What is shipped was trained in two stages. The first (12 epochs, axial slices) is in the history of
``data/models``, with a provenance file of its own; its phantoms had clean brain masks. The second
goes on from there on new phantoms whose skull stripping failed in places, with axial and coronal
slices.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.pieces import whole
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    from fedlab_utils.data.tiers import Tier
    from fedlab_utils.segmentation import Fit

SETTINGS = {
    "seed": 0,
    "begin_with": "ec22b1483d3ca4b3953576717871f52584394e63",
    "cohort_seed": 102,
    "views": [2, 1],
    "width": 16,
    "size": [80, 96],
    "epochs": 10,
    "per_patient": 4,
    "batch": 16,
    "learning_rate": 1e-3,
    "anatomies": 400,
    "random_renderings": 2,
    "by_own_scanner": 100,
    "held_back": 16,
    "validate_every": 10,
}
"""``size`` is that of a slice in voxels, as large as a head. ``begin_with`` is the first stage's
weights, as git names the file's content; phantoms of another cohort than the first stage's train
and judge the second. None: random weights."""

NOTE = (
    "Second of two stages where begin_with names a first one, whose own provenance is in its file. "
    "phantom_test: curve holds the validation phantoms; dice_random and dice_own_scanner are means "
    "of the test phantoms on the network's grid, flip averaged, nothing left out, one seed. "
    "No real scan took part in training or in any choice."
)

SETTINGS_3D = SETTINGS | {
    "begin_with": None,
    "tier": "gpu",
    "views": [2],
    "size": [128, 128, 128],
    "width": 8,
    "epochs": 60,
    "per_patient": 2,
    "batch": 4,
    "learning_rate": 2e-3,
    "anatomies": 300,
    "by_own_scanner": 100,
    "held_back": 20,
}
"""Whole volumes at 1 mm: for a CUDA GPU."""


def measure(settings: dict, place: Workplace) -> dict:
    """Train, write the weights, and score phantoms that had no part in it.

    Returns
    -------
    dict
        ``curve`` (rows of :class:`fedlab_utils.segmentation.Fit`), ``best_epoch``,
        ``dice_random`` and ``dice_own_scanner``: mean Dice per region of the test phantoms.
    """
    from fedlab_utils.data.conventions import REGIONS
    from fedlab_utils.data.tiers import TIERS
    from fedlab_utils.segmentation import region_dice, save_model
    from fedlab_utils.segmentation.devices import best_device
    from fedlab_utils.segmentation.provenance import checkout_state, record_provenance

    started, code = time.time(), checkout_state()
    tier = TIERS[settings.get("tier", "laptop")]
    if tier.spatial_dims == 3 and best_device() == "cpu":
        raise StudyError(
            "sim_to_real_3d", "volumes at 1 mm need a CUDA GPU, none is there", "Run it on one"
        )
    train, validation, test = phantoms(settings, place)
    tier = replace(tier, size=tuple(settings["size"]))
    fit = _train(train, validation, settings, tier, place)
    about = record_provenance(
        started,
        fit.device,
        command=f"python -m fedlab_utils study {place.folder.name}",
        settings=settings,
        data="phantoms only",
        note=NOTE,
        best_epoch=fit.best_epoch,
        training_seconds=fit.curve[-1]["seconds"],
        **code,
    )
    about = whole(about, list(place.earlier))
    result = {"curve": fit.curve, "best_epoch": fit.best_epoch}
    for name, patients in test.items():
        dice = region_dice(fit.model, patients, flip=True).mean(0)
        result[f"dice_{name}"] = dict(zip(REGIONS, dice.round(4).tolist(), strict=True))
    _ship(replace(fit.model, provenance=about | {"phantom_test": result}), save_model)
    (place.folder / "checkpoint.pt").unlink(missing_ok=True)
    return result


def _train(train: list, validation: list, settings: dict, tier: Tier, place: Workplace) -> Fit:
    from fedlab_utils.segmentation import fit_unet
    from fedlab_utils.segmentation.devices import fast_precision
    from fedlab_utils.segmentation.fit import FitSettings
    from fedlab_utils.segmentation.training import OptimiserSettings
    from fedlab_utils.segmentation.unet import UNetSettings

    def on_epoch(row: dict, _: int) -> None:
        place.say(json.dumps(row))
        place.pause_if_late()

    return fit_unet(
        train,
        validation,
        FitSettings(
            unet=UNetSettings(spatial_dims=tier.spatial_dims, width=settings["width"]),
            optimiser=OptimiserSettings(learning_rate=settings["learning_rate"]),
            epochs=settings["epochs"],
            per_patient=settings["per_patient"],
            batch=settings["batch"],
            validate_every=settings["validate_every"],
            precision=fast_precision(),
            views=tuple(settings["views"]),
            seed=settings["seed"],
        ),
        tier,
        workers=1 if tier.spatial_dims == 2 else 8,
        on_epoch=on_epoch,
        checkpoint=place.folder / "checkpoint.pt",
        keep_checkpoint=True,
        begin_with=_first_stage(settings["begin_with"], place.folder),
    )


def phantoms(settings: dict, place: Workplace) -> tuple[list, list, dict[str, list]]:
    """Make the patients, or take those that are there: training, validation and two tests."""
    from fedlab_utils.data.tiers import TIERS
    from fedlab_utils.studies.phantom_patients import phantom_patients

    many, own, held = settings["anatomies"], settings["by_own_scanner"], settings["held_back"]

    def make(kind: str, indices: range, draws: int) -> list:
        def progress(done: int, total: int) -> None:
            if done % 100 == 0 or done == total:
                place.say(f"{kind} phantoms: {done} of {total}")

        return phantom_patients(
            place.folder / f"phantoms-{kind}",
            indices,
            draws,
            settings["cohort_seed"],
            spacing,
            progress=progress,
        )

    spacing = TIERS[settings.get("tier", "laptop")].spacing
    draws = settings["random_renderings"]
    train = make("random", range(many), draws)
    train += make("own", range(many, many + own), 0)
    first = many + own
    validation, test = {}, {}
    for kind, count in (("random", 1), ("own", 0)):
        validation[kind] = make(f"{kind}-held", range(first, first + held), count)
        test[kind] = make(f"{kind}-held", range(first + held, first + 2 * held), count)
        first += 2 * held
    named = {"random": test["random"], "own_scanner": test["own"]}
    return train, validation["random"] + validation["own"], named


def _first_stage(blob: str | None, folder: Path):
    """Load the model that git keeps under a content name; None for None."""
    import subprocess

    from fedlab_utils.data.atomic import write_bytes
    from fedlab_utils.data.places import checkout
    from fedlab_utils.segmentation import load_model

    if blob is None:
        return None
    command = ["git", "-C", str(checkout()), "cat-file", "blob", blob]
    found = subprocess.run(command, capture_output=True, check=False)
    if found.returncode:
        raise StudyError(
            "sim_to_real",
            f"git does not find the first stage's weights ({found.stderr.decode().strip()})",
            "Clone the repository with its whole history",
        )
    file = folder / "first_stage.safetensors"
    write_bytes(file, found.stdout)
    return load_model(file)


def _ship(model, save_model) -> None:
    from fedlab_utils.data.atomic import write_text
    from fedlab_utils.data.places import checkout

    path = Path(checkout(), "data", "models", f"phantom_{model.unet.spatial_dims}d.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {k: v for k, v in model.provenance.items() if k != "phantom_test"}
    save_model(replace(model, provenance=about), path, half=True)
    write_text(path.with_suffix(".json"), json.dumps(model.provenance, indent=1) + "\n")


STUDY = Study(
    name="sim_to_real",
    question="How well does a network of randomised phantoms segment phantoms it never saw?",
    cells=(SETTINGS,),
    measure=measure,
    hours=3.0,
)
