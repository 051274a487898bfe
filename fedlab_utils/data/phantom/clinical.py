"""The patient's record: agrees with the plan that the images are made from, costs no image.

Every field is synthetic. The directions and rough sizes of the associations follow published
cohorts:

- IDH mutation: most WHO grade 2-3 gliomas, few primary glioblastomas; longer survival (Yan et al.,
  N Engl J Med 360:765-773, 2009, doi:10.1056/NEJMoa0808710: 31 against 15 months in glioblastoma).
- MGMT promoter methylation: 45 % of glioblastomas, longer survival under temozolomide (Hegi et al.,
  N Engl J Med 352:997-1003, 2005, doi:10.1056/NEJMoa043331: 21.7 against 12.7 months).
- Glioblastoma's median survival under standard treatment: 14.6 months (Stupp et al., N Engl J Med
  352:987-996, 2005, doi:10.1056/NEJMoa043330).
- Extent of resection: the more is removed, the longer patients live (Sanai et al., J Neurosurg
  115:3-8, 2011, doi:10.3171/2011.2.JNS10998).
- Grades and molecular classes: Louis et al., Neuro-Oncology 23:1231-1251, 2021,
  doi:10.1093/neuonc/noab106.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.plan import PatientPlan, draw_plan, stream

SYMPTOMS = ("seizure", "headache", "weakness", "aphasia", "visual field loss", "personality change")
"""What patients may complain of, in the order in which it is listed."""


def clinical_record(index: int, seed: int = 0) -> dict[str, object]:
    """Return the synthetic health record of patient ``index`` of the cohort ``seed``.

    Keys: ``grade`` (HGG, LGG), ``age`` (years), ``sex``, ``survival_days``, ``survival_status``
    (``deceased`` or ``alive`` at last contact), ``resection`` (GTR, STR, or NA, which BraTS writes
    where it is not known: every patient was operated on, and how well acts on survival whether the
    record says so or not), ``institution``, ``scanner``, ``idh`` (mutant, wildtype), ``mgmt``
    (methylated, unmethylated), ``kps`` (Karnofsky performance status, 40-100), ``symptoms``
    (separated by semicolons), ``hemisphere``, ``lobe``.
    """
    return record_of(draw_plan(index, seed))


def record_of(plan: PatientPlan) -> dict[str, object]:
    """Return the record that goes with a plan; see :func:`clinical_record`."""
    rng = stream(plan.seed, plan.index, "clinical")
    tumour = plan.tumour
    methylated = rng.random() < (0.85 if plan.idh_mutant else 0.42)
    eloquent = tumour.lobe in ("deep", "insular") or _speech(plan) or _motor(plan)
    kps = 96 - 0.28 * max(plan.age - 40, 0) - 0.05 * tumour.whole_ml - 7 * eloquent
    kps = int(np.clip(round((kps + rng.normal(0, 7)) / 10) * 10, 40, 100))
    # Less is removed of what is deep, spread out, or close to speech and movement.
    total = rng.random() < 0.68 - 0.32 * eloquent - 0.25 * (tumour.foci > 1) - 0.002 * (
        plan.age - 60
    )
    days, died = _survival(rng, plan, methylated, kps, total)
    recorded = rng.random() < 0.85
    return {
        "grade": plan.grade,
        "age": plan.age,
        "sex": plan.sex,
        "survival_days": days,
        "survival_status": "deceased" if died else "alive",
        "resection": ("GTR" if total else "STR") if recorded else "NA",
        "institution": plan.institution,
        "scanner": plan.scanner,
        "idh": "mutant" if plan.idh_mutant else "wildtype",
        "mgmt": "methylated" if methylated else "unmethylated",
        "kps": kps,
        "symptoms": "; ".join(_symptoms(rng, plan)),
        "hemisphere": tumour.side,
        "lobe": tumour.lobe,
    }


def _speech(plan: PatientPlan) -> bool:
    """Whether the tumour's centre lies where most people speak from: left, at the lateral fissure.

    As in :func:`_motor`, a tumour centred elsewhere that grows into the place does not count: the
    record is drawn from the plan, before any voxel.
    """
    x, y, z = plan.tumour.centre_mni
    return x < -28 and -50 < y < 32 and -16 < z < 34


def _motor(plan: PatientPlan) -> bool:
    """Whether the tumour's centre lies in a box around the motor cortex and its tract."""
    x, y, z = plan.tumour.centre_mni
    return 8 < abs(x) < 52 and -40 < y < 2 and z > 8


def _survival(
    rng: np.random.Generator, plan: PatientPlan, methylated: bool, kps: int, total: bool
) -> tuple[int, bool]:
    """Return days until death or last contact, and whether the patient died.

    A Weibull proportional-hazards model. Its baseline is a sixty-year-old with an unmethylated
    IDH-wildtype glioblastoma, KPS 80 and incomplete resection: median eleven months.
    """
    shape = 1.35
    log_hazard = (
        0.025 * (plan.age - 60)
        - 0.025 * (kps - 80)
        - 0.70 * methylated
        - 0.95 * plan.idh_mutant
        - 0.55 * total
        - 1.60 * (plan.grade == "LGG")
        + 0.002 * (plan.tumour.core_ml - 30)
    )
    scale = 335 / np.log(2) ** (1 / shape)
    time = scale * (rng.exponential() / np.exp(log_hazard)) ** (1 / shape)
    followed = rng.uniform(500, 4000)
    return int(max(min(time, followed), 5)), bool(time <= followed)


def _symptoms(rng: np.random.Generator, plan: PatientPlan) -> list[str]:
    tumour = plan.tumour
    chances = {
        "seizure": 0.35 + 0.35 * plan.idh_mutant - 0.15 * (tumour.lobe == "deep"),
        "headache": 0.25 + 0.002 * tumour.whole_ml,
        "weakness": 0.70 if _motor(plan) else 0.10,
        "aphasia": 0.65 if _speech(plan) else 0.03,
        "visual field loss": {"occipital": 0.75, "parietal": 0.25}.get(tumour.lobe, 0.05),
        "personality change": 0.35 if tumour.lobe == "frontal" else 0.08,
    }
    drawn = {name: rng.random() < chance for name, chance in chances.items()}
    opposite = "right" if tumour.side == "left" else "left"
    named = {
        "weakness": f"{opposite}-sided weakness",
        "visual field loss": f"{opposite} visual field loss",
    }
    return [named.get(name, name) for name in SYMPTOMS if drawn[name]] or ["none"]
