"""Images for training that must hold on scanners nobody simulated: contrasts drawn at random.

After SynthSeg (Billot et al., Medical Image Analysis 86:102789, 2023,
doi:10.1016/j.media.2023.102789): a network that has seen contrasts far more varied than real ones
takes a real one for just another draw. Ours are drawn around plausible ones, so that FLAIR stays
FLAIR, and tissues fall into clusters of different brightness, as real ones do.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.anatomy import Anatomy
from fedlab_utils.data.phantom.brain import REGION, grid_axes
from fedlab_utils.data.phantom.fields import smooth_field
from fedlab_utils.data.phantom.plan import stream
from fedlab_utils.data.phantom.remains import distort_base, leave_remains
from fedlab_utils.data.phantom.rendering import scan
from fedlab_utils.data.phantom.scanner import Scanner, Sequence, tissue_signals
from fedlab_utils.data.phantom.tissue import HEALTHY, NAMES

_CSF_T1_MS = 4250.0

KINDS = 4
"""Kinds of place, in which tissues differ."""


def random_scanner(rng: np.random.Generator) -> Scanner:
    """Draw a scanner from a wide range of sequences, resolutions, noise and shading."""

    def shape() -> dict[str, float]:
        thin = rng.random() < 0.4
        return {
            "thickness_mm": rng.uniform(0.9, 1.8) if thin else rng.uniform(2.0, 6.5),
            "in_plane_mm": rng.uniform(0.5, 1.3),
            "axis": 2 if thin or rng.random() < 0.8 else int(rng.integers(2)),
            "noise": float(np.exp(rng.uniform(np.log(0.006), np.log(0.09)))),
        }

    def t1() -> Sequence:
        if rng.random() < 0.5:
            return Sequence("spin echo", rng.uniform(400, 850), rng.uniform(7, 18), **shape())
        flip = rng.uniform(10, 28)
        tr = rng.uniform(6, 12) * (flip / 14) ** 2
        return Sequence("gradient echo", tr, rng.uniform(2, 6), flip_deg=flip, **shape())

    plain = t1()
    enhanced = plain if rng.random() < 0.35 else t1()
    t2 = Sequence("spin echo", rng.uniform(2500, 6500), rng.uniform(78, 125), **shape())
    tr = rng.uniform(6000, 11000)
    null = _CSF_T1_MS * np.log(2 / (1 + np.exp(-tr / _CSF_T1_MS)))
    flair = Sequence(
        "inversion recovery",
        tr,
        rng.uniform(90, 155),
        ti_ms=null * rng.uniform(0.88, 1.06),
        **shape(),
    )
    return Scanner(
        "random",
        rng.uniform(1.5, 3.0),
        plain,
        enhanced,
        t2,
        flair,
        bias=rng.uniform(0.0, 0.3),
        contrast_dose=rng.uniform(0.7, 1.3),
    )


def render_randomised(anatomy: Anatomy, draw: int = 0) -> np.ndarray:
    """Return one random rendering of a patient.

    Parameters
    ----------
    anatomy
        The patient; not changed.
    draw
        Number of the draw: the same number gives the same image, another one another contrast.

    Returns
    -------
    np.ndarray
        ``(4, X, Y, Z)`` float32, order of ``conventions.SEQUENCES``, whole numbers, exactly 0
        outside what skull stripping left: the brain and, in some draws, patches around it.
    """
    plan = anatomy.plan
    rng = stream(plan.seed, plan.index, f"randomised {draw}")
    scanner = random_scanner(rng)
    images = _clustered(rng, anatomy, _random_signals(rng, scanner))
    for image in images:
        # A monotone change of contrast, as by windowing or another coil correction.
        top = float(np.percentile(image[anatomy.mask][::17], 99))
        image /= max(top, 1e-3)
        np.power(image, np.float32(np.exp(rng.normal(0, 0.22))), out=image)
    distort_base(rng, images, anatomy.mask, anatomy.axes)
    images = scan(rng, images, anatomy, scanner)
    leave_remains(rng, images, anatomy.whole(anatomy.mask), grid_axes(anatomy.spacing))
    return images


def _random_signals(rng: np.random.Generator, scanner: Scanner) -> np.ndarray:
    """Return ``(4, 4, tissues)``: signals in each kind of place and sequence, tumour varies more.

    Real tumours often differ less from the brain around them than pure tissue would: cells
    infiltrate, water spreads thin. So each tumour tissue is mixed with normal brain, to a degree
    that all of them share and one of its own. Kinds of place differ in water content: oedema that
    is wetter here than there stays oedema, however much it looks like another tissue.
    """
    healthy = np.arange(len(NAMES)) < HEALTHY
    water = rng.normal(0, np.where(healthy, 0.08, 0.25))
    wetter = rng.normal(0, np.where(healthy, 0.02, rng.uniform(0.03, 0.25)), (KINDS, len(NAMES)))
    uptake = np.exp(rng.normal(0, 0.4))
    signals = np.array([tissue_signals(scanner, np.exp(water + w), uptake) for w in wetter])
    signals *= np.exp(rng.normal(0, np.where(healthy, 0.06, 0.14), signals.shape[1:]))
    normal = signals[..., [NAMES.index("white"), NAMES.index("grey")]] @ rng.dirichlet((3, 2))
    tumours = signals.shape[-1] - HEALTHY
    pure = rng.uniform(0.45, 1.0) ** 0.5 * rng.uniform(0.45, 1.0, tumours) ** 0.5
    signals[..., HEALTHY:] = normal[..., None] + pure * (signals[..., HEALTHY:] - normal[..., None])
    return signals


def _clustered(rng: np.random.Generator, anatomy: Anatomy, signals: np.ndarray) -> np.ndarray:
    """Mix tissues whose brightness differs between kinds of place, and from voxel to voxel.

    Two smooth fields cut space into four kinds of place; in each, every tissue has its own mean and
    its own texture. Together a tissue's histogram is a mixture of Gaussians.
    """
    tissues = len(NAMES)
    kind = np.arange(tissues) < HEALTHY
    box, mask = anatomy.lesion_box, anatomy.mask
    first, second = (smooth_field(rng, anatomy.axes, REGION, rng.uniform(2.0, 12.0)) for _ in "ab")
    cluster = (first > 0).astype(np.int8) + 2 * (second > 0)
    texture = smooth_field(rng, anatomy.axes, REGION, rng.uniform(1.3, 3.5))
    wild = np.exp(rng.normal(0, 0.4))
    offsets = rng.normal(0, wild * np.where(kind, 0.025, 0.08), (KINDS, 4, tissues))
    grain = np.abs(rng.normal(0, wild * np.where(kind, 0.02, 0.07), (4, tissues)))
    grain *= rng.choice([-1.0, 1.0], (4, 1))
    means = (signals * (1 + offsets)).astype(np.float32)  # kind of place, sequence, tissue
    change = (signals.mean(0) * grain).astype(np.float32)
    images = np.zeros((4, *mask.shape), np.float32)
    healthy = anatomy.fractions[:HEALTHY].reshape(HEALTHY, -1)
    tumour = anatomy.fractions[HEALTHY:, *box]
    flat = tumour.reshape(len(tumour), -1)
    for number in range(KINDS):
        here = cluster == number
        part = (means[number, :, :HEALTHY] @ healthy).reshape(images.shape)
        part[:, *box] += (means[number, :, HEALTHY:] @ flat).reshape(4, *tumour.shape[1:])
        images += part * here
    images += (change[:, :HEALTHY] @ healthy).reshape(images.shape) * texture
    images[:, *box] += (change[:, HEALTHY:] @ flat).reshape(4, *tumour.shape[1:]) * texture[box]
    return np.maximum(images, 0, out=images)
