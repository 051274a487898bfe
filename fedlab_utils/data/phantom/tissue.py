"""What each tissue is to an MRI scanner: T1, T2 and proton density at 1.5 T and 3 T.

Sources, by their numbers in the table. T1 of white matter, grey matter and blood is as published.
T2 of white and grey matter is near what 1 and 2 measured, not equal to either.

1. Stanisz et al., Magn Reson Med 54:507-512, 2005, doi:10.1002/mrm.20605: white matter T2 72 ms
   (1.5 T) and 69 ms (3 T), grey matter 95 ms and 99 ms, in excised tissue at 37 C.
2. Wansapura et al., J Magn Reson Imaging 9:531-538, 1999: at 3 T, T1 of white matter 832 ms, of
   grey matter 1331 ms; T2 about 80 ms and 110 ms.
3. Rooney et al., Magn Reson Med 57:308-318, 2007, doi:10.1002/mrm.21122: T1 against field strength;
   at 1.5 T white matter 656 ms, grey matter 1188 ms, CSF more than 4 s at every field.
4. Blood's T1: T1 1.58 s at 1.5 T and 1.66 s at 3 T (Sharma et al., J Magn Reson Imaging 2006,
   doi:10.1002/jmri.20504).
5. Chosen for these phantoms. Tumour, oedema and age-related lesions spread widely in published
   relaxometry; the values keep its order: T1 and T2 grow from normal white matter to oedema and
   tumour, and from there to necrosis and cyst, whose fluid comes close to CSF. Chosen as well, for
   every tissue, are proton density (relative to CSF), the uptake of gadolinium, the share that flow
   carries away and the spread from place to place, and T2 of CSF and of the blood in vessels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tissue:
    """One tissue's magnetic properties.

    Attributes
    ----------
    name
        Its name in :data:`TISSUES`.
    t1_ms, t2_ms
        Relaxation times in ms at (1.5 T, 3 T).
    proton_density
        Relative to CSF, in [0, 1].
    uptake_mm
        Gadolinium concentration at the time of the T1ce scan, mmol/l; chosen.
    flowing
        Share of the spin echo's signal that flow carries away (flow void), in [0, 1].
    water_spread
        How much T1 and T2 vary from place to place inside it, as a fraction.
    """

    name: str
    t1_ms: tuple[float, float]
    t2_ms: tuple[float, float]
    proton_density: float
    uptake_mm: float = 0.0
    flowing: float = 0.0
    water_spread: float = 0.03


_TABLE = (
    Tissue("white", (656, 832), (76, 72), 0.70, 0.005),  # T1 2, 3; T2 near 1, 2
    Tissue("grey", (1188, 1331), (97, 92), 0.82, 0.012),  # T1 2, 3; T2 near 1, 2
    Tissue("deep_grey", (950, 1120), (84, 76), 0.79, 0.010),  # 5: between the two; iron shortens T2
    Tissue("csf", (4200, 4300), (1800, 1700), 1.00, 0.0, 0.0, 0.0),  # T1 3; T2 5
    Tissue("vessel", (1580, 1660), (180, 110), 0.80, 0.7, 0.75, 0.0),  # T1 4; T2 5
    Tissue("white_lesion", (1050, 1250), (135, 125), 0.83),  # 5
    Tissue("oedema", (1250, 1450), (165, 150), 0.88, 0.01, 0.0, 0.16),  # 5
    Tissue("solid", (1350, 1600), (150, 140), 0.88, 0.02, 0.0, 0.14),  # 5: tumour, no enhancement
    Tissue("weak_rim", (1150, 1400), (115, 108), 0.85, 0.12, 0.0, 0.10),  # 5
    Tissue("strong_rim", (1100, 1350), (108, 100), 0.85, 0.42, 0.0, 0.10),  # 5
    Tissue("necrosis", (2000, 2300), (240, 215), 0.95, 0.02, 0.0, 0.16),  # 5
    Tissue("cyst", (3000, 3200), (800, 750), 0.98, 0.0, 0.0, 0.04),  # 5
    Tissue("blood", (480, 560), (75, 60), 0.85, 0.02, 0.0, 0.25),  # 5: subacute haemorrhage
)

TISSUES: dict[str, Tissue] = {tissue.name: tissue for tissue in _TABLE}
"""Tissues by name, in the order of an anatomy's fractions."""

NAMES = tuple(TISSUES)

HEALTHY = NAMES.index("oedema")
"""How many tissues come first that a head without tumour has too."""

WATER_SPREAD = np.array([tissue.water_spread for tissue in _TABLE], dtype=np.float32)


def relaxation(field_strength_t: float) -> np.ndarray:
    """Return T1 (ms), T2 (ms) and proton density of every tissue.

    Parameters
    ----------
    field_strength_t
        Between 1.5 and 3 T; values in between are interpolated linearly.

    Returns
    -------
    np.ndarray
        ``(3, tissues)`` float64, tissues in the order of :data:`NAMES`.
    """
    share = np.clip((field_strength_t - 1.5) / 1.5, 0, 1)
    t1 = [t.t1_ms[0] + share * (t.t1_ms[1] - t.t1_ms[0]) for t in _TABLE]
    t2 = [t.t2_ms[0] + share * (t.t2_ms[1] - t.t2_ms[0]) for t in _TABLE]
    return np.array([t1, t2, [t.proton_density for t in _TABLE]])
