from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from fedlab_utils.data.phantom.template import Maps, load_template


def test_sampling_is_trilinear_interpolation() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 7, 8, 9)).astype(np.float32)
    maps = Maps(values, np.array([-3.0, 5.0, 1.0]), 2.0)
    place = rng.uniform(0.5, 5.5, (3, 4, 3, 2))
    mni = place * 2.0 + maps.origin.reshape(3, 1, 1, 1)
    seen = maps.sample(mni)
    expected = np.stack([map_coordinates(v, place, order=1) for v in values])
    np.testing.assert_allclose(seen, expected, atol=1e-5)
    assert maps.sample(mni + 1000).max() == 0


@pytest.mark.parametrize(
    ("place", "tissue"),
    [
        ((28, -20, 32), "white"),  # corona radiata
        ((2, 10, 22), "white"),  # corpus callosum
        ((13, 11, 12), "grey"),  # head of the caudate
        ((26, 4, 0), "grey"),  # putamen
        ((6, 14, 5), "csf"),  # frontal horn
        ((25, -43, 8), "csf"),  # atrium
    ],
)
def test_known_places_are_the_tissue_they_should_be(place: tuple, tissue: str) -> None:
    maps = load_template(2).tissue
    # The most typical voxel within 4 mm: atlases give places to a few millimetres.
    offsets = np.stack(np.meshgrid(*[np.arange(-4, 5, 2.0)] * 3, indexing="ij"))
    white, csf, _ = maps.sample(np.array(place).reshape(3, 1, 1, 1) + offsets)
    score = {
        "white": np.minimum(white, white - csf),
        "grey": np.minimum(-white, -csf),
        "csf": np.minimum(csf, csf - white),
    }
    assert score[tissue].max() > 0


def test_both_resolutions_show_the_same_brain() -> None:
    fine, coarse = load_template(1), load_template(2)
    volumes = [(t.tissue.values[2] > 0.5).sum() * t.tissue.step**3 / 1000 for t in (fine, coarse)]
    assert volumes[0] == pytest.approx(1883, rel=0.02)  # ICBM152 with cerebellum and brain stem, ml
    assert volumes[1] == pytest.approx(volumes[0], rel=0.01)


def test_shape_maps_point_to_the_ventricles() -> None:
    shape = load_template(2).shape
    pull_x = shape.sample(np.array([30.0, 10.0, 12.0]).reshape(3, 1, 1, 1))[0]
    assert pull_x < 0  # from the right towards the middle
    assert np.abs(shape.values[:3]).max() <= 1
    deep = shape.sample(np.array([0.0, -20.0, 10.0]).reshape(3, 1, 1, 1))
    assert deep[3] > 25  # mm below the surface
    assert deep[4] < 0.1  # not cortical
