"""From anatomy to images on a given scanner."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.anatomy import Anatomy
from fedlab_utils.data.phantom.artefacts import acquire, coil_bias
from fedlab_utils.data.phantom.fields import smooth_field
from fedlab_utils.data.phantom.plan import stream
from fedlab_utils.data.phantom.scanner import SCANNERS, Scanner, tissue_signals
from fedlab_utils.data.phantom.tissue import WATER_SPREAD

_REGION = ((0.0, 240.0), (0.0, 240.0), (0.0, 155.0))
WHITE_LEVEL = 350.0
"""Mean value of white matter in the files; scanners differ around it."""


def render(anatomy: Anatomy, scanner: Scanner | str | None = None, visit: int = 0) -> np.ndarray:
    """Return what a scanner makes of a patient.

    Parameters
    ----------
    anatomy
        The patient. Rendering never changes it: the same patient can go to every hospital.
    scanner
        A scanner, its name in ``SCANNERS``, or None: the one of the patient's own hospital.
    visit
        Another visit has other noise, bias and gain.

    Returns
    -------
    np.ndarray
        ``(4, X, Y, Z)`` float32, order of ``conventions.SEQUENCES``, whole numbers as in BraTS files,
        exactly 0 outside the brain.
    """
    scanner = scanner or anatomy.plan.scanner
    if isinstance(scanner, str):
        scanner = SCANNERS[scanner]
    plan = anatomy.plan
    rng = stream(plan.seed, plan.index, f"render {visit} {scanner.name}")
    signals = tissue_signals(scanner)
    change = tissue_signals(scanner, 1 + WATER_SPREAD) - signals
    count = anatomy.fractions.shape[0]
    flat = anatomy.fractions.reshape(count, -1)
    images = (np.concatenate([signals, change]).astype(np.float32) @ flat).reshape(
        8, *anatomy.mask.shape
    )
    texture = smooth_field(stream(plan.seed, plan.index, "texture"), anatomy.axes, _REGION, 3.0)
    out = []
    for number, sequence in enumerate(scanner.sequences):
        signal = images[number] + images[4 + number] * texture
        signal *= coil_bias(rng, anatomy.axes, scanner.bias)
        signal = acquire(rng, signal, anatomy.axes, sequence, sequence.noise)
        gain = WHITE_LEVEL * np.exp(rng.normal(0, 0.25))
        out.append(np.maximum(np.rint(signal * gain), 1) * anatomy.mask)
    return anatomy.whole(np.stack(out).astype(np.float32))
