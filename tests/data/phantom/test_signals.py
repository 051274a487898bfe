"""The signal equations against a Bloch simulation."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.signals import (
    inversion_recovery,
    spin_echo,
    spoiled_gradient_echo,
)


class Magnet:
    """One isochromat in the rotating frame, on resonance: rotations and free relaxation."""

    def __init__(self, t1: float, t2: float) -> None:
        self.t1, self.t2, self.m = t1, t2, np.array([0.0, 0.0, 1.0])

    def pulse(self, degrees: float) -> None:
        a = np.deg2rad(degrees)
        turn = [[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]]
        self.m = np.array(turn) @ self.m

    def wait(self, ms: float) -> None:
        across, along = np.exp(-ms / self.t2), np.exp(-ms / self.t1)
        self.m = self.m * [across, across, along] + [0, 0, 1 - along]

    def spoil(self) -> None:
        self.m[:2] = 0

    def signal(self) -> float:
        return float(np.hypot(*self.m[:2]))


TISSUES = [(650.0, 75.0), (1330.0, 95.0), (4200.0, 1800.0)]


@pytest.mark.parametrize(("t1", "t2"), TISSUES)
@pytest.mark.parametrize(("tr", "te"), [(550.0, 12.0), (4000.0, 100.0)])
def test_spin_echo_is_what_bloch_says(t1: float, t2: float, tr: float, te: float) -> None:
    magnet = Magnet(t1, t2)
    for _ in range(60):
        magnet.spoil()
        magnet.pulse(90)
        magnet.wait(te / 2)
        magnet.pulse(180)
        magnet.wait(te / 2)
        seen = magnet.signal()
        magnet.wait(tr - te)
    assert spin_echo(t1, t2, 1.0, tr, te) == pytest.approx(seen, rel=1e-6)


@pytest.mark.parametrize(("t1", "t2"), TISSUES)
def test_inversion_recovery_is_what_bloch_says(t1: float, t2: float) -> None:
    tr, te, ti = 9000.0, 120.0, 2400.0
    magnet = Magnet(t1, t2)
    for _ in range(20):
        magnet.spoil()
        magnet.pulse(180)
        magnet.wait(ti)
        magnet.spoil()
        magnet.pulse(90)
        magnet.wait(te / 2)
        magnet.pulse(180)
        magnet.wait(te / 2)
        seen = magnet.signal()
        magnet.wait(tr - ti - te)
    # Equation and experiment count TR from inversion to inversion.
    assert inversion_recovery(t1, t2, 1.0, tr, te, ti) == pytest.approx(seen, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("t1", "t2"), TISSUES)
def test_spoiled_gradient_echo_is_what_bloch_says(t1: float, t2: float) -> None:
    tr, te, flip = 9.0, 3.0, 14.0
    magnet = Magnet(t1, t2)
    for _ in range(6000):
        magnet.spoil()
        magnet.pulse(flip)
        magnet.wait(te)
        seen = magnet.signal()
        magnet.wait(tr - te)
    assert spoiled_gradient_echo(t1, t2, 1.0, tr, te, flip) == pytest.approx(seen, rel=1e-4)
