from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom import make_anatomy
from fedlab_utils.data.phantom.tissue import HEALTHY, NAMES


def test_fractions_fill_every_voxel(anatomies: list) -> None:
    for anatomy in anatomies:
        assert anatomy.fractions.dtype == np.float32
        assert anatomy.fractions.shape == (len(NAMES), *anatomy.mask.shape)
        assert anatomy.fractions.min() >= 0
        np.testing.assert_allclose(anatomy.fractions.sum(0)[anatomy.mask], 1, atol=2e-3)


def test_labels_lie_in_the_brain_and_on_tumour(anatomies: list) -> None:
    for anatomy in anatomies:
        assert anatomy.labels.max() <= 3
        assert not anatomy.labels[~anatomy.mask].any()
        tumour = anatomy.fractions[HEALTHY:].sum(0)
        assert tumour[anatomy.labels > 0].mean() > 0.6
        assert tumour[(anatomy.labels == 0) & anatomy.mask].mean() < 0.03
        outside = anatomy.fractions[HEALTHY:].copy()
        outside[:, *anatomy.lesion_box] = 0
        assert not outside.any()


def test_labels_say_what_most_of_the_voxel_is(anatomies: list) -> None:
    names = {name: number for number, name in enumerate(NAMES)}
    rings = [a for a in anatomies if a.plan.tumour.style in ("ring", "solid")]
    assert len(rings) > 4
    for anatomy in rings:
        rim = anatomy.fractions[names["weak_rim"]] + anatomy.fractions[names["strong_rim"]]
        assert rim[anatomy.labels == 3].sum() >= 0.7 * rim.sum()


def test_made_twice_it_is_the_same_and_others_do_not_matter(anatomies: list) -> None:
    again = make_anatomy(5, seed=3, spacing=3.0)
    np.testing.assert_array_equal(again.fractions, anatomies[5].fractions)
    np.testing.assert_array_equal(again.labels, anatomies[5].labels)
    other = make_anatomy(5, seed=4, spacing=3.0)
    assert other.labels.shape != again.labels.shape or (other.labels != again.labels).any()


def test_the_same_patient_at_every_spacing() -> None:
    fine, coarse = make_anatomy(1, 3, spacing=2.0), make_anatomy(1, 3, spacing=4.0)
    volumes, centres = [], []
    for anatomy, spacing in ((fine, 2.0), (coarse, 4.0)):
        places = np.argwhere(anatomy.whole(anatomy.labels) > 0)
        volumes.append(len(places) * spacing**3 / 1000)
        centres.append((places.mean(0) + 0.5) * spacing)
    assert volumes[0] == pytest.approx(volumes[1], rel=0.05)
    assert np.linalg.norm(centres[0] - centres[1]) < 3


def test_the_plan_shows_in_the_image(anatomies: list) -> None:
    for anatomy in anatomies:
        tumour = anatomy.plan.tumour
        columns = np.argwhere(anatomy.whole(anatomy.labels) > 0)[:, 0] * anatomy.spacing
        middle = anatomy.axes[0][np.flatnonzero(anatomy.mask.any((1, 2)))].mean()
        assert (columns.mean() > middle) == (tumour.side == "right")
        assert (anatomy.labels == 3).any() == (tumour.style != "none")


def test_whole_puts_the_box_into_the_volume(anatomies: list) -> None:
    anatomy = anatomies[0]
    whole = anatomy.whole(anatomy.mask)
    assert whole.shape == (80, 80, 52)
    assert whole.sum() == anatomy.mask.sum()
    np.testing.assert_array_equal(whole[anatomy.box], anatomy.mask)
