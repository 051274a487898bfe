"""The contrast explorer against signal equations written out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fedlab_utils.data.phantom.tissue import NAMES, TISSUES
from fedlab_utils.errors import DataError
from fedlab_utils.ui.contrast import PRESETS, ContrastExplorer
from tests.ui.drive import drive


@pytest.fixture
def explorer() -> ContrastExplorer:
    fractions = np.zeros((len(NAMES), 30, 36))
    for column, name in enumerate(("white", "grey", "csf", "oedema", "strong_rim", "necrosis")):
        fractions[NAMES.index(name), 4 * column + 2 : 4 * column + 6, 4:30] = 1
    return ContrastExplorer(fractions)


def _spin_echo(name: str, tr: float, te: float) -> float:
    tissue = TISSUES[name]
    t1, t2 = tissue.t1_ms[0], tissue.t2_ms[0]
    recovery = 1 - 2 * math.exp(-(tr - te / 2) / t1) + math.exp(-tr / t1)
    return tissue.proton_density * recovery * math.exp(-te / t2)


@pytest.mark.parametrize(("tr", "te"), [(600, 12), (4500, 95), (2000, 30)])
def test_signals_follow_the_spin_echo_equation(
    explorer: ContrastExplorer, tr: int, te: int
) -> None:
    explorer.tr.value, explorer.te.value, explorer.ti.value = tr, te, 0
    for name, value in explorer.shown["signal"].items():
        assert value == pytest.approx(_spin_echo(name, tr, te), rel=1e-9)
    assert explorer.shown["image"][3, 10] == pytest.approx(_spin_echo("white", tr, te))


def test_presets_show_what_the_lesson_says(explorer: ContrastExplorer) -> None:
    seen = {}
    for preset, settings in PRESETS.items():
        explorer.preset.value = preset
        seen[preset] = explorer.shown["signal"]
        assert {name: explorer.shown[name] for name in settings} == settings
    t1, t1ce, t2, flair = (seen[name] for name in ("T1", "T1ce", "T2", "FLAIR"))
    assert t1["white"] > t1["grey"] > t1["csf"]
    assert t1ce["strong_rim"] > 1.3 * t1["strong_rim"]
    assert t1ce["oedema"] < 1.1 * t1["oedema"]
    assert t2["csf"] > t2["oedema"] > t2["white"]
    assert flair["csf"] < 0.2 * flair["oedema"]
    assert flair["oedema"] > flair["grey"]


def test_a_preset_is_marked_only_while_the_controls_stand_at_its_values(
    explorer: ContrastExplorer,
) -> None:
    explorer.preset.value = "T2"
    explorer.tr.value += 50
    assert explorer.preset.value is None
    assert explorer.shown["tr"] == PRESETS["T2"]["tr"] + 50
    explorer.tr.value -= 50
    assert explorer.preset.value == "T2"
    explorer.te.value = 30
    explorer.preset.value = "T2"  # the same button pressed again
    assert explorer.te.value == explorer.shown["te"] == PRESETS["T2"]["te"]
    explorer.preset.value = "T1"
    explorer.gadolinium.value = True
    assert explorer.preset.value == "T1ce"


def test_a_preset_is_drawn_once(explorer: ContrastExplorer) -> None:
    drawn = []
    explorer._picture.observe(drawn.append, "value")
    explorer.preset.value = "FLAIR"
    assert explorer.preset.value == "FLAIR"
    assert len(drawn) == 1


def test_it_says_in_words_what_it_shows(explorer: ContrastExplorer) -> None:
    explorer.preset.value = "FLAIR"
    assert "TI 2400 ms" in explorer.twin().alt
    assert f"oedema {explorer.shown['signal']['oedema']:.2f}" in explorer.describe()


def test_fractions_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="due"):
        ContrastExplorer(np.zeros((3, 4, 5)))


def test_every_control_shows_the_signal_of_its_settings(explorer: ContrastExplorer) -> None:
    def check() -> None:
        shown = explorer.shown
        if shown["ti"] == 0 and not shown["gadolinium"]:
            for name, value in shown["signal"].items():
                assert value == pytest.approx(_spin_echo(name, shown["tr"], shown["te"]), rel=1e-9)
        assert shown["tr"] == explorer.tr.value
        assert f"TE {shown['te']} ms" in explorer.describe()

    assert drive(explorer, check) > 12
