"""Which methods a run uses, by name: what the table of combinations is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedlab_utils.federated.attack_plan import AttackPlan
    from fedlab_utils.federated.compression_plan import CompressionPlan
    from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
    from fedlab_utils.federated.masking_plan import MaskingPlan
    from fedlab_utils.federated.private_training import PrivacyPlan
    from fedlab_utils.federated.robust_plan import RobustPlan
    from fedlab_utils.federated.settings import FederationSettings

RULES = ("median", "trimmed-mean", "krum", "multi-krum", "clip", "fltrust", "bucketing")
"""Robust rules: the server weighs hospitals' answers, one against the other."""

METHODS = {
    "masks": "secure aggregation: the server learns a sum",
    "encryption": "encrypted averaging: the server adds ciphertexts",
    "privacy": "differentially private training",
    "hospital privacy": "noise that hides what a whole hospital adds",
    "top-k": "hospitals send their largest changes only",
    "quantisation": "hospitals send numbers of 4 or 8 bits",
    "partial layers": "layers travel in turns",
    "small downlink": "the server sends compressed changes",
    "scaffold": "SCAFFOLD's control variates",
    "gradient variates": "control variates by option 1",
    "other optimiser": "another local optimiser than plain SGD",
    "personal layers": "layers that stay at home",
    "tuning": "steps at home after the end",
    "colluders": "hostile hospitals that know each other's updates",
    **{rule: f"robust rule {rule}" for rule in RULES},
}
"""Name -> what it stands for; :mod:`.combinations` says which of them go together."""


def methods_of(
    settings: FederationSettings,
    privacy: PrivacyPlan | None = None,
    masking: MaskingPlan | None = None,
    compression: CompressionPlan | None = None,
    hidden: HospitalPrivacy | None = None,
    robust: RobustPlan | None = None,
    attack: AttackPlan | None = None,
) -> set[str]:
    """Return the methods that a run uses, by the names of :data:`METHODS`.

    Parameters
    ----------
    settings, privacy, masking, compression, hidden, robust, attack
        Of the run.
    """
    remembers = settings.optimiser != "sgd" or settings.momentum > 0
    used = {
        "scaffold": settings.strategy == "scaffold",
        "gradient variates": settings.option == 1,  # a server may send variates in any strategy
        "other optimiser": remembers,
        "personal layers": bool(settings.personal.strip()) or settings.strategy == "fedbn",
        "tuning": settings.tune_steps > 0,
        "privacy": privacy is not None and privacy.on,
        "hospital privacy": hidden is not None and hidden.on,
        "masks": masking is not None and masking.secure,
    }
    if compression is not None:
        used |= {
            "top-k": compression.up_keep < 1,
            "quantisation": compression.up_bits < 32,
            "partial layers": compression.parts > 1,
            "small downlink": compression.down,
        }
    if attack is not None:
        used["colluders"] = attack.colluding
    if robust is not None and robust.on:
        used |= {robust.rule: True, "bucketing": robust.bucket > 1}
    return {name for name, does in used.items() if does}
