"""Patients with a network's segmentation, ready for the viewer: the gallery's, or your own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import CourseError, FedLabError
from fedlab_utils.studies.gallery import gallery_folder, models_folder
from fedlab_utils.ui.predictions import Segmented

if TYPE_CHECKING:
    from fedlab_utils.data import Case
    from fedlab_utils.segmentation import TrainedModel

_AGAIN = "Take data/gallery from the repository, or run: fedlab study gallery"


def shipped_model(name: str = "phantom_2d") -> TrainedModel:
    """Load a network that comes with the course.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    from fedlab_utils.segmentation import load_model

    return load_model(models_folder() / f"{name}.safetensors")


def segmented(
    model: TrainedModel, cases: Sequence[Case], titles: Sequence[str] | None = None
) -> list[Segmented]:
    """Let a network segment cases, for :class:`fedlab_utils.ui.PredictionViewer`.

    Parameters
    ----------
    model
        Any trained network.
    cases
        From :func:`fedlab_utils.data.load_case`; labels may be missing.
    titles
        A name for each; default: the case ids.
    """
    from fedlab_utils.data.case import from_file_grid
    from fedlab_utils.segmentation import fast_precision, predict_labels

    names = titles or [case.files.case_id for case in cases]
    about = origin(model.provenance)
    return [
        Segmented(
            name,
            case.image,
            from_file_grid(predict_labels(model, case, precision=fast_precision()), case),
            case.labels,
            case.spacing,
            about,
        )
        for name, case in zip(names, cases, strict=True)
    ]


def open_gallery(folder: Path | None = None) -> list[Segmented]:
    """Return the gallery's patients, once per shipped network.

    Raises
    ------
    CourseError
        If there is no gallery, or it cannot be read.
    """
    from fedlab_utils.data import load_case, load_cohort

    folder = folder or gallery_folder()
    shown = []
    try:
        about = json.loads((folder / "gallery.json").read_text("utf-8"))["models"]
        for files in load_cohort(folder / "patients"):
            case = load_case(files)
            for name, told in about.items():
                path = folder / "predictions" / name / f"{files.case_id}.nii.gz"
                predicted = load_case(replace(files, label=path)).labels
                title = f"{files.case_id}, {name}"
                words = origin(told["provenance"])
                shown.append(
                    Segmented(title, case.image, predicted, case.labels, case.spacing, words)
                )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(folder, f"there is no gallery to read ({error!r})", _AGAIN) from None
    except FedLabError as error:
        raise CourseError(folder, f"{error.case}: {error.cause}", _AGAIN) from None
    return shown


def origin(provenance: dict) -> str:
    """Say where a network comes from: device, training time, commit.

    Where the training began with another network's weights, the time is that of this stage alone.
    """
    seconds = float(provenance.get("training_seconds") or provenance.get("wall_seconds") or 0)
    took = f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
    device, commit = provenance.get("device"), provenance.get("commit")
    if not device:
        return ""
    settings = provenance.get("settings")
    later = isinstance(settings, dict) and settings.get("begin_with")
    stage = " in its last stage" if later else ""
    return f"Network trained for {took}{stage} on {device}" + (
        f", commit {commit}." if commit else "."
    )
