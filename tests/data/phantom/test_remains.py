"""Skull stripping that failed: remains lie around the brain, distortion at its lower surface."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedlab_utils.data.phantom import remains, render_randomised
from fedlab_utils.data.phantom.brain import grid_axes


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remains, "CHANCE_OF_REMAINS", 1.0)
    monkeypatch.setattr(remains, "CHANCE_OF_DISTORTION", 1.0)


@pytest.mark.usefixtures("always")
def test_remains_surround_the_brain_and_leave_it_alone(anatomies: list) -> None:
    anatomy = anatomies[0]
    mask, axes = anatomy.whole(anatomy.mask), grid_axes(anatomy.spacing)
    away = ndimage.distance_transform_edt(~mask) * anatomy.spacing
    added = []
    for seed in range(12):
        images = np.where(mask, np.float32(100), 0) * np.ones((4, 1, 1, 1), np.float32)
        remains.leave_remains(np.random.default_rng(seed), images, mask, axes)
        assert (images[:, mask] == 100).all()
        new = (images > 0).all(0) & ~mask
        assert np.array_equal(new, (images > 0).any(0) & ~mask), "a voxel is there in all or none"
        assert away[new].max(initial=0) <= remains.DEEPEST_MM
        assert (images == np.rint(images)).all()
        added.append(new)
    volumes = np.array([new.sum() for new in added]) * anatomy.spacing**3 / 1000
    assert np.median(volumes) > 2, "ml"
    heights = [np.argwhere(new)[:, 2].mean() for new in added if new.any()]
    assert np.mean(heights) < np.argwhere(mask)[:, 2].mean(), "mostly below"


@pytest.mark.usefixtures("always")
def test_distortion_darkens_and_brightens_near_the_lower_surface(anatomies: list) -> None:
    anatomy = anatomies[1]
    mask = anatomy.mask
    surface = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    low = np.quantile(surface[:, 2], 0.4) * anatomy.spacing
    factors = []
    for seed in range(8):
        images = np.ones((4, *mask.shape), np.float32)
        remains.distort_base(np.random.default_rng(seed), images, mask, anatomy.axes)
        assert (images > 0).all()
        height = np.arange(mask.shape[2]) * anatomy.spacing
        far_above = height > low + 2 * 16 + 1
        np.testing.assert_allclose(images[..., far_above], 1, atol=0.01)
        factors.append((images.min(), images.max()))
    darkest, brightest = np.array(factors).T
    assert darkest.min() < 0.5
    assert brightest.max() > 1.2


def test_some_random_renderings_have_remains_and_some_do_not(anatomies: list) -> None:
    anatomy = anatomies[2]
    mask = anatomy.whole(anatomy.mask)
    with_remains = [(render_randomised(anatomy, n)[0][~mask] > 0).any() for n in range(16)]
    assert 2 <= sum(with_remains) <= 14
