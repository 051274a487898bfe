"""What a patient is: from folders to cases to preprocessed arrays, and the phantom."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    # conventions
    "SEQUENCES": "conventions",
    "REGIONS": "conventions",
    "LABEL_NAMES": "conventions",
    # reading
    "SCHEMES": "labels",
    "LabelScheme": "labels",
    "decode_labels": "labels",
    "encode_labels": "labels",
    "to_regions": "regions",
    "from_regions": "regions",
    "write_nifti": "nifti",
    "CaseFiles": "case_files",
    "find_cases": "layouts",
    "Case": "case",
    "load_case": "case",
    "to_file_grid": "case",
    "read_clinical": "clinical",
    "Cohort": "cohort",
    "load_cohort": "cohort",
    "open_cohort": "cohort",
    "Split": "splits",
    "split_patients": "splits",
    "Hospital": "hospitals",
    "Partition": "hospitals",
    "make_hospitals": "hospitals",
    "with_partitioning": "institutions",
    "HospitalPatients": "hospital_cases",
    "hospital_patients": "hospital_cases",
    "describe": "hospital_report",
    "hospital_profiles": "hospital_report",
    "Equipment": "equipment",
    "validate_folder": "validate",
    # preprocessing
    "brain_mask": "brain",
    "robust_zscore": "brain",
    "TIERS": "tiers",
    "Tier": "tiers",
    "current_tier": "tiers",
    "PreprocessSettings": "preprocessing",
    "Preprocessed": "preprocessing",
    "preprocess": "preprocessing",
    "restore_labels": "restore",
    "restore_probabilities": "restore",
    "load_preprocessed": "cache",
    "build_cache": "cache",
    "SliceDataset": "datasets",
    "PatchDataset": "datasets",
    "download_msd": "download",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
