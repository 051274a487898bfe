"""Distances of gradients and total variation: closed forms and brute force."""

from __future__ import annotations

import pytest
import torch

from fedlab_utils.privacy.matching import gradient_distance, total_variation


def _parts(seed: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=draw).double() for shape in ((3, 2), (5,), (1, 2, 2))]


def test_distances_are_those_of_the_flattened_vectors() -> None:
    a, b = _parts(0), _parts(1)
    x, y = (torch.cat([p.flatten() for p in parts]) for parts in (a, b))
    cosine = 1 - float(torch.nn.functional.cosine_similarity(x, y, 0))
    assert float(gradient_distance(a, b, "cosine")) == pytest.approx(cosine)
    squared = float(torch.dist(x, y) ** 2 / y.norm() ** 2)
    assert float(gradient_distance(a, b, "l2")) == pytest.approx(squared)


def test_at_the_truth_both_are_zero_and_a_length_is_seen_by_one_only() -> None:
    a = _parts(0)
    longer = [3 * p for p in a]
    assert float(gradient_distance(a, a, "cosine")) == pytest.approx(0, abs=1e-12)
    assert float(gradient_distance(a, a, "l2")) == 0
    assert float(gradient_distance(longer, a, "cosine")) == pytest.approx(0, abs=1e-12)
    assert float(gradient_distance(longer, a, "l2")) == pytest.approx(4)
    assert float(gradient_distance([-p for p in a], a, "cosine")) == pytest.approx(2)
    assert float(gradient_distance([0 * p for p in a], a, "l2")) == pytest.approx(1)


def test_total_variation_voxel_by_voxel() -> None:
    images = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    down, across = [], []
    for b in range(2):
        for c in range(3):
            for i in range(4):
                for j in range(5):
                    here = float(images[b, c, i, j])
                    if i:
                        down.append(abs(here - float(images[b, c, i - 1, j])))
                    if j:
                        across.append(abs(here - float(images[b, c, i, j - 1])))
    due = sum(down) / len(down) + sum(across) / len(across)
    assert float(total_variation(images)) == pytest.approx(due)
    assert float(total_variation(torch.full((1, 1, 4, 4), 2.0))) == 0
