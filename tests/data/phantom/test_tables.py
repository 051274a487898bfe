from __future__ import annotations

import csv
import json
from pathlib import Path

from fedlab_utils.data.phantom.clinical import clinical_record
from fedlab_utils.data.phantom.tables import write_tables

RECORDS = [{"case_id": f"case{i}", **clinical_record(i, seed=1)} for i in range(40)]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_full_table_holds_every_field(tmp_path: Path) -> None:
    write_tables(tmp_path, RECORDS, "brats2023")
    rows = _rows(tmp_path / "clinical.csv")
    assert rows == [{key: str(value) for key, value in record.items()} for record in RECORDS]
    assert [path.name for path in tmp_path.iterdir()] == ["clinical.csv"]


def test_the_survival_table_is_as_in_2018(tmp_path: Path) -> None:
    write_tables(tmp_path, RECORDS, "brats2018")
    rows = {row["BraTS18ID"]: row for row in _rows(tmp_path / "survival_data.csv")}
    for record in RECORDS:
        assert (record["case_id"] in rows) == (record["grade"] == "HGG")
        if record["case_id"] in rows:
            survival = rows[record["case_id"]]["Survival"]
            alive = record["survival_status"] == "alive"
            days = record["survival_days"]
            assert survival == (f"ALIVE ({days} days later)" if alive else str(days))


def test_partitions_are_institutions(tmp_path: Path) -> None:
    write_tables(tmp_path, RECORDS, "brats2021")
    rows = _rows(tmp_path / "partitioning_1.csv")
    assert [row["Partition_ID"] for row in rows] == [r["institution"] for r in RECORDS]


def test_the_decathlon_index_names_its_own_label_order(tmp_path: Path) -> None:
    write_tables(tmp_path, RECORDS, "msd")
    index = json.loads((tmp_path / "dataset.json").read_text())
    assert index["labels"]["1"] == "edema"
    assert len(index["training"]) == index["numTraining"] == len(RECORDS)
