from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.n4 import correct_bias
from fedlab_utils.data.preprocessing import PreprocessSettings, preprocess
from tests.data import tiny


def shaded(offset: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two tissues, a smooth field of +-40 %, and the mask."""
    rng, mask = np.random.default_rng(0), tiny.brain()
    x, y, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in tiny.SHAPE], indexing="ij")
    field = np.exp(0.4 * x - 0.3 * y**2)
    tissue = np.where((np.indices(tiny.SHAPE).sum(axis=0) // 6) % 2 == 0, 600.0, 900.0)
    volume = np.where(mask, tissue * field + rng.normal(0, 10, tiny.SHAPE) - offset, 0)
    return volume.astype(np.float32), tissue, mask


@pytest.mark.parametrize(("offset", "left"), [(0.0, 0.3), (600.0, 0.75)])
def test_a_known_field_is_removed(offset: float, left: float) -> None:
    """A tissue's spread falls to a fraction; less of one where the true zero is lost."""
    volume, tissue, mask = shaded(offset)
    assert (volume[mask].min() < 0) == (offset > 0)
    (corrected,) = correct_bias(volume[None], mask, (4.0, 4.0, 4.0))
    for value in (600.0, 900.0):
        inside = mask & (tissue == value)
        assert corrected[inside].std() < left * volume[inside].std()
    assert np.array_equal(corrected[~mask], volume[~mask])
    assert corrected.dtype == np.float32


def test_anisotropic_voxels() -> None:
    volume, tissue, mask = shaded()
    (corrected,) = correct_bias(volume[None], mask, (2.0, 4.0, 1.0))
    inside = mask & (tissue == 600)
    assert corrected[inside].std() < 0.35 * volume[inside].std()


def test_a_constant_sequence_stays() -> None:
    mask = tiny.brain()
    volume = np.where(mask, 7.0, 0).astype(np.float32)
    assert np.array_equal(correct_bias(volume[None], mask, (4, 4, 4))[0], volume)


def test_preprocessing_corrects_on_request() -> None:
    volume, tissue, mask = shaded()
    case = tiny.case(image=volume[None])  # one sequence is enough here
    plain = preprocess(case, PreprocessSettings(4.0))
    corrected = preprocess(case, PreprocessSettings(4.0, n4=True))
    box = tuple(slice(*edges) for edges in plain.box)
    inside = (mask & (tissue == 600))[box]
    assert corrected.image[0][inside].std() < 0.5 * plain.image[0][inside].std()
