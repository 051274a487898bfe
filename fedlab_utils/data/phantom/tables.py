"""The clinical tables of a phantom cohort, in full and as each layout publishes them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from fedlab_utils.data.atomic import write_text


def write_tables(folder: Path, records: list[dict[str, object]], layout: str) -> None:
    """Write the full records, and the tables that the layout itself comes with.

    Parameters
    ----------
    folder
        The cohort's folder.
    records
        One per visit: ``case_id``, then as ``clinical.clinical_record``.
    layout
        As ``write.write_cohort``.
    """
    _write_csv(folder / "clinical.csv", records)
    if layout == "brats2018":
        # As published: survival of high-grade patients only.
        rows = [
            {
                "BraTS18ID": record["case_id"],
                "Age": record["age"],
                "Survival": _published_survival(record),
                "ResectionStatus": record["resection"],
            }
            for record in records
            if record["grade"] == "HGG"
        ]
        _write_csv(folder / "survival_data.csv", rows)
    elif layout == "brats2021":
        rows = [
            {"Partition_ID": record["institution"], "Subject_ID": record["case_id"]}
            for record in records
        ]
        _write_csv(folder / "partitioning_1.csv", rows)
    elif layout == "msd":
        write_text(folder / "dataset.json", json.dumps(_decathlon_json(records), indent=1))


def _published_survival(record: dict[str, object]) -> str:
    days = record["survival_days"]
    return f"ALIVE ({days} days later)" if record["survival_status"] == "alive" else str(days)


def _decathlon_json(records: list[dict[str, object]]) -> dict[str, object]:
    pairs = [
        {"image": f"./imagesTr/{r['case_id']}.nii.gz", "label": f"./labelsTr/{r['case_id']}.nii.gz"}
        for r in records
    ]
    return {
        "name": "BRATS",
        "description": "Phantom gliomas in the layout of the Decathlon's Task01",
        "tensorImageSize": "4D",
        "modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"},
        "labels": {
            "0": "background",
            "1": "edema",
            "2": "non-enhancing tumor",
            "3": "enhancing tumour",
        },
        "numTraining": len(pairs),
        "numTest": 0,
        "training": pairs,
        "test": [],
    }


def _write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
