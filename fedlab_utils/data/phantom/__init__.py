"""The glioma phantom: patients that the course makes itself, from anatomy to files.

``make_anatomy`` says what a head is made of, ``render`` what a scanner makes of it,
``make_patient`` does both, and ``write_cohort`` writes a folder of them in a BraTS layout.
"""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "Anatomy": "anatomy",
    "make_anatomy": "anatomy",
    "render": "rendering",
    "ideal_images": "rendering",
    "render_randomised": "randomised",
    "random_scanner": "randomised",
    "Scanner": "scanner",
    "Sequence": "scanner",
    "SCANNERS": "scanner",
    "TISSUES": "tissue",
    "PatientPlan": "plan",
    "draw_plan": "plan",
    "INSTITUTIONS": "plan",
    "clinical_record": "clinical",
    "PhantomPatient": "patient",
    "make_patient": "patient",
    "write_cohort": "write",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
