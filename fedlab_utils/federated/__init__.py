"""Training over hospitals that keep their patients: what each hospital and the server do."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "Proximal": "corrections",
    "ControlVariates": "corrections",
    "zero_variates": "corrections",
    "gradient_at": "corrections",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
