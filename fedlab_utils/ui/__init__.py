"""Viewers, plots and widgets; each has a static twin for readers without a running kernel."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "REGION_STYLES": "colours",
    "LABEL_STYLES": "colours",
    "SEQUENCE_STYLES": "colours",
    "Style": "colours",
    "hospital_styles": "colours",
    "Picture": "twin",
    "TwinBox": "twin",
    "figure": "twin",
    "TriPlanar": "triplanar",
    "sequence_panel": "panel",
    "ContrastExplorer": "contrast",
    "LinkedViewer": "niivue",
    "CohortExplorer": "cohort_plots",
    "intensity_histograms": "figures",
    "volumes_by_institution": "figures",
    "AugmentationExplorer": "augment",
    "PreprocessingExplorer": "preprocess_view",
    "TrainingCurve": "training_curve",
    "FederationCurve": "federation_curve",
    "PredictionViewer": "predictions",
    "Segmented": "predictions",
    "DriftExplorer": "drift",
    "METHOD_NAMES": "colours",
    "METHOD_STYLES": "colours",
    "cosine_matrices": "drift_plots",
    "hospital_scores": "drift_plots",
    "loss_between": "drift_plots",
    "HyperparameterExplorer": "hyperparameters",
    "method_comparison": "comparison_plots",
    "gap_to_pooled": "comparison_plots",
    "provenance_line": "comparison_plots",
    "more_patients": "study_plots",
    "which_sequence": "study_plots",
    "HospitalExplorer": "hospital_view",
    "transfer_matrix": "matrix_plots",
    "server_view": "aggregation_plots",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
