"""Training over hospitals that keep their patients: what each hospital and the server do."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "Proximal": "corrections",
    "ControlVariates": "corrections",
    "zero_variates": "corrections",
    "gradient_at": "corrections",
    "FederationSettings": "settings",
    "MaskingPlan": "masking_plan",
    "CompressionPlan": "compression_plan",
    "Link": "links",
    "round_minutes": "links",
    "EncryptionPlan": "encrypted_hospital",
    "federate_encrypted": "encrypted_strategy",
    "PrivacyPlan": "private_training",
    "HospitalPrivacy": "hospital_privacy",
    "noise_on_mean": "noise_size",
    "RobustPlan": "robust_plan",
    "AttackPlan": "attack_plan",
    "federate": "federation",
    "Federation": "history",
    "RoundReport": "history",
    "summarise": "history",
    "UNetTask": "unet_task",
    "UNetFederation": "unet_settings",
    "members_of": "unet_settings",
    "simulate": "run",
    "make_client_app": "client",
    "make_server_app": "server",
    "make_strategy": "server",
    "Scaffold": "scaffold",
    "InProcessGrid": "engine_inprocess",
    "run_in_process": "engine_inprocess",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
