"""A mask painted in public colours: by hand, pixel by pixel."""

from __future__ import annotations

import numpy as np
import torch

from fedlab_utils.privacy.painting import painted_guess


def _drawn(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 5, (count, 6, 7))  # 0 outside, 1 brain, 2 oedema, 3 core, 4 enhancing
    target = np.stack([level == 4, level >= 3, level >= 2], 1)
    images = rng.normal(size=(count, 2, 6, 7))
    return tuple(map(torch.tensor, (images, target.astype(float), (level > 0)[:, None])))


def test_every_pixel_has_the_mean_of_its_region() -> None:
    images, known, brain = _drawn(0, 5)
    _, target, mine = _drawn(1, 3)
    found = painted_guess(images.float(), known, brain, target, mine).numpy()

    def region(targets: torch.Tensor, brains: torch.Tensor) -> np.ndarray:
        return (targets.numpy().sum(1) + brains.numpy()[:, 0]).astype(int)

    public, due = region(known, brain), region(target, mine)
    for n, x, y in np.ndindex(due.shape):
        here = public == due[n, x, y]
        for channel in range(2):
            value = images.numpy()[:, channel][here].mean() if due[n, x, y] else 0.0
            np.testing.assert_allclose(found[n, channel, x, y], value, atol=1e-6)


def test_a_region_that_nobody_has_is_dark() -> None:
    images, known, brain = _drawn(0, 2)
    known[:, 0] = 0
    known[:, 1] = 0
    ones = torch.ones(1, 3, 6, 7)
    guess = painted_guess(images.float(), known, brain, ones, torch.ones(1, 1, 6, 7).bool())
    assert not guess.any()
