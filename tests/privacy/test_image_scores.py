"""Scores of images: scikit-image as the oracle, brute force for the order, and the guesses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.image_scores import (
    against_guesses,
    best_order,
    mean_guess,
    nearest_guess,
    psnr,
    score_images,
    ssim,
)


def _images(count: int, seed: int = 0, edge: int = 20) -> torch.Tensor:
    return torch.randn(count, 4, edge, edge, generator=torch.Generator().manual_seed(seed))


def test_scikit_image_finds_the_same_scores() -> None:
    truth = _images(2)
    images = 0.7 * truth + 0.3 * _images(2, 1) + 0.1
    ratios, similarities = psnr(images, truth, 8.0), ssim(images, truth, 8.0)
    for n, c in itertools.product(range(2), range(4)):
        a, b = truth[n, c].numpy().astype(float), images[n, c].numpy().astype(float)
        assert float(ratios[n, c]) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=8.0))
        _, whole = structural_similarity(
            a, b, data_range=8.0, gaussian_weights=True, use_sample_covariance=False, full=True
        )
        due = whole[5:-5, 5:-5].mean()  # windows inside the image
        assert float(similarities[n, c]) == pytest.approx(due, abs=1e-5)


def test_one_window_by_its_formula() -> None:
    """An image of 11 x 11 voxels has one window."""
    truth, images = _images(1, 0, 11), _images(1, 1, 11)
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(axis, axis) / axis.sum() ** 2
    x, y = images[0, 2].numpy().astype(float), truth[0, 2].numpy().astype(float)
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
    cov = (weights * (x - mx) * (y - my)).sum()
    c1, c2 = (0.01 * 6) ** 2, (0.03 * 6) ** 2
    due = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert float(ssim(images, truth, 6.0)[0, 2]) == pytest.approx(due, abs=1e-5)


def test_equal_images_score_best_and_the_default_range_is_the_truth_s() -> None:
    truth = _images(1)
    scores = score_images(truth, truth)
    assert scores.ssim == pytest.approx([1.0] * 4)
    assert scores.mean_psnr == float("inf")
    assert scores.data_range == float(truth.max() - truth.min())


def test_the_order_of_a_batch_does_not_matter() -> None:
    truth = _images(4)
    images = truth[[2, 0, 3, 1]] + 0.1 * _images(4, 1)
    assert best_order(images, truth) == (1, 3, 0, 2)
    shuffled, straight = score_images(images, truth), score_images(images[[1, 3, 0, 2]], truth)
    assert shuffled.psnr == straight.psnr
    assert shuffled.ssim == straight.ssim


def test_the_nearest_public_image_has_the_best_ratio_of_all() -> None:
    truth, public = _images(3), _images(9, 1)
    found = nearest_guess(public, truth)
    for n in range(3):
        ratios = [float((p - truth[n]).square().mean()) for p in public]
        assert torch.equal(found[n], public[int(np.argmin(ratios))])
    assert torch.allclose(mean_guess(public, truth)[1], public.sum(0) / 9, atol=1e-6)


def test_an_attack_counts_only_above_both_guesses_in_both_scores() -> None:
    truth, public = _images(1), _images(5, 1)
    near = truth + 0.1 * _images(1, 2)
    rows = against_guesses({"good": near, "useless": _images(1, 3)}, truth, public)
    names = ["mean public image", "nearest public image", "good", "useless"]
    assert [row["name"] for row in rows] == names
    assert [row["counts"] for row in rows] == [None, None, True, False]
    half = against_guesses({"the mean again": public.mean(0, keepdim=True)}, truth, public)
    assert half[-1]["counts"] is False


def test_an_attack_counts_only_above_further_guesses_too() -> None:
    truth, public = _images(1), _images(5, 1)
    near = truth + 0.1 * _images(1, 2)
    better, worse = truth + 0.05 * _images(1, 2), truth + 0.5 * _images(1, 2)
    for guess, counts in ((better, False), (worse, True)):
        rows = against_guesses({"attack": near}, truth, public, more={"painted": guess})
        assert [row["name"] for row in rows][2:] == ["painted", "attack"]
        assert [row["counts"] for row in rows] == [None, None, None, counts]


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(PrivacyError, match="one shape"):
        psnr(_images(1), _images(2), 1.0)
    with pytest.raises(PrivacyError, match="data range is 0"):
        score_images(torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12))
    with pytest.raises(PrivacyError, match="Pass edges of 11"):
        ssim(_images(1, edge=8), _images(1, edge=8), 1.0)
    with pytest.raises(PrivacyError, match="at most 6"):
        score_images(_images(7), _images(7))
