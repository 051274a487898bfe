"""The gallery: a few phantom patients with what the shipped networks make of them.

``data/gallery/patients`` is a cohort in the layout of BraTS 2018; ``data/gallery/predictions``
holds a folder per network with one file per patient in the same label numbers, so that
``fedlab evaluate`` reads both.
"""

from __future__ import annotations

import json
from pathlib import Path

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.runner import Study, Workplace, load_study, run_study

SETTINGS = {"patients": 3, "seed": 2024, "spacing": 2.0, "flip": True}


def gallery_folder() -> Path:
    """Return ``data/gallery`` of the checkout."""
    from fedlab_utils.studies.record import data_folder

    return data_folder() / "gallery"


def models_folder() -> Path:
    """Return ``data/models`` of the checkout, where the shipped weights lie."""
    from fedlab_utils.studies.record import data_folder

    return data_folder() / "models"


def shipped_models() -> dict[str, Path]:
    """Return the shipped weights by name, such as ``"phantom_2d"``."""
    return {path.stem: path for path in sorted(models_folder().glob("*.safetensors"))}


def measure(settings: dict, place: Workplace) -> dict:
    """Make the patients, let every shipped network segment them, and score it.

    Where a CUDA GPU is at hand, the network of full-resolution volumes is trained first if it is
    not there yet.

    Returns
    -------
    dict
        Model -> ``provenance`` and ``mean`` (see :class:`fedlab_utils.segmentation.Evaluation`).
    """
    from fedlab_utils.data import load_cohort
    from fedlab_utils.data.atomic import new_folder
    from fedlab_utils.data.phantom import write_cohort
    from fedlab_utils.segmentation import (
        best_device,
        evaluate_predictions,
        load_model,
        predict_file,
    )

    if best_device() == "cuda" and "phantom_3d" not in shipped_models():
        run_study(load_study("sim_to_real_3d"), say=place.say)
    models = shipped_models()
    if not models:
        raise StudyError(
            models_folder(), "it holds no weights", "Run the study sim_to_real, which makes them"
        )
    result = {}
    with new_folder(gallery_folder(), keep=lambda _: False) as folder:
        write_cohort(
            folder / "patients", settings["patients"], settings["seed"], settings["spacing"]
        )
        cohort = load_cohort(folder / "patients")
        for name, path in models.items():
            model = load_model(path, best_device())
            into = folder / "predictions" / name
            into.mkdir(parents=True)
            for files in cohort:
                place.say(f"{name}: {files.case_id}")
                predict_file(model, files, into / f"{files.case_id}.nii.gz", settings["flip"])
            scores = evaluate_predictions(into, cohort.layout, cohort).as_json()
            result[name] = {"provenance": model.provenance, "mean": scores["mean"]}
        text = json.dumps({"settings": settings, "models": result}, indent=1) + "\n"
        (folder / "gallery.json").write_text(text, "utf-8")
    return result


STUDY = Study(
    name="gallery",
    question="What do the shipped networks make of a few patients?",
    cells=(SETTINGS,),
    measure=measure,
    hours=0.05,
    always=True,
)
