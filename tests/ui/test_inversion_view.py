"""The explorer of gradient inversion: the attack follows the controls, and the words the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fedlab_utils.privacy import InversionSettings, open_rectifiers
from fedlab_utils.segmentation import UNetSettings, make_unet
from fedlab_utils.ui import InversionExplorer, inversion_view
from fedlab_utils.ui.slices import picture_array


@pytest.fixture
def explorer(monkeypatch: pytest.MonkeyPatch) -> InversionExplorer:
    monkeypatch.setattr(inversion_view, "ITERATIONS", 2)
    drawn = torch.Generator().manual_seed(3)
    images = torch.randn(4, 4, 32, 32, generator=drawn)
    target = (torch.rand(4, 3, 32, 32, generator=drawn) < 0.3).float()
    brain = torch.ones(4, 1, 32, 32, dtype=torch.bool)
    honest = make_unet(UNetSettings(width=8))
    networks = {"honest": honest, "chosen": open_rectifiers(make_unet(UNetSettings(width=8)))}
    return InversionExplorer(networks, images, target, brain, images[2:])


def test_the_attack_is_as_the_controls_say(explorer: InversionExplorer, monkeypatch) -> None:
    import fedlab_utils.privacy as privacy

    asked, real = [], privacy.try_inversion

    def watched(model, *told, **how):
        asked.append((model, how))
        return real(model, *told, **how)

    monkeypatch.setattr(privacy, "try_inversion", watched)
    explorer.network.value, explorer.batch.value = "chosen", 2
    explorer.steps.value, explorer.noise.value = 2, 1.0
    assert explorer.shown["network"] == "honest"  # nothing moves before the button is pressed
    explorer.button.click()
    [(model, how)] = asked
    assert model is explorer.networks["chosen"]
    assert (how["batch"], how["steps"], how["noise"]) == (2, 2, 1.0)
    assert explorer.shown["network"] == "chosen"
    explorer.button.click()  # pressed twice, while the first attack ran
    assert len(asked) == 1
    assert "shown already" in explorer._text.value
    explorer.noise.value = 0.0
    explorer.button.click()
    assert len(asked) == 2


def test_of_a_batch_the_image_that_fits_the_first_patient_is_shown(
    explorer: InversionExplorer,
) -> None:
    from fedlab_utils.privacy import try_inversion

    trial = try_inversion(
        explorer.networks["honest"],
        explorer.images,
        explorer.target,
        explorer.public,
        batch=2,
        settings=InversionSettings(iterations=1),
    )
    swapped = replace(trial.inversion, images=explorer.images[:2].flip(0))
    explorer._show(replace(trial, inversion=swapped))
    np.testing.assert_array_equal(explorer.shown["attack"], explorer.images[0].numpy())


def test_words_are_those_of_the_table(explorer: InversionExplorer) -> None:
    attack = explorer.shown["table"][-1]
    words = explorer.describe()
    assert f"reaches {attack['psnr']:.1f} dB" in words
    assert "does not beat all guesses" in words
    assert "mean public image" in words
    assert explorer.twin().alt == words


def test_pictures_have_the_grey_scale_of_the_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr(inversion_view, "figure", lambda fig, alt: kept.append((fig, alt)))
    truth = np.random.default_rng(0).normal(size=(4, 8, 10))
    inversion_view.inversion_pictures({"truth": truth, "found": 9 * truth}, "words enough for all")
    for ax, sequence in zip(kept[0][0].axes, (1, 1, 3, 3), strict=True):
        shown = ax.images[0]
        assert shown.get_clim() == pytest.approx(tuple(np.percentile(truth[sequence], (1, 99))))
    due = picture_array(9 * truth[3], "axial", radiological=True)
    np.testing.assert_allclose(kept[0][0].axes[3].images[0].get_array(), due)
