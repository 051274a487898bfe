"""What updates give away, and what holds it back: noise, masks, encryption."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "SystemRandomness": "randomness",
    "SimulatedRandomness": "randomness",
    "poisson_sample": "sampling",
    "private_batches": "sampling",
    "clipped_sum": "clipping",
    "PrivateGradient": "private_gradient",
    "PrivacySettings": "private_gradient",
    "epsilon_of": "accounting",
    "noise_for": "accounting",
    "steps_within": "accounting",
    "Ledger": "ledger",
    "audit_claim": "canaries",
    "canary_scores": "canaries",
    "FixedPoint": "fixed_point",
    "Masker": "masking",
    "unmasked_sum": "unmasking",
    "CkksSettings": "encryption_settings",
    "FOR_PUBLICATION": "encryption_settings",
    "KeyHolder": "encryption",
    "Adder": "encryption",
    "overheard": "encryption",
    "publish": "publishing",
    "measure_costs": "secure_costs",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
