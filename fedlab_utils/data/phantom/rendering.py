"""From anatomy to images on a given scanner."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.anatomy import Anatomy
from fedlab_utils.data.phantom.artefacts import acquire, coil_bias
from fedlab_utils.data.phantom.brain import REGION
from fedlab_utils.data.phantom.fields import smooth_field
from fedlab_utils.data.phantom.plan import stream
from fedlab_utils.data.phantom.scanner import SCANNERS, Scanner, tissue_signals
from fedlab_utils.data.phantom.tissue import HEALTHY, WATER_SPREAD

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
        ``(4, X, Y, Z)`` float32, order of ``conventions.SEQUENCES``, whole numbers as in BraTS
        files, exactly 0 outside the brain.
    """
    scanner = scanner or anatomy.plan.scanner
    if isinstance(scanner, str):
        scanner = SCANNERS[scanner]
    plan = anatomy.plan
    rng = stream(plan.seed, plan.index, f"render {visit} {scanner.name}")
    return scan(rng, ideal_images(anatomy, scanner), anatomy, scanner)


def scan(
    rng: np.random.Generator, images: np.ndarray, anatomy: Anatomy, scanner: Scanner
) -> np.ndarray:
    """Put signals through the scanner: shading, slices, noise, gain. Changes ``images``.

    Parameters
    ----------
    rng
        Source of all that differs from scan to scan.
    images
        ``(4, x, y, z)`` float32 in the brain's box, white matter about 1.
    anatomy
        Where the box lies, and the mask.
    scanner
        Shading, resolution and noise.

    Returns
    -------
    np.ndarray
        ``(4, X, Y, Z)`` float32; see :func:`render`.
    """
    out = np.zeros((len(images), *anatomy.shape), np.float32)
    for whole, signal, sequence in zip(out, images, scanner.sequences, strict=True):
        signal *= coil_bias(rng, anatomy.axes, scanner.bias)
        signal = acquire(rng, signal, anatomy.axes, sequence, sequence.noise)
        signal *= WHITE_LEVEL * np.exp(rng.normal(0, 0.25))
        # Files hold whole numbers; 0 means outside, so a dark voxel of the brain is 1.
        np.maximum(np.rint(signal, out=signal), 1, out=signal)
        np.multiply(signal, anatomy.mask, out=whole[anatomy.box])
    return out


def ideal_images(anatomy: Anatomy, scanner: Scanner) -> np.ndarray:
    """Return the signal without noise, shading or slices: ``(4, x, y, z)`` in the brain's box.

    Each voxel is the mean of its tissues' signals by their fractions (partial volume). Tissues are
    not quite alike in different patients and at different places of one.
    """
    plan = anatomy.plan
    own = stream(plan.seed, plan.index, "tissue")
    stretch = np.exp(own.normal(0, 0.03 + 0.5 * WATER_SPREAD))
    uptake = float(np.exp(own.normal(0, 0.3)))
    texture = 0.8 * smooth_field(own, anatomy.axes, REGION, 3.2)
    texture += 0.6 * smooth_field(own, anatomy.axes, REGION, 1.7)
    signals = tissue_signals(scanner, stretch, uptake).astype(np.float32)
    wetter = tissue_signals(scanner, stretch * (1 + WATER_SPREAD), uptake).astype(np.float32)
    change = wetter - signals
    healthy = anatomy.fractions[:HEALTHY].reshape(HEALTHY, -1)
    images = (signals[:, :HEALTHY] @ healthy).reshape(-1, *anatomy.mask.shape)
    for image, ratio in zip(images, change[:, 0] / signals[:, 0], strict=True):
        image *= 1 + ratio * texture
    box = anatomy.lesion_box
    tumour = anatomy.fractions[HEALTHY:, *box]
    flat, size = tumour.reshape(len(tumour), -1), tumour.shape[1:]
    both = np.concatenate([signals[:, HEALTHY:], change[:, HEALTHY:]]) @ flat
    both = both.reshape(2, -1, *size)
    images[:, *box] += both[0] + both[1] * texture[box]
    return images
