from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.phantom.brain import build_brain, draw_pose
from fedlab_utils.data.phantom.lesion import grow_lesion, plan_foci
from fedlab_utils.data.phantom.plan import TumourPlan

PLAN = TumourPlan("right", "frontal", (26.0, 20.0, 26.0), 90.0, 30.0, "ring", 1)
SPACING = 2.5


def _grow(plan: TumourPlan = PLAN, seed: int = 0):
    rng = np.random.default_rng(seed)
    pose = draw_pose(rng)
    foci, pushes = plan_foci(np.random.default_rng(seed + 100), plan, pose)
    brain = build_brain(rng, pose, 0.5, SPACING, pushes)
    return brain, grow_lesion(np.random.default_rng(seed + 200), brain, foci, plan, SPACING)


def _ml(mask: np.ndarray) -> float:
    return np.count_nonzero(mask) * SPACING**3 / 1000


@pytest.mark.parametrize("style", ["ring", "solid", "patchy", "none"])
def test_volumes_are_those_planned(style: str) -> None:
    _, lesion = _grow(replace(PLAN, style=style))
    core = (lesion.labels == NECROSIS) | (lesion.labels == ENHANCING)
    assert _ml(core) == pytest.approx(PLAN.core_ml, rel=0.05)
    assert _ml(lesion.labels > 0) == pytest.approx(PLAN.whole_ml, rel=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_tumour_stops_at_csf_and_skull_and_midline(seed: int) -> None:
    plan = replace(PLAN, centre_mni=(16.0, 10.0, -6.0))  # below the corpus callosum
    brain, lesion = _grow(plan, seed)
    tumour = lesion.labels > 0
    assert not tumour[~brain.mask[lesion.box]].any()
    assert brain.csf[lesion.box][tumour].max() <= 0.5
    x, y, z = brain.mni[:, *lesion.box]
    bridge = (z > 2) & (z < 32) & (y > -42) & (y < 34)
    assert np.mean(tumour & (x < -4) & ~bridge) < 0.03 * np.mean(tumour)


def test_oedema_prefers_white_matter() -> None:
    brain, lesion = _grow(replace(PLAN, whole_ml=140.0))
    oedema = lesion.labels == OEDEMA
    around = brain.mask[lesion.box] & (lesion.labels == 0)
    white = brain.white[lesion.box]
    assert white[oedema].mean() > white[around].mean() + 0.15


def test_rim_surrounds_necrosis() -> None:
    from scipy.ndimage import distance_transform_edt

    _, lesion = _grow(replace(PLAN, core_ml=60.0, whole_ml=120.0))
    core = (lesion.labels == NECROSIS) | (lesion.labels == ENHANCING)
    depth = distance_transform_edt(core, sampling=SPACING)
    assert depth[lesion.labels == NECROSIS].mean() > depth[lesion.labels == ENHANCING].mean()


def test_without_enhancement_there_is_none() -> None:
    _, lesion = _grow(replace(PLAN, style="none"))
    assert not (lesion.labels == ENHANCING).any()
    assert lesion.fractions["strong_rim"].max() == 0


def test_it_is_not_a_ball() -> None:
    """A ball has the smallest surface for its volume; a glioma has much more."""
    from skimage.measure import marching_cubes, mesh_surface_area

    _, lesion = _grow()
    padded = np.pad(lesion.labels > 0, 2).astype(float)
    vertices, faces, _, _ = marching_cubes(padded, 0.5, spacing=(SPACING,) * 3)
    volume = _ml(lesion.labels > 0) * 1000
    ball = (36 * np.pi * volume**2) ** (1 / 3)
    assert mesh_surface_area(vertices, faces) > 1.3 * ball


def test_fractions_never_exceed_the_voxel() -> None:
    _, lesion = _grow()
    total = sum(lesion.fractions.values())
    assert min(share.min() for share in lesion.fractions.values()) >= 0
    assert total.max() < 1.001


def test_satellites_are_separate_cores_on_the_same_side() -> None:
    pose = draw_pose(np.random.default_rng(5))
    foci, pushes = plan_foci(np.random.default_rng(6), replace(PLAN, foci=3), pose)
    assert len(foci) == len(pushes) == 3
    assert foci[0].radius_mm > max(foci[1].radius_mm, foci[2].radius_mm)
    sides = [pose.to_mni(focus.centre)[0] > 0 for focus in foci]
    assert all(sides)
    volume = sum(4 / 3 * np.pi * focus.radius_mm**3 for focus in foci) / 1000
    assert volume == pytest.approx(PLAN.core_ml, rel=1e-6)
