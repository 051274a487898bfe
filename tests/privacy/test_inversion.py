"""The search: it finds images of a small smooth network, and keeps to what it was told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.image_scores import against_guesses
from fedlab_utils.privacy.inversion import invert
from fedlab_utils.privacy.inversion_settings import InversionSettings
from fedlab_utils.privacy.shared_update import share

EDGE = 12
FEW = InversionSettings(iterations=4, total_variation=0.0)


def _network() -> nn.Module:
    """A strided, smooth network, of which inversion is known to be easy (as DLG's LeNet)."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(4, 16, 3, stride=2, padding=1),
            nn.Sigmoid(),
            nn.Flatten(),
            nn.Linear(16 * (EDGE // 2) ** 2, 3 * EDGE**2),
            nn.Unflatten(1, (3, EDGE, EDGE)),
        )


def _patients(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    rough = torch.randn(count, 4, 4, 4, generator=draw)
    images = nn.functional.interpolate(rough, size=(EDGE, EDGE), mode="bilinear")
    return images, (torch.rand(count, 3, EDGE, EDGE, generator=draw) < 0.3).float()


@pytest.mark.parametrize(
    "settings",
    [
        InversionSettings("cosine", "signed adam", 120, 0.05, 1e-5),
        InversionSettings("l2", "lbfgs", 60, 1.0, 0.0),
    ],
    ids=["Geiping", "DLG"],
)
def test_both_attacks_beat_both_guesses(settings: InversionSettings) -> None:
    images, target = _patients(1)
    shared = share(_network(), images, target)
    found = invert(_network(), shared, images.shape, target, settings=settings)
    rows = against_guesses({"attack": found.images}, images, _patients(20, 1)[0])
    assert rows[-1]["counts"]
    assert rows[-1]["psnr"] > 5 + max(row["psnr"] for row in rows[:2])
    assert found.distances[-1] < 0.02 * found.distances[0]


def test_at_the_truth_nothing_is_left_to_lessen() -> None:
    images, target = _patients(2)
    for schedule in (((0, 1),), ((0,), (1,), (0, 1))):
        shared = share(_network(), images, target, learning_rate=0.3, schedule=schedule)
        for distance in ("cosine", "l2"):
            settings = replace(FEW, distance=distance, iterations=1)
            found = invert(
                _network(), shared, images.shape, target, settings=settings, start=images
            )
            assert found.distances[0] == pytest.approx(0, abs=1e-6)


def test_images_stay_in_the_box_and_in_the_brain() -> None:
    images, target = _patients(1)
    brain = torch.zeros(1, 1, EDGE, EDGE, dtype=torch.bool)
    brain[..., 3:9, 3:9] = True
    shared = share(_network(), images * brain, target)
    settings = replace(FEW, learning_rate=1.0, box=(-0.5, 0.4))
    found = invert(_network(), shared, images.shape, target, brain, settings).images
    assert found[~brain.expand_as(found)].abs().max() == 0
    assert (float(found.min()), float(found.max())) == pytest.approx((-0.5, 0.4))


def test_unknown_masks_are_searched_for_too() -> None:
    images, target = _patients(1)
    shared = share(_network(), images, target)
    settings = replace(FEW, iterations=100, learning_rate=0.2)
    found = invert(_network(), shared, images.shape, start=images, settings=settings)
    assert found.target.shape == target.shape
    inside, outside = found.target[target == 1].mean(), found.target[target == 0].mean()
    assert float(inside - outside) > 0.3
    known = invert(_network(), shared, images.shape, target, settings=FEW)
    assert torch.equal(known.target, target)


def test_a_seed_decides_all_and_the_network_is_left_alone() -> None:
    images, target = _patients(1)
    network = _network()
    shared = share(network, images, target)
    runs = [
        invert(network, shared, images.shape, target, settings=replace(FEW, seed=seed)).images
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    for left, due in zip(network.parameters(), _network().parameters(), strict=True):
        assert torch.equal(left, due)
        assert left.grad is None


def test_of_several_restarts_the_nearest_gradient_counts() -> None:
    images, target = _patients(1)
    shared = share(_network(), images, target)
    settings = replace(FEW, restarts=3)
    found = invert(_network(), shared, images.shape, target, settings=settings)
    assert len(set(found.restarts)) == 3
    assert found.distances[-1] == min(found.restarts)
    assert len(found.distances) == FEW.iterations


def test_one_watches_and_stops_in_time() -> None:
    images, target = _patients(1)
    shared = share(_network(), images, target)
    seen: list[tuple[int, float]] = []
    found = invert(
        _network(),
        shared,
        images.shape,
        target,
        settings=FEW,
        watch=lambda n, now, d: seen.append((n, now.shape == images.shape and d)),
        every=2,
    )
    assert seen == [(2, found.distances[1]), (4, found.distances[3])]
    hasty = invert(_network(), shared, images.shape, target, settings=replace(FEW, seconds=0.0))
    assert len(hasty.distances) == len(hasty.restarts) == 1


def test_what_does_not_fit_is_refused() -> None:
    images, target = _patients(2)
    shared = share(_network(), images, target)
    with pytest.raises(PrivacyError, match="target has shape"):
        invert(_network(), shared, images.shape, target[:1])
    with pytest.raises(PrivacyError, match="brain has shape"):
        invert(_network(), shared, images.shape, target, target[:, :2] > 0)
    with pytest.raises(PrivacyError, match="counts to image 1, and 1 are searched for"):
        invert(_network(), shared, images[:1].shape, target[:1])
