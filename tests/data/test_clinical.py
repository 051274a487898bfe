from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedlab_utils.data.clinical import COLUMNS, read_clinical
from fedlab_utils.data.layouts import CaseFiles
from fedlab_utils.errors import ClinicalTableError


def cases(*names: str, **fields) -> list[CaseFiles]:
    return [CaseFiles(name, name, "", "brats2018", "brats2017", Path(), **fields) for name in names]


def test_brats_2018(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "BraTS18ID,Age,Survival,ResectionStatus\n"
        "Brats18_TCIA08_167_1,74.90684932,153,NA\n"
        "Brats18_TCIA01_147_1,29.24931507,1561,GTR\n"
    )
    known = cases("Brats18_TCIA08_167_1", "Brats18_TCIA01_147_1", site="TCIA", grade="HGG")
    table = read_clinical(tmp_path, [*known, *cases("Brats18_2013_0_1", grade="LGG")])
    assert table.index.tolist() == [
        "Brats18_TCIA08_167_1", "Brats18_TCIA01_147_1", "Brats18_2013_0_1"
    ]  # fmt: skip
    first, second, third = (table.loc[name] for name in table.index)
    assert (first.age, first.survival_days) == (74.90684932, 153)
    assert not first.survival_censored
    assert pd.isna(first.resection)
    assert (second.resection, second.institution, second.grade) == ("GTR", "TCIA", "HGG")
    assert third.grade == "LGG"
    assert third[["age", "survival_days", "survival_censored", "resection"]].isna().all()


def test_brats_2020(tmp_path):
    (tmp_path / "name_mapping.csv").write_text(
        "Grade,BraTS_2017_subject_ID,BraTS_2018_subject_ID,TCGA_TCIA_subject_ID,"
        "BraTS_2019_subject_ID,BraTS_2020_subject_ID\n"
        "HGG,Brats17_CBICA_AAB_1,Brats18_CBICA_AAB_1,NA,BraTS19_CBICA_AAB_1,BraTS20_Training_001\n"
        "LGG,NA,NA,TCGA-DU-7008,BraTS19_TCIA10_103_1,BraTS20_Training_260\n"
    )
    (tmp_path / "survival_info.csv").write_text(
        "Brats20ID,Age,Survival_days,Extent_of_Resection\n"
        "BraTS20_Training_001,60.463,289,GTR\n"
        "BraTS20_Training_084,66,ALIVE (361 days later),STR\n"
    )
    names = ("BraTS20_Training_001", "BraTS20_Training_084", "BraTS20_Training_260")
    table = read_clinical(tmp_path, cases(*names))
    assert table.grade.tolist()[::2] == ["HGG", "LGG"]
    assert table.survival_days.tolist()[:2] == [289, 361]
    assert table.survival_censored.tolist()[:2] == [False, True]
    assert table.loc["BraTS20_Training_260", "tcga_tcia_subject_id"] == "TCGA-DU-7008"
    assert table.institution.tolist()[::2] == ["CBICA", "TCIA10"], "as in earlier releases"
    assert pd.isna(table.institution.iloc[1])


def test_the_same_mapping_serves_an_older_release(tmp_path):
    (tmp_path / "name_mapping.csv").write_text(
        "Grade,BraTS_2018_subject_ID,BraTS_2019_subject_ID\n"
        "HGG,Brats18_CBICA_AAB_1,BraTS19_CBICA_AAB_1\n"
    )
    assert read_clinical(tmp_path, cases("Brats18_CBICA_AAB_1")).grade.item() == "HGG"


def test_fets_partitions_name_the_institution(tmp_path):
    (tmp_path / "partitioning_1.csv").write_text(
        "Partition_ID,Subject_ID\n1,FeTS2022_01341\n18,FeTS2022_00000\n"
    )
    (tmp_path / "partitioning_2.csv").write_text(
        "Partition_ID,Subject_ID\n3,FeTS2022_01341\n30,FeTS2022_00000\n"
    )
    for prefix in ("FeTS2022", "BraTS2021"):  # the same patients under the same numbers
        table = read_clinical(tmp_path, cases(f"{prefix}_01341", f"{prefix}_00000"))
        assert table.institution.tolist() == ["1", "18"]
        assert table.partitioning_2.tolist() == [3, 30]


def test_a_partition_goes_before_the_site_in_the_id(tmp_path):
    (tmp_path / "partitioning_1.csv").write_text("Partition_ID,Subject_ID\n7,Brats18_2013_2_1\n")
    known = cases("Brats18_2013_2_1", "Brats18_2013_3_1", site="2013")
    assert read_clinical(tmp_path, known).institution.tolist() == ["7", "2013"]


def test_upenn_gbm(tmp_path):
    (tmp_path / "UPENN-GBM_clinical_info_v2.1.csv").write_text(
        "ID,Gender,Age_at_scan_years,Survival_from_surgery_days_UPDATED,Survival_Status,"
        "Survival_Censor,IDH1,MGMT,KPS,GTR_over90percent,Time_since_baseline_preop,PsP_TP_score\n"
        "UPENN-GBM-00001_11,M,73.73,322,Deceased,1,Wildtype,Unmethylated,Not Available,N,0,NA\n"
        "UPENN-GBM-00002_21,F,55.1,500,Lost to Follow-up,0,Mutated,Not Available,90,Y,10,2\n"
    )
    known = cases("UPENN-GBM-00001_11", "UPENN-GBM-00002_21", grade="HGG")
    first, second = read_clinical(tmp_path, known).iloc
    assert (first.sex, first.age, first.survival_days) == ("M", 73.73, 322)
    assert (first.survival_censored, second.survival_censored) == (False, True)
    assert (first.resection, second.resection) == ("STR", "GTR")
    assert (first.idh, first.mgmt, second.kps) == ("Wildtype", "Unmethylated", 90)
    assert pd.isna(second.mgmt)


def test_ucsf_pdgm(tmp_path):
    (tmp_path / "UCSF-PDGM-metadata_v5.csv").write_text(
        "ID,Sex,Age at MRI,WHO CNS Grade,Final pathologic diagnosis (WHO 2021),MGMT status,"
        "1-dead 0-alive,OS,EOR\n"
        'UCSF-PDGM-004,M,66,4,"Glioblastoma, IDH-wildtype",negative,1,1303,STR\n'
        "UCSF-PDGM-429,F,40,2,Astrocytoma,unknown,0,900,biopsy\n"
        "UCSF-PDGM-0429_FU003d,F,41,2,Astrocytoma,unknown,0,900,GTR\n"
    )
    known = [
        *cases("UCSF-PDGM-0004", "UCSF-PDGM-0429"),
        CaseFiles(
            "UCSF-PDGM-0429_FU003d", "UCSF-PDGM-0429", "FU003d", "ucsf-pdgm", "brats2017", {}
        ),
        CaseFiles(
            "UCSF-PDGM-0429_FU009d", "UCSF-PDGM-0429", "FU009d", "ucsf-pdgm", "brats2017", {}
        ),
    ]
    table = read_clinical(tmp_path, known)
    assert table.grade.tolist() == ["HGG", "LGG", "LGG", "LGG"]
    assert table.who_grade.tolist() == [4, 2, 2, 2]
    # a visit's own row, else the patient's
    assert table.resection.tolist() == ["STR", "biopsy", "GTR", "biopsy"]
    assert table.survival_censored.tolist() == [False, True, True, True]
    assert table.final_pathologic_diagnosis_who_2021.iloc[0] == "Glioblastoma, IDH-wildtype"


def test_no_tables_at_all(tmp_path):
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1"))
    assert tuple(table.columns) == COLUMNS
    assert table.isna().all(axis=None)
    assert table.index.name == "case_id"
    assert table.age.dtype == np.float64


def test_tables_lie_anywhere_below_the_folder(tmp_path):
    (tmp_path / "HGG").mkdir()
    (tmp_path / "HGG" / "survival_data.csv").write_text("ID,Age\nBrats18_2013_2_1,50\n")
    assert read_clinical(tmp_path, cases("Brats18_2013_2_1")).age.item() == 50


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_other_encodings_and_separators(tmp_path, encoding, separator):
    rows = [
        ["Brats18ID", " AGE ", "Résection"],
        ["Brats18_2013_2_1", "60,5" if separator == ";" else "60.5", "zurück"],
    ]
    text = "\r\n".join(separator.join(row) for row in rows) + "\r\n\r\n"
    (tmp_path / "survival_data.csv").write_bytes(text.encode(encoding))
    row = read_clinical(tmp_path, cases("Brats18_2013_2_1")).iloc[0]
    assert row.age == 60.5
    assert row["résection"] == "zurück"


@pytest.mark.parametrize("text", ["NA", "", "n/a", "Not Available", "-5", "unknown", "nan"])
def test_what_is_not_known_stays_empty(tmp_path, text):
    (tmp_path / "survival_data.csv").write_text(
        f"ID,Age,Survival\nBrats18_2013_2_1,{text},{text}\n"
    )
    row = read_clinical(tmp_path, cases("Brats18_2013_2_1")).iloc[0]
    assert row[["age", "survival_days", "survival_censored"]].isna().all()


def test_rows_may_be_short_long_or_about_others(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "ID,Age,Survival\nBrats18_2013_2_1,50\nBrats18_2013_3_1,51,10,more,and more\nX,1,1\n"
    )
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1", "Brats18_2013_3_1"))
    assert table.age.tolist() == [50, 51]
    assert pd.isna(table.survival_days.iloc[0])


def test_missing_columns_stay_empty(tmp_path):
    (tmp_path / "survival_data.csv").write_text("BraTS18ID\nBrats18_2013_2_1\n")
    assert read_clinical(tmp_path, cases("Brats18_2013_2_1")).age.isna().all()


def test_foreign_columns_are_one_problem_and_other_tables_count(tmp_path):
    (tmp_path / "name_mapping.csv").write_text("colour,shape\nred,round\n")
    (tmp_path / "survival_data.csv").write_text("ID,Age\nBrats18_2013_2_1,50\n")
    with pytest.raises(
        ClinicalTableError, match=r"name_mapping.csv: none of its columns \(colour, shape\)"
    ):
        read_clinical(tmp_path, cases("Brats18_2013_2_1"))
    problems = []
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1"), problems)
    assert table.age.item() == 50
    assert [type(problem) for problem in problems] == [ClinicalTableError]


def test_a_table_about_other_cases_is_no_problem(tmp_path):
    (tmp_path / "survival_info.csv").write_text("Brats20ID,Age\nBraTS20_Training_001,50\n")
    assert read_clinical(tmp_path, cases("BraTS20_Training_002")).age.isna().all()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"ID,Age\n", b"\xff\xfe", bytes(range(256)) * 20, b'"' + b"x" * 200_000],
)
def test_what_is_no_table(tmp_path, content):
    (tmp_path / "survival_data.csv").write_bytes(content)
    with pytest.raises(ClinicalTableError, match=r"survival_data.csv: "):
        read_clinical(tmp_path, cases("Brats18_2013_2_1"))


def test_a_table_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("fedlab_utils.data.csv_table.MAX_BYTES", 10)
    (tmp_path / "survival_data.csv").write_text("ID,Age\nBrats18_2013_2_1,50\n")
    with pytest.raises(ClinicalTableError, match="more than 50 MB"):
        read_clinical(tmp_path, cases("Brats18_2013_2_1"))


def test_an_age_that_nobody_reaches_is_a_problem_and_stays_empty(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "ID,Age\nBrats18_2013_2_1,999\nBrats18_2013_3_1,51\nBrats18_2013_4_1,999\n"
    )
    (tmp_path / "clinical.csv").write_text("ID,Age\nBrats18_2013_4_1,60\n")
    known = cases("Brats18_2013_2_1", "Brats18_2013_3_1", "Brats18_2013_4_1")
    problems = []
    ages = read_clinical(tmp_path, known, problems).age
    assert ages.isna().tolist() == [True, False, False]
    assert ages.tolist()[1:] == [51, 60]
    [problem] = problems
    assert str(problem).startswith(
        "survival_data.csv: 2 ages are above 120 years, the first 999 of Brats18_2013_2_1."
    )
    with pytest.raises(ClinicalTableError, match="2 ages are above 120 years"):
        read_clinical(tmp_path, known)


def test_days_with_a_point_are_a_problem_and_stay_empty(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "ID,Age,Survival\nBrats18_2013_2_1,50,1.278\nBrats18_2013_3_1,51,736.0\n"
        "Brats18_2013_4_1,52,14.3\n"
    )
    known = cases("Brats18_2013_2_1", "Brats18_2013_3_1", "Brats18_2013_4_1")
    problems = []
    table = read_clinical(tmp_path, known, problems)
    assert table.survival_days.isna().tolist() == [True, False, True]
    assert table.survival_censored.isna().tolist() == [True, False, True]
    assert table.age.tolist() == [50, 51, 52]
    [problem] = problems
    assert str(problem) == (
        "survival_data.csv: 2 times of survival are not in whole days, the first 1.278 of "
        "Brats18_2013_2_1. Write days without a separator, 1278 where 1.278 was meant so; until "
        "then they are left empty."
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_read_by_its_mark_and_else_refused(tmp_path, encoding):
    content = "ID,Age\nBrats18_2013_2_1,50\n".encode(encoding)
    (tmp_path / "survival_data.csv").write_bytes(content)
    problems = []
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1"), problems)
    if encoding == "utf-16":
        assert (table.age.item(), problems) == (50, [])
    else:
        [problem] = problems
        assert str(problem) == (
            "survival_data.csv: it has zero bytes, as UTF-16 without a byte order mark or a "
            "damaged file has. Save it again as csv in UTF-8."
        )


def test_two_tables_that_contradict_each_other_are_told(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "ID,Age,Survival,Grade,Site\nBrats18_2013_2_1,50,300,IV,a\nBrats18_2013_3_1,51.4,NA,HGG,b\n"
    )
    (tmp_path / "clinical.csv").write_text(
        "ID,Age,Survival,Grade,Site,Sex\nBrats18_2013_2_1,60,300.0,HGG,c,F\n"
        "Brats18_2013_3_1,51,200,2,d,M\nBrats18_2013_9_1,99,9,I,d,M\n"
    )
    warnings = []
    table = read_clinical(
        tmp_path, cases("Brats18_2013_2_1", "Brats18_2013_3_1"), warnings=warnings
    )
    assert table.age.tolist() == [50, 51.4]
    assert table.survival_days.tolist() == [300, 200]
    [warning] = warnings
    assert str(warning) == (
        "clinical.csv: 2 of its values contradict survival_data.csv, the first age 60 of "
        "Brats18_2013_2_1, there 50. Correct the table that is wrong; until then survival_data.csv "
        "counts."
    )


def test_a_status_that_nobody_knows_is_not_alive(tmp_path):
    (tmp_path / "clinical.csv").write_text(
        "ID,Survival,Survival_Status\nBrats18_2013_2_1,300,1.0\nBrats18_2013_3_1,300,pending\n"
    )
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1", "Brats18_2013_3_1"))
    assert table.survival_days.tolist() == [300, 300]
    assert table.survival_censored.tolist() == [False, pd.NA]


@pytest.mark.parametrize("column", ["Survival_Status", "1-dead 0-alive"])
def test_a_status_that_is_left_empty_is_not_dead(tmp_path, column):
    names = [f"Brats18_2013_{number}_1" for number in range(2, 8)]
    cells = ["1", "0", "", "Not Available", None, "NA"]
    days = ["300", "300", "300", "300", "300", "ALIVE (300 days later)"]
    rows = [
        ",".join(filter(lambda cell: cell is not None, row))  # a row may end before the column
        for row in zip(names, days, cells, strict=True)
    ]
    (tmp_path / "clinical.csv").write_text("\n".join([f"ID,Survival,{column}", *rows]) + "\n")
    table = read_clinical(tmp_path, cases(*names))
    assert table.survival_days.tolist() == [300] * 6
    assert table.survival_censored.tolist() == [False, True, pd.NA, pd.NA, pd.NA, True]


def test_a_status_counts_for_days_of_another_table_where_it_is_filled(tmp_path):
    """BraTS's own table has no status and gives days until death."""
    (tmp_path / "survival_data.csv").write_text(
        "BraTS18ID,Age,Survival\nBrats18_2013_2_1,50,300\nBrats18_2013_3_1,51,300\n"
    )
    (tmp_path / "clinical.csv").write_text(
        "ID,OS,Survival_Status\nBrats18_2013_2_1,310,\nBrats18_2013_3_1,310,Alive\n"
        "Brats18_2013_4_1,310,\n"
    )
    names = ("Brats18_2013_2_1", "Brats18_2013_3_1", "Brats18_2013_4_1")
    table = read_clinical(tmp_path, cases(*names))
    assert table.survival_days.tolist() == [300, 300, 310]
    assert table.survival_censored.tolist() == [False, True, pd.NA]


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_quote_that_is_not_closed_hides_no_row_in_silence(tmp_path, place):
    rows = ["Brats18_2013_2_1,50", "Brats18_2013_3_1,51", "Brats18_2013_4_1,52"]
    broken = 0 if place == "first" else 2
    rows[broken] = rows[broken].replace(",", ',"')
    (tmp_path / "survival_data.csv").write_text("\n".join(["ID,Age", *rows]) + "\n")
    with pytest.raises(ClinicalTableError, match=r"survival_data.csv: a quote is never closed"):
        read_clinical(tmp_path, cases("Brats18_2013_2_1", "Brats18_2013_3_1"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="makes a pipe")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "survival_data.csv")
    with pytest.raises(ClinicalTableError, match=r"survival_data.csv: it is no file"):
        read_clinical(tmp_path, cases("Brats18_2013_2_1"))


def test_formulas_stay_text(tmp_path):
    (tmp_path / "survival_data.csv").write_text(
        "ID,Age,note\nBrats18_2013_2_1,50,=cmd|'/c calc'!A1\n"
    )
    assert read_clinical(tmp_path, cases("Brats18_2013_2_1")).note.item() == "=cmd|'/c calc'!A1"


def test_spreadsheets_are_named_with_the_way_out(tmp_path):
    for name in (
        "UPENN-GBM_clinical_info_v2.1.xlsx",
        "BraTS2023_2017_GLI_Mapping.XLSX",
        "survival_data.xlsx",
        "survival_data.CSV",
        "~$survival_info.xlsx",
        ".~lock.survival_info.ods",
        "notes.docx",
    ):
        (tmp_path / name).write_bytes(b"PK")
    (tmp_path / "survival_data.CSV").write_text("ID,Age\nBrats18_2013_2_1,50\n")
    warnings = []
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1"), warnings=warnings)
    assert table.age.item() == 50
    assert [type(warning) for warning in warnings] == [ClinicalTableError] * 2
    mapping, clinical = warnings
    assert str(clinical) == (
        "UPENN-GBM_clinical_info_v2.1.xlsx: spreadsheets are not read. "
        "Save it as csv: UPENN-GBM_clinical_info_v2.1.csv."
    )
    assert str(mapping) == (
        "BraTS2023_2017_GLI_Mapping.XLSX: spreadsheets are not read. If it describes the patients, "
        "save it as csv: clinical_BraTS2023_2017_GLI_Mapping.csv."
    )


def test_a_spreadsheet_saved_as_told_is_read(tmp_path):
    (tmp_path / "patients.xlsx").write_bytes(b"PK")
    warnings = []
    read_clinical(tmp_path, cases("Brats18_2013_2_1"), warnings=warnings)
    [warning] = warnings
    name = warning.remedy.split()[-1]
    (tmp_path / name).write_text("ID,Age\nBrats18_2013_2_1,50\n")
    table = read_clinical(tmp_path, cases("Brats18_2013_2_1"), warnings=warnings)
    assert table.age.item() == 50
    assert warnings == [warning]  # not warned about again
