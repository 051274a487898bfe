"""The command that deals a cohort to virtual hospitals and says how different they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedlab_utils.cli_output import Json, Layout, Scheme, print_json, reported

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.data.hospitals import Partition


def hospitals(
    data: Annotated[Path | None, typer.Option(help="A data set. Default: the phantoms.")] = None,
    count: Annotated[
        int | None, typer.Option("--hospitals", help="2 to 100. Default: 4, or all institutions.")
    ] = None,
    partition: Annotated[
        str, typer.Option(help="iid, volume, institution, scanner ... An unknown one lists all.")
    ] = "iid",
    skew: Annotated[float, typer.Option(help="0: alike; 1: as different as can be.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same hospitals.")] = 0,
    partitioning: Annotated[
        Path | None, typer.Option(help="Table of institutions, such as FeTS partitioning_1.csv.")
    ] = None,
    merge_small: Annotated[
        bool, typer.Option(help="Join institutions that are too small.")
    ] = False,
    intensities: Annotated[bool, typer.Option(help="Compare scans too: reads them all.")] = False,
    layout: Layout = None,
    scheme: Scheme = None,
    as_json: Json = False,
) -> None:
    """Deal patients to virtual hospitals and say how different these are. Writes nothing."""
    from fedlab_utils.data.cohort import load_cohort, open_phantom
    from fedlab_utils.data.hospital_report import describe, hospital_profiles
    from fedlab_utils.data.hospitals import make_hospitals
    from fedlab_utils.data.institutions import with_partitioning

    with reported(as_json):
        cohort = open_phantom() if data is None else load_cohort(data, layout, scheme)
        if partitioning is not None:
            cohort = with_partitioning(cohort, partitioning)
        if count is None and partition != "institution":
            count = 4
        table = cohort.with_volumes()
        dealt = make_hospitals(
            cohort, count, partition, skew, seed, table=table, merge_small=merge_small
        )
        profiles = hospital_profiles(dealt, cohort) if intensities else None
        report = describe(dealt, cohort, table, profiles)
    if as_json:
        print_json(_document(dealt, report), indent=1)
    else:
        typer.echo(_text(report))


def _document(dealt: Partition, report: pd.DataFrame) -> dict[str, object]:
    """Everything, with the patients' names; null where nothing is known."""
    rows = []
    for hospital, (_, row) in zip(dealt.hospitals, report.iterrows(), strict=True):
        figures = {
            name: None if value != value else value
            for name, value in row.to_dict().items()
            if name not in ("patients", "train", "validation", "test")
        }
        split = hospital.split
        parts = {part: list(getattr(split, part)) for part in ("train", "validation", "test")}
        rows.append(
            {"name": hospital.name, "patients": list(hospital.patients), **parts, **figures}
        )
    told = {"kind": dealt.kind, "skew": dealt.skew, "seed": dealt.seed}
    return told | {"size_imbalance": report.attrs["size_imbalance"], "hospitals": rows}


def _text(report: pd.DataFrame) -> str:
    wide = max(8, *(len(name) for name in report.index))
    head = f"{'hospital':{wide}}  patients  train  val.  test"
    lines = [head + "".join(f"  {r} ml   JSD (chance)" for r in ("ET", "TC", "WT")) + "  intensity"]
    for name, row in report.iterrows():
        line = f"{name:{wide}}  {row.patients:8}  {row.train:5}  {row.validation:4}  {row.test:4}"
        for region in ("et", "tc", "wt"):
            figures = (row[f"median_{region}_ml"], row[f"jsd_{region}"])
            chance = f"({row[f'jsd_{region}_by_chance']:.2f})"
            line += f"  {figures[0]:5.1f}  {figures[1]:4.2f} {chance:>8}"
        looks = [row[f"intensity_{s}"] for s in ("t1", "t1ce", "t2", "flair")]
        known = [look for look in looks if math.isfinite(look)]
        line += f"  {sum(known) / len(known):9.3f}" if known else f"  {'-':>9}"
        told = [row.scanner, f"no {row.missing}" if row.missing else None]
        lines.append("  ".join([line, *filter(None, told)]))
    lines.append(f"size imbalance {report.attrs['size_imbalance']:.2f}; volumes are medians")
    lines.append("in brackets: what 19 of 20 random deals leave a hospital's JSD below")
    return "\n".join(lines)
