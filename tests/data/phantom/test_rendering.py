from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.conventions import ENHANCING, OEDEMA
from fedlab_utils.data.phantom import SCANNERS, ideal_images, render
from fedlab_utils.data.phantom.tissue import NAMES

T1, T1CE, T2, FLAIR = range(4)


def _mostly(anatomy, name: str) -> np.ndarray:
    return (anatomy.fractions[NAMES.index(name)] > 0.9) & anatomy.mask


@pytest.mark.parametrize("scanner", SCANNERS)
def test_tumour_looks_like_tumour(anatomies: list, scanner: str) -> None:
    anatomy = next(a for a in anatomies if (a.labels == ENHANCING).sum() > 100)
    images = ideal_images(anatomy, SCANNERS[scanner])
    white = images[:, _mostly(anatomy, "white")].mean(1)
    grey = images[:, _mostly(anatomy, "grey")].mean(1)
    oedema = images[:, anatomy.labels == OEDEMA].mean(1)
    rim = images[:, anatomy.labels == ENHANCING].mean(1)
    assert white[T1] > grey[T1]
    assert oedema[FLAIR] > 1.15 * max(white[FLAIR], grey[FLAIR])
    assert oedema[T2] > 1.15 * grey[T2]
    assert rim[T1CE] > 1.15 * white[T1CE]
    assert rim[T1] < 1.1 * white[T1]


def test_a_voxel_is_the_mean_of_its_tissues(anatomies: list) -> None:
    """Partial volume: the image is linear in the fractions, up to texture of a few percent."""
    anatomy = anatomies[0]
    images = ideal_images(anatomy, SCANNERS["3T research"])
    pure = [images[:, _mostly(anatomy, name)].mean(1) for name in ("white", "grey")]
    share = anatomy.fractions[[NAMES.index("white"), NAMES.index("grey")]]
    mixed = (share.min(0) > 0.4) & anatomy.mask
    expected = np.einsum("tn,tc->cn", share[:, mixed], np.array(pure))
    assert np.mean(images[:, mixed] / expected) == pytest.approx(1, abs=0.05)


def test_files_hold_whole_numbers_and_nothing_outside(anatomies: list) -> None:
    anatomy = anatomies[1]
    image = render(anatomy)
    assert image.shape == (4, 80, 80, 52)
    assert image.dtype == np.float32
    mask = anatomy.whole(anatomy.mask)
    assert (image[:, ~mask] == 0).all()
    assert (image[:, mask] >= 1).all()
    assert (image == np.rint(image)).all()
    assert 100 < np.median(image[:, mask]) < 1200
    assert image.max() < 2**15


def test_another_scanner_changes_the_image_but_not_the_patient(anatomies: list) -> None:
    anatomy = anatomies[2]
    before = anatomy.fractions.copy()
    first, second = render(anatomy, "1.5T thick"), render(anatomy, SCANNERS["3T research"])
    np.testing.assert_array_equal(anatomy.fractions, before)
    assert (first != second).any()
    for number in range(4):  # still the same head: edges lie where they lay
        both = [i[number][anatomy.whole(anatomy.mask)] for i in (first, second)]
        assert np.corrcoef(both)[0, 1] > 0.3


def test_rendered_again_it_is_the_same_and_another_visit_is_not(anatomies: list) -> None:
    anatomy = anatomies[3]
    np.testing.assert_array_equal(render(anatomy), render(anatomy, anatomy.plan.scanner))
    assert (render(anatomy, visit=1) != render(anatomy)).any()


def test_thick_slices_blur_more_than_thin_ones(anatomies: list) -> None:
    anatomy = anatomies[4]
    mask = anatomy.mask[:, :, 1:] & anatomy.mask[:, :, :-1]
    rough = []
    for name in ("3T research", "1.5T old FLAIR"):
        flair = render(anatomy, name)[FLAIR][anatomy.box]
        step = np.abs(np.diff(flair, axis=2))[mask].mean()
        rough.append(step / flair[anatomy.mask].std())
    assert rough[1] < 0.7 * rough[0]
