from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.brain import build_brain, draw_pose
from fedlab_utils.data.phantom.vessels import vessel_fraction, white_lesions


@pytest.fixture(scope="module")
def brain():
    rng = np.random.default_rng(0)
    return build_brain(rng, draw_pose(rng), 0.6, 2.0, [])


def test_vessels_are_few_thin_and_mostly_in_csf(brain) -> None:
    vessel = vessel_fraction(np.random.default_rng(1), brain)
    assert vessel.min() >= 0
    assert vessel.max() <= 0.95
    inside = vessel[brain.mask]
    assert 0.002 < inside.mean() < 0.04
    strong = (vessel > 0.4) & brain.mask
    deep = (brain.inside > 0.99) & (brain.white > 0.9)
    assert strong[deep].mean() < 0.2 * strong[brain.mask].mean()


def test_the_superior_sagittal_sinus_is_there(brain) -> None:
    vessel = vessel_fraction(np.random.default_rng(2), brain)
    x, y, z = brain.mni
    top = brain.mask & (brain.inside < 0.85) & (z > 40) & (y < 40)
    assert vessel[top & (np.abs(x) < 2)].mean() > 3 * vessel[top & (np.abs(x) > 12)].mean()


def test_white_lesions_come_with_age_and_near_the_ventricles(brain) -> None:
    shares = [white_lesions(np.random.default_rng(3), brain, age) for age in (0.0, 0.5, 1.0)]
    volumes = [float(share[brain.mask].sum()) * 8 / 1000 for share in shares]
    assert volumes[0] < volumes[1] < volumes[2] < 40
    assert volumes[0] < 1
    near = (brain.near_ventricle > 0.3) & (brain.white > 0.7)
    far = (brain.near_ventricle < 0.05) & (brain.white > 0.7)
    assert shares[2][near].mean() > 2 * shares[2][far].mean()
