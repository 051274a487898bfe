"""``fedlab hospitals``: what it prints is what the package finds, and refusals are one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.data import describe, load_cohort, make_hospitals

runner = CliRunner()


def test_json_holds_every_patient_once_and_the_figures(phantom_dir: Path) -> None:
    how = ["--hospitals", "2", "--partition", "volume", "--skew", "1", "--seed", "4"]
    ran = runner.invoke(app, ["hospitals", "--data", str(phantom_dir), *how, "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    cohort = load_cohort(phantom_dir)
    partition = make_hospitals(cohort, 2, "volume", 1.0, 4)
    report = describe(partition, cohort)
    assert (told["kind"], told["skew"], told["seed"]) == ("volume", 1.0, 4)
    assert told["size_imbalance"] == 0
    assert [tuple(h["patients"]) for h in told["hospitals"]] == [
        h.patients for h in partition.hospitals
    ]
    for row, hospital in zip(told["hospitals"], partition.hospitals, strict=True):
        assert tuple(row["train"]) == hospital.split.train
        assert row["jsd_wt"] == report.loc[hospital.name, "jsd_wt"]
        assert row["scanner"] is None
        assert row["intensity_t1"] is None


def test_the_table_names_hospitals_and_their_scanners(phantom_dir: Path) -> None:
    how = ["--hospitals", "2", "--partition", "scanner", "--skew", "1", "--intensities"]
    ran = runner.invoke(app, ["hospitals", "--data", str(phantom_dir), *how])
    assert ran.exit_code == 0, ran.output
    head, first, second, *last = ran.stdout.splitlines()
    assert head.split()[:2] == ["hospital", "patients"]
    assert first.startswith("H1")
    assert first.endswith("3T research")
    assert second.endswith("1.5T thick")
    assert first.split()[1] == "3"
    assert float(first.split("3T")[0].split()[-1]) > 0
    assert last[0].startswith("size imbalance 0.00")
    assert "19 of 20 random deals" in last[1]


def test_a_table_of_institutions_and_joined_small_ones(phantom_dir: Path, tmp_path: Path) -> None:
    names = [case.case_id for case in load_cohort(phantom_dir)]
    path = tmp_path / "mine.csv"
    lines = ("X", "X", "X", "Y", "Y", "Z")
    path.write_text(
        "Partition_ID,Subject_ID\n"
        + "".join(f"{s},{n}\n" for s, n in zip(lines, names, strict=True))
    )
    how = ["hospitals", "--data", str(phantom_dir), "--partition", "institution"]
    how += ["--partitioning", str(path)]
    ran = runner.invoke(app, [*how, "--merge-small", "--json"])
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)["hospitals"]
    assert {row["name"]: row["patients"] for row in rows} == {
        "X": [n.rpartition("_")[0] for n in names[:3]],
        "Y+Z": [n.rpartition("_")[0] for n in names[3:]],
    }
    ran = runner.invoke(app, how)
    assert ran.exit_code == 2
    assert "a hospital needs 3 patients, but Y has 2, Z has 1" in ran.stderr


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (["--partition", "moon"], "there is no partition 'moon'"),
        (["--skew", "2"], "skew: it is 2.0"),
        (["--hospitals", "1"], "count: it is 1"),
        (["--hospitals", "3"], "6 patients are too few for 3 hospitals"),
    ],
)
def test_refusals(phantom_dir: Path, how: list[str], words: str) -> None:
    ran = runner.invoke(app, ["hospitals", "--data", str(phantom_dir), *how, "--json"])
    assert ran.exit_code == 2
    assert words in ran.stderr
    assert "error" in json.loads(ran.stdout)
