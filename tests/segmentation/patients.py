"""Made-up preprocessed patients: a bright ball in a brain, easy to learn, quick to make."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.preprocessing import Preprocessed

SHAPE = (30, 28, 12)


def patient(number: int) -> Preprocessed:
    """Return patient ``number``: oedema, core and enhancing tumour as nested balls."""
    rng = np.random.default_rng(number)
    axes = np.ogrid[tuple(slice(n) for n in SHAPE)]
    middle = np.array(SHAPE) / 2
    brain = (
        sum(((a - m) / (0.48 * n)) ** 2 for a, m, n in zip(axes, middle, SHAPE, strict=True)) < 1
    )
    centre = middle + rng.uniform(-3, 3, 3) * (1, 1, 0.3)
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)))
    labels = np.zeros(SHAPE, np.uint8)
    for radius, label in ((6.5, 2), (4.5, 3), (2.5, 1)):
        labels[(distance < radius) & brain] = label
    image = rng.normal(0, 0.2, (4, *SHAPE)) + 0.5 * rng.normal(0, 1, (4, 1, 1, 1))
    image[1][labels == 3] += 3
    image[3][labels > 0] += 2
    image = np.where(brain, image, 0).astype(np.float32)
    image[0, 0, 0] = -5 - number  # tells patients apart; outside the brain
    return Preprocessed(
        case_id=f"case{number}",
        patient_id=f"patient{number}",
        image=image,
        labels=labels,
        brain=brain,
        affine=np.eye(4),
        spacing=(2.0, 2.0, 2.0),
        native_shape=SHAPE,
        native_spacing=(2.0, 2.0, 2.0),
        box=tuple((0, n) for n in SHAPE),
    )


def patients(count: int, first: int = 0) -> list[Preprocessed]:
    """Return several patients."""
    return [patient(number) for number in range(first, first + count)]
