"""What updates give away, and what holds it back: attacks, differential privacy, masks."""

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
    "FixedPoint": "fixed_point",
    "Masker": "masking",
    "unmasked_sum": "unmasking",
    # gradient inversion
    "linear_input": "leaky_layers",
    "open_rectifiers": "leaky_layers",
    "SharedUpdate": "shared_update",
    "share": "shared_update",
    "defended": "shared_update",
    "gradient_distance": "matching",
    "total_variation": "matching",
    "Inversion": "inversion",
    "InversionSettings": "inversion",
    "invert": "inversion",
    "Trial": "inversion_trial",
    "try_inversion": "inversion_trial",
    "ImageScores": "image_scores",
    "score_images": "image_scores",
    "psnr": "image_scores",
    "ssim": "image_scores",
    "against_guesses": "image_scores",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
