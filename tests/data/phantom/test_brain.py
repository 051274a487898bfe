from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.brain import (
    FIELD_OF_VIEW_MM,
    Push,
    build_brain,
    draw_pose,
    grid_axes,
)
from fedlab_utils.data.phantom.template import load_template


def _brain(seed: int = 0, ageing: float = 0.5, pushes: tuple = (), spacing: float = 3.0):
    rng = np.random.default_rng(seed)
    return build_brain(rng, draw_pose(rng), ageing, spacing, list(pushes))


def _volume_ml(share: np.ndarray, spacing: float = 3.0) -> float:
    return float(share.sum()) * spacing**3 / 1000


def test_a_pose_goes_there_and_back() -> None:
    pose = draw_pose(np.random.default_rng(1))
    place = np.array([30.0, -20.0, 40.0])
    np.testing.assert_allclose(pose.to_mni(pose.to_patient(place)), place)
    right, left = pose.to_patient([40, 0, 0]), pose.to_patient([-40, 0, 0])
    assert right[0] > left[0]  # x grows towards the patient's right, as in RAS


def test_the_grid_is_that_of_brats() -> None:
    assert [len(axis) for axis in grid_axes(1.0)] == [240, 240, 155]
    assert [len(axis) for axis in grid_axes(2.0)] == [120, 120, 78]
    assert FIELD_OF_VIEW_MM == (240, 240, 155)


@pytest.mark.parametrize("seed", range(4))
def test_tissues_are_plausible(seed: int) -> None:
    brain = _brain(seed)
    total = brain.white + brain.grey + brain.csf
    np.testing.assert_allclose(total, 1, atol=1e-4)
    size = _volume_ml(brain.mask)
    assert 1050 < size < 1850  # BraTS masks hold 1.1 to 1.8 litres
    white, grey, csf = (
        _volume_ml(part[brain.mask]) / size for part in (brain.white, brain.grey, brain.csf)
    )
    assert 0.28 < white < 0.52
    assert 0.35 < grey < 0.60
    assert 0.03 < csf < 0.25


def test_one_person_is_sharper_than_the_average_of_many() -> None:
    """The average is grey-white mixture along every gyrus; a person has one or the other."""
    brain = _brain(spacing=2.0)
    white_odds, csf_odds, mask = load_template(2).tissue.values
    exponentials = np.stack([np.exp(white_odds), np.exp(csf_odds), np.ones_like(mask)])
    average = (exponentials / exponentials.sum(0)).max(0)[mask > 0.7]
    person = np.stack([brain.white, brain.csf, brain.grey]).max(0)[brain.mask]
    assert np.mean(person > 0.85) > np.mean(average > 0.85) + 0.1


def test_people_differ_in_their_folds() -> None:
    first, second = (_brain(seed, spacing=4.0) for seed in (1, 2))
    assert first.white.shape != second.white.shape or not np.allclose(first.white, second.white)


def test_ventricles_and_sulci_widen_with_age() -> None:
    young, old = (_brain(3, ageing) for ageing in (0.0, 1.0))
    for part in ("near_ventricle", "cortex"):
        volumes = [_volume_ml(b.csf * getattr(b, part) * b.mask) for b in (young, old)]
        assert volumes[1] > 1.3 * volumes[0]


def test_a_mass_pushes_the_ventricle_away_and_leaves_the_skull() -> None:
    rng = np.random.default_rng(4)
    centre = draw_pose(rng).to_patient([30, 0, 24])
    calm = _brain(4)
    pushed = _brain(4, pushes=(Push(centre, 24.0, 0.5),))
    right = [_volume_ml((b.csf * b.near_ventricle * b.mask)[b.mni[0] > 0]) for b in (calm, pushed)]
    assert right[1] < 0.85 * right[0]
    assert _volume_ml(pushed.mask ^ calm.mask) < 0.02 * _volume_ml(calm.mask)
    # The midline shifts away from the mass: there, tissue now comes from further right.
    near = tuple(int(np.searchsorted(a, c)) for a, c in zip(calm.axes, centre, strict=True))
    middle = int(np.abs(calm.mni[0][:, near[1], near[2]]).argmin())
    assert pushed.mni[0][middle, near[1], near[2]] > calm.mni[0][middle, near[1], near[2]] + 1


def test_the_same_brain_at_every_spacing() -> None:
    fine, coarse = (_brain(5, spacing=spacing) for spacing in (2.0, 4.0))
    for part in ("white", "grey", "csf"):
        volumes = [_volume_ml(getattr(b, part)[b.mask], s) for b, s in ((fine, 2.0), (coarse, 4.0))]
        assert volumes[0] == pytest.approx(volumes[1], rel=0.06)
