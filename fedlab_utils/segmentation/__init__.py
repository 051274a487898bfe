"""How a network finds a tumour: augmentation, the U-Net, its training and its scores."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "AUGMENTATIONS": "augmentation",
    "TrainingAugmentation": "augmentation",
    "augment": "augmentation",
    "training_augmentation": "augmentation",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
