"""How a network finds a tumour: augmentation, the U-Net, its training and its scores."""

import sys

from fedlab_utils._lazy import lazy_exports

# MONAI imports jsonschema, which spends five seconds on a grammar for a kind of web address that
# nothing here checks. The import is optional there, and this says that it is not to be had.
if "jsonschema" not in sys.modules:
    sys.modules.setdefault("rfc3987_syntax", None)

_EXPORTS = {
    "AUGMENTATIONS": "augmentation",
    "TrainingAugmentation": "augmentation",
    "augment": "augmentation",
    "training_augmentation": "augmentation",
    # network
    "UNetSettings": "unet",
    "make_unet": "unet",
    "dice_ce_loss": "loss",
    "TrainedModel": "weights",
    "save_model": "weights",
    "load_model": "weights",
    # training
    "batches": "batching",
    "Correction": "training",
    "OptimiserSettings": "training",
    "Update": "training",
    "make_optimiser": "training",
    "local_update": "training",
    "FitSettings": "fit",
    "Fit": "fit",
    "fit_unet": "fit",
    "region_dice": "fit",
    "train_cohort": "run",
    "best_device": "devices",
    "fast_precision": "devices",
    "record_provenance": "provenance",
    # use and judgement
    "find_case": "one_case",
    "predict_probabilities": "prediction",
    "predict_labels": "prediction",
    "predict_file": "case_prediction",
    "segment_case": "case_prediction",
    "dice": "metrics",
    "hd95": "metrics",
    "measure": "metrics",
    "Estimate": "statistics",
    "bootstrap_mean": "statistics",
    "bootstrap_difference": "statistics",
    "Evaluation": "scores",
    "evaluate_model": "evaluation",
    "evaluate_predictions": "evaluation",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
