from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from fedlab_utils.segmentation.spatial import (
    MAX_ELASTIC,
    affine,
    affine_parameters,
    displacement,
    elastic,
    flip,
)
from tests.segmentation.heads import head

SHAPES = [(64, 48), (24, 20, 16)]


@pytest.mark.parametrize("shape", SHAPES)
def test_flip_swaps_left_and_right(shape: tuple[int, ...]) -> None:
    image, target = head(*shape)
    flipped, moved = flip(image, target, 1.0, seed=0)
    assert np.array_equal(flipped.numpy(), image.numpy()[:, ::-1])
    assert np.array_equal(moved.numpy(), target.numpy()[:, ::-1])


def test_flip_happens_as_often_as_its_strength() -> None:
    image, _ = head(8, 8)
    times = sum(not torch.equal(flip(image, None, 0.3, seed)[0], image) for seed in range(400))
    assert times == pytest.approx(120, abs=4 * np.sqrt(400 * 0.3 * 0.7))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_affine_on_a_slice_as_scipy_does_it(strength: float) -> None:
    """Rotation by the angle that was drawn, about the middle, with scale and shift."""
    image, target = head(64, 48)
    (angle,), (scale, _), shift = affine_parameters((64, 48), strength, seed=5)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]])
    middle = (np.array([64, 48]) - 1) / 2
    offset = middle + matrix @ shift - matrix @ (scale * middle)
    expected = [
        ndimage.affine_transform(volume, matrix * scale, offset, order=1, mode="grid-constant")
        for volume in image.numpy()
    ]
    moved, moved_target = affine(image, target, strength, seed=5)
    np.testing.assert_allclose(moved, expected, atol=1e-3)
    share = ndimage.affine_transform(
        target[2].numpy().astype(float), matrix * scale, offset, order=1, mode="grid-constant"
    )
    clear = np.abs(share - 0.5) > 1e-4
    assert np.array_equal(moved_target[2].numpy()[clear], (share >= 0.5)[clear])


def test_affine_on_a_volume_moves_the_centre_of_mass_as_its_matrix_says() -> None:
    shape = (40, 36, 32)
    axes = torch.meshgrid(*[torch.arange(float(n)) for n in shape], indexing="ij")
    at = np.array([24.0, 14.0, 18.0])
    blob = torch.exp(-sum((a - p) ** 2 for a, p in zip(axes, at, strict=True)) / 8)[None]
    angles, scales, shift = affine_parameters(shape, 0.5, seed=3)
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s = np.cos(angle), np.sin(angle)
        turns = {
            0: [[1, 0, 0], [0, c, -s], [0, s, c]],
            1: [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            2: [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }
        matrix = matrix @ np.array(turns[axis])
    middle = (np.array(shape) - 1) / 2
    # A voxel x of the result shows the place M (s (x - m) + t) + m of the image.
    expected = middle + (np.linalg.inv(matrix) @ (at - middle) - shift) / scales[0]
    moved, _ = affine(blob, None, 0.5, seed=3)
    centre = ndimage.center_of_mass(moved[0].numpy())
    np.testing.assert_allclose(centre, expected, atol=0.05)


@pytest.mark.parametrize("shape", SHAPES)
def test_elastic_as_scipy_does_it(shape: tuple[int, ...]) -> None:
    image, _ = head(*shape)
    at = np.indices(shape) + displacement(shape, 0.6, seed=4)
    expected = [
        ndimage.map_coordinates(volume, at, order=1, mode="grid-constant")
        for volume in image.numpy()
    ]
    np.testing.assert_allclose(elastic(image, None, 0.6, seed=4)[0], expected, atol=1e-3)


def test_displacement_is_smooth_and_as_large_as_stated() -> None:
    drawn = np.stack([displacement((96, 96), 1.0, seed) for seed in range(20)])
    nodes = drawn[:, :, ::95, ::95]  # corners are nodes: nothing is interpolated there
    assert nodes.std() == pytest.approx(MAX_ELASTIC, rel=0.2)
    assert np.abs(np.diff(drawn, axis=2)).max() < 1.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("move", [flip, affine, elastic])
def test_target_moves_with_the_image(move: object, shape: tuple[int, ...]) -> None:
    """An image that is its own target stays its own target, and regions stay nested."""
    _, target = head(*shape)
    moved, moved_target = move(target.float(), target, 0.7, seed=2)
    assert torch.equal(moved >= 0.5, moved_target)
    assert moved_target.dtype == torch.bool
    assert (moved_target[0] <= moved_target[1]).all()
    assert (moved_target[1] <= moved_target[2]).all()
    assert moved_target[0].any()
