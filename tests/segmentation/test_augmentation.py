from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.data.tiers import TIERS
from fedlab_utils.errors import FedLabError
from fedlab_utils.segmentation.augmentation import (
    AUGMENTATIONS,
    TrainingAugmentation,
    augment,
    training_augmentation,
)
from tests.segmentation.heads import head

SHAPES = [(48, 40), (20, 18, 16)]


def test_the_augmentations_of_the_lesson_are_there() -> None:
    asked = {"affine", "elastic", "bias field", "gamma", "noise", "blur", "low resolution"}
    assert asked | {"flip"} == set(AUGMENTATIONS)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_strength_zero_is_the_identity(name: str, shape: tuple[int, ...]) -> None:
    image, target = head(*shape)
    same, same_target = augment(name, image, target, strength=0.0, seed=1)
    assert torch.equal(same, image)
    assert torch.equal(same_target, target)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_seed_decides_everything(name: str, shape: tuple[int, ...]) -> None:
    image, target = head(*shape)
    before = image.clone()
    np.random.seed(0)
    first = augment(name, image, target, 0.9, seed=7)
    np.random.seed(1)
    second = augment(name, image, target, 0.9, seed=7)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert torch.equal(image, before)
    assert type(first[0]) is torch.Tensor
    assert first[0].dtype == torch.float32
    if name not in {"blur", "low resolution"}:  # these two leave nothing to chance
        others = [augment(name, image, target, 0.9, seed)[0] for seed in range(10)]
        assert any(not torch.equal(first[0], other) for other in others)


@pytest.mark.parametrize("name", ["affine", "elastic", "bias field", "noise", "blur"])
def test_more_strength_changes_more(name: str) -> None:
    image, _ = head(48, 40)
    change = [
        float((augment(name, image, None, s, seed=3)[0] - image).abs().mean())
        for s in (0.0, 0.2, 0.4, 0.8)
    ]
    assert change == sorted(change)
    assert change[0] == 0 < change[1]


def test_arrays_are_welcome() -> None:
    image, target = head(48, 40)
    result = augment("affine", image.numpy(), target.numpy(), 0.5, seed=1)
    expected = augment("affine", image, target, 0.5, seed=1)
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_empty_slice_stays_empty(name: str) -> None:
    image, target = torch.zeros(4, 32, 32), torch.zeros(3, 32, 32)
    changed, moved = augment(name, image, target, 1.0, seed=0)
    assert not changed.any()
    assert not moved.any()


def test_unknown_names_and_strengths_are_typed_errors() -> None:
    image, _ = head(8, 8)
    with pytest.raises(FedLabError, match=r"sharpen.*Choose one of flip, affine"):
        augment("sharpen", image)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(FedLabError, match="between 0 and 1"):
            augment("noise", image, strength=strength)


@pytest.mark.parametrize(("tier", "shape"), [("laptop", (48, 40)), ("gpu", (20, 18, 16))])
def test_training_depends_on_seed_and_key_alone(tier: str, shape: tuple[int, ...]) -> None:
    image, target = head(*shape)
    keys = [(epoch, index) for epoch in range(2) for index in range(6)]
    forwards = [training_augmentation(TIERS[tier], 3)(image, target, key) for key in keys]
    one = training_augmentation(TIERS[tier], 3)
    backwards = [one(image, target, key) for key in reversed(keys)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
    other = [training_augmentation(TIERS[tier], 4)(image, target, key)[0] for key in keys]
    assert not any(torch.equal(a[0], b) for a, b in zip(forwards, other, strict=True))


def test_a_chain_applies_its_steps_in_order() -> None:
    image, target = head(48, 40)
    chain = TrainingAugmentation((("flip", 1.0, 1.0), ("noise", 1.0, 0.4)), seed=2)
    rng = np.random.default_rng((2, 5, 8))
    expected = (image, target)
    for name, strongest in (("flip", 1.0), ("noise", 0.4)):
        rng.random()
        strength, seed = strongest * rng.random(), int(rng.integers(2**31))
        expected = augment(name, *expected, strength, seed)
    result = chain(image, target, (5, 8))
    assert torch.equal(result[0], expected[0])
    assert torch.equal(result[1], expected[1])


def test_a_step_happens_as_often_as_asked() -> None:
    image, _ = head(8, 8)
    chain = TrainingAugmentation((("noise", 0.25, 1.0),))
    times = sum(not torch.equal(chain(image, None, (k,))[0], image) for k in range(400))
    assert times == pytest.approx(100, abs=35)
