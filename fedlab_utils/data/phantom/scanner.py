"""The scanners of the phantom hospitals: magnets, sequences, and what tissues look like on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.phantom.signals import (
    inversion_recovery,
    spin_echo,
    spoiled_gradient_echo,
)
from fedlab_utils.data.phantom.tissue import NAMES, TISSUES, relaxation


@dataclass(frozen=True)
class Sequence:
    """How one of the four images is acquired.

    Attributes
    ----------
    kind
        ``"spin echo"``, ``"gradient echo"`` or ``"inversion recovery"``.
    tr_ms, te_ms
        Repetition and echo time, ms.
    ti_ms
        Inversion time, ms (inversion recovery only).
    flip_deg
        Flip angle in degrees (gradient echo only).
    thickness_mm
        Distance from slice to slice, mm.
    in_plane_mm
        Voxel edge within the slice, mm.
    axis
        Normal of the slices: 0 sagittal, 1 coronal, 2 axial.
    noise
        Standard deviation of the noise in one voxel as acquired, in units of white matter's signal.
    """

    kind: str
    tr_ms: float
    te_ms: float
    ti_ms: float = 0.0
    flip_deg: float = 90.0
    thickness_mm: float = 1.0
    in_plane_mm: float = 1.0
    axis: int = 2
    noise: float = 0.03


@dataclass(frozen=True)
class Scanner:
    """One hospital's MRI: a magnet and four acquisitions.

    Attributes
    ----------
    name
        Its key in :data:`SCANNERS`.
    field_strength_t
        Tesla.
    t1, t1ce, t2, flair
        The four acquisitions.
    bias
        How far the coils' sensitivity varies over the head (standard deviation of its logarithm).
    contrast_dose
        Gadolinium dose relative to the usual 0.1 mmol per kg.
    """

    name: str
    field_strength_t: float
    t1: Sequence
    t1ce: Sequence
    t2: Sequence
    flair: Sequence
    bias: float = 0.10
    contrast_dose: float = 1.0

    @property
    def sequences(self) -> tuple[Sequence, Sequence, Sequence, Sequence]:
        """The acquisitions in the order of ``conventions.SEQUENCES``."""
        return self.t1, self.t1ce, self.t2, self.flair


# Gadobutrol in human plasma at 37 C: r1 4.78 and 4.97 l/(mmol s) at 1.5 T and 3 T (Szomolanyi et
# al., Invest Radiol 54:559-564, 2019, doi:10.1097/RLI.0000000000000577). Taken for every tissue,
# since the agent stays in the water outside the cells. In whole blood the same paper measured 3.47
# at 3 T: vessels enhance here as 40 % more agent would make them. r2, which hardly shows at
# short TE, is chosen 1.3 times r1.
_R1 = {1.5: 4.78, 3.0: 4.97}
_R2_TO_R1 = 1.3


def with_gadolinium(
    t1: np.ndarray, t2: np.ndarray, concentration_mm: np.ndarray, field_strength_t: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return T1 and T2 (ms) after contrast agent: 1/T = 1/T0 + r * concentration (mmol/l)."""
    r1 = np.interp(field_strength_t, list(_R1), list(_R1.values())) / 1000  # per ms
    return (
        1 / (1 / t1 + r1 * concentration_mm),
        1 / (1 / t2 + _R2_TO_R1 * r1 * concentration_mm),
    )


def sequence_signal(
    sequence: Sequence, t1: np.ndarray, t2: np.ndarray, density: np.ndarray
) -> np.ndarray:
    """Return the signal of a sequence for arrays of T1 (ms), T2 (ms) and proton density."""
    if sequence.kind == "gradient echo":
        return spoiled_gradient_echo(
            t1, t2, density, sequence.tr_ms, sequence.te_ms, sequence.flip_deg
        )
    if sequence.kind == "inversion recovery":
        return inversion_recovery(t1, t2, density, sequence.tr_ms, sequence.te_ms, sequence.ti_ms)
    return spin_echo(t1, t2, density, sequence.tr_ms, sequence.te_ms)


_FLOWING = np.array([TISSUES[name].flowing for name in NAMES])
_UPTAKE = np.array([TISSUES[name].uptake_mm for name in NAMES])


def tissue_signals(
    scanner: Scanner, stretch: np.ndarray | float = 1.0, uptake: float = 1.0
) -> np.ndarray:
    """Return the signal of every tissue in every sequence, white matter scaled to 1 in each.

    Parameters
    ----------
    scanner
        Whose sequences.
    stretch
        Factor on T1 and T2 of each tissue (more or less water than usual): a number or
        ``(tissues,)``. The scale is that of unstretched white matter.
    uptake
        Factor on the contrast agent that tumour and vessels take up.

    Returns
    -------
    np.ndarray
        ``(4, tissues)`` float64, order of ``conventions.SEQUENCES`` and ``tissue.NAMES``.
    """
    t1, t2, density = relaxation(scanner.field_strength_t)
    dose = scanner.contrast_dose * uptake * _UPTAKE
    rows = []
    for number, sequence in enumerate(scanner.sequences):
        concentration = dose if number == 1 else 0.0 * dose
        signals = []
        for factor in (stretch, 1.0):
            times = with_gadolinium(
                t1 * factor, t2 * factor, concentration, scanner.field_strength_t
            )
            signals.append(sequence_signal(sequence, *times, density))
        # A spin echo needs both pulses: blood that leaves the slice between 90 and 180 degrees
        # gives none (flow void). A gradient echo has no second pulse and no void; fresh blood that
        # flows in makes its vessels brighter than tissue, which is not modelled: blood counts as
        # being at rest. Left out too is the void after contrast agent, where real arteries stay
        # dark in a spin echo and slow veins shine; here all vessels shine.
        void = 0.0 if sequence.kind == "gradient echo" or number == 1 else _FLOWING
        rows.append(signals[0] * (1 - void) / signals[1][NAMES.index("white")])
    return np.array(rows)


def _se(tr: float, te: float, **more: float) -> Sequence:
    return Sequence("spin echo", tr, te, **more)


def _gre(tr: float, te: float, flip: float, **more: float) -> Sequence:
    return Sequence("gradient echo", tr, te, flip_deg=flip, **more)


def _flair(tr: float, te: float, ti: float, **more: float) -> Sequence:
    return Sequence("inversion recovery", tr, te, ti_ms=ti, **more)


def _thick(millimetres: float, noise: float, in_plane: float = 0.9) -> dict[str, float]:
    return {"thickness_mm": millimetres, "in_plane_mm": in_plane, "noise": noise}


_ALL = (
    Scanner(
        "3T research",  # everything in 3-D and thin
        3.0,
        t1=_gre(9.0, 3.0, 14, **_thick(1.0, 0.035, 1.0)),
        t1ce=_gre(9.0, 3.0, 14, **_thick(1.0, 0.035, 1.0)),
        t2=_se(3200, 100, **_thick(1.0, 0.05, 1.0)),
        flair=_flair(8000, 120, 2250, **_thick(1.2, 0.05, 1.0)),
        bias=0.16,
    ),
    Scanner(
        "3T clinical",
        3.0,
        t1=_se(700, 10, **_thick(4.0, 0.03)),
        t1ce=_gre(8.2, 3.2, 13, **_thick(1.2, 0.04, 1.0)),
        t2=_se(4500, 95, **_thick(4.0, 0.03, 0.7)),
        flair=_flair(9000, 125, 2450, **_thick(4.0, 0.035)),
        bias=0.17,
    ),
    Scanner(
        "1.5T thick",
        1.5,
        t1=_se(550, 12, **_thick(5.5, 0.025)),
        t1ce=_se(550, 12, **_thick(5.5, 0.025)),
        t2=_se(4200, 98, **_thick(5.5, 0.025)),
        flair=_flair(9000, 115, 2400, **_thick(5.5, 0.035)),
        bias=0.08,
    ),
    Scanner(
        "1.5T thin",
        1.5,
        t1=_gre(22, 6, 26, **_thick(1.5, 0.045, 1.0)),
        t1ce=_gre(22, 6, 26, **_thick(1.5, 0.045, 1.0)),
        t2=_se(4800, 105, **_thick(3.0, 0.035)),
        flair=_flair(8500, 120, 2250, **_thick(3.0, 0.045)),
        bias=0.09,
    ),
    Scanner(
        "1.5T noisy",  # short scans of restless patients
        1.5,
        t1=_se(480, 14, **_thick(5.0, 0.06)),
        t1ce=_se(480, 14, **_thick(5.0, 0.06)),
        t2=_se(3400, 90, **_thick(5.0, 0.06)),
        flair=_flair(7000, 105, 2050, **_thick(5.0, 0.075, 1.1)),
        bias=0.13,
    ),
    Scanner(
        "1.5T old FLAIR",  # TI a little off: CSF is not quite dark; slices as thick as they come
        1.5,
        t1=_se(600, 15, **_thick(6.0, 0.03, 1.1)),
        t1ce=_se(600, 15, **_thick(6.0, 0.03, 1.1)),
        t2=_se(3000, 85, **_thick(6.0, 0.03, 1.1)),
        flair=_flair(6500, 140, 1950, **_thick(6.5, 0.05, 1.2)),
        bias=0.11,
        contrast_dose=0.8,
    ),
    Scanner(
        "3T sagittal FLAIR",
        3.0,
        t1=_se(600, 9, **_thick(3.0, 0.035), axis=0),
        t1ce=_gre(7.5, 2.8, 12, **_thick(1.0, 0.05, 1.0)),
        t2=_se(5000, 102, **_thick(3.0, 0.03, 0.6)),
        flair=_flair(6000, 130, 2000, **_thick(1.4, 0.06, 1.0), axis=0),
        bias=0.18,
    ),
)

SCANNERS: dict[str, Scanner] = {scanner.name: scanner for scanner in _ALL}
"""The scanners of the phantom hospitals, by name."""
