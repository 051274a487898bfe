"""Who a phantom patient is, before any voxel: age, tumour, hospital. Fixed by the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOBES = {
    "frontal": 0.40,
    "temporal": 0.29,
    "parietal": 0.14,
    "occipital": 0.03,
    "insular": 0.07,
    "deep": 0.07,
}
"""Share of gliomas by place: Larjavaara et al., Neuro-Oncology 9:319-325, 2007,
doi:10.1215/15228517-2007-016 (deep structures, 14 %, are divided evenly over insula and centre)."""

# Middle and spread in MNI mm, right side; x is mirrored for the left.
_PLACES = {
    "frontal": ((27, 28, 24), (8, 14, 13)),
    "temporal": ((46, -18, -12), (4, 14, 6)),
    "parietal": ((30, -50, 36), (8, 9, 8)),
    "occipital": ((24, -78, 8), (5, 6, 8)),
    "insular": ((38, 4, 2), (3, 8, 6)),
    "deep": ((16, -10, 10), (4, 10, 6)),
}

INSTITUTIONS = {
    "01": ("3T clinical", 0.24),
    "02": ("1.5T thick", 0.19),
    "03": ("1.5T thin", 0.14),
    "04": ("3T research", 0.12),
    "05": ("1.5T noisy", 0.11),
    "06": ("1.5T old FLAIR", 0.08),
    "07": ("3T sagittal FLAIR", 0.07),
    "08": ("1.5T thick", 0.05),
}
"""Phantom hospitals: scanner, and share of the patients. As in reality, sizes differ widely."""


def stream(seed: int, index: int, name: str) -> np.random.Generator:
    """Return the generator of one patient and one purpose.

    Streams of different patients or names are independent, whatever else was drawn before:
    rendering a patient again on another scanner never moves the anatomy.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, index, *name.encode()]))


@dataclass(frozen=True)
class TumourPlan:
    """What grows where.

    Attributes
    ----------
    side
        ``"left"`` or ``"right"``.
    lobe
        A key of :data:`LOBES`.
    centre_mni
        MNI coordinates, mm.
    whole_ml, core_ml
        Volumes to reach, ml; anatomy may stop the growth earlier.
    style
        ``"ring"``, ``"solid"``, ``"patchy"`` (enhancing) or ``"none"``.
    foci
        Number of separate cores.
    """

    side: str
    lobe: str
    centre_mni: tuple[float, float, float]
    whole_ml: float
    core_ml: float
    style: str
    foci: int


@dataclass(frozen=True)
class PatientPlan:
    """One patient before imaging.

    Attributes
    ----------
    index, seed
        What the patient is derived from.
    age
        Years.
    sex
        ``"F"`` or ``"M"``.
    grade
        ``"HGG"`` or ``"LGG"``.
    idh_mutant
        Whether the tumour carries an IDH mutation.
    ageing
        How old the brain looks: 0 at about twenty-five, 1 at eighty-five.
    institution
        A key of :data:`INSTITUTIONS`.
    scanner
        A key of ``scanner.SCANNERS``.
    tumour
        What grows where.
    """

    index: int
    seed: int
    age: float
    sex: str
    grade: str
    idh_mutant: bool
    ageing: float
    institution: str
    scanner: str
    tumour: TumourPlan


def draw_plan(index: int, seed: int = 0) -> PatientPlan:
    """Draw patient ``index`` of the cohort ``seed``.

    Three quarters are high grade, as in BraTS. IDH mutations mark most low-grade and few high-grade
    tumours, and the young (Yan et al., N Engl J Med 360:765-773, 2009, doi:10.1056/NEJMoa0808710).
    """
    rng = stream(seed, index, "plan")
    grade = "HGG" if rng.random() < 0.75 else "LGG"
    idh = bool(rng.random() < (0.08 if grade == "HGG" else 0.80))
    middle, spread = {
        ("HGG", False): (62, 11),
        ("HGG", True): (42, 11),
        ("LGG", True): (40, 12),
        ("LGG", False): (50, 14),
    }[grade, idh]
    age = float(np.clip(rng.normal(middle, spread), 19, 88))
    sex = "M" if rng.random() < 0.58 else "F"
    ageing = float(np.clip((age - 25) / 60 + rng.normal(0, 0.12), 0, 1.2))
    institution = str(rng.choice(list(INSTITUTIONS), p=[s for _, s in INSTITUTIONS.values()]))
    return PatientPlan(
        index,
        seed,
        round(age, 3),
        sex,
        grade,
        idh,
        ageing,
        institution,
        INSTITUTIONS[institution][0],
        _draw_tumour(rng, grade, idh),
    )


def _draw_tumour(rng: np.random.Generator, grade: str, idh: bool) -> TumourPlan:
    lobe = str(rng.choice(list(LOBES), p=list(LOBES.values())))
    side = "left" if rng.random() < 0.5 else "right"
    middle, spread = _PLACES[lobe]
    place = np.array(middle) + np.clip(rng.standard_normal(3), -1.8, 1.8) * spread
    place[0] = max(place[0], 9.0) * (-1 if side == "left" else 1)
    whole = float(np.clip(np.exp(rng.normal(np.log(88), 0.62)), 8, 260))
    if grade == "HGG":
        core = min(whole * float(np.clip(np.exp(rng.normal(np.log(0.38), 0.5)), 0.08, 0.85)), 110)
        style = str(rng.choice(["ring", "solid", "patchy", "none"], p=[0.70, 0.15, 0.13, 0.02]))
        if core > 40 and style == "solid":  # what grows large outgrows its blood supply
            style = "ring"
    else:
        core = min(whole * float(np.clip(rng.normal(0.62, 0.2), 0.15, 0.97)), 130)
        style = str(rng.choice(["none", "patchy"], p=[0.74, 0.26] if idh else [0.55, 0.45]))
    foci = int(1 + (grade == "HGG") * (rng.random() < 0.16) * (1 + (rng.random() < 0.3)))
    centre = tuple(round(float(value), 2) for value in place)
    return TumourPlan(side, lobe, centre, whole, core, style, foci)
