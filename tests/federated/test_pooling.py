"""Pooled patients: each of every hospital's once, in its part."""

from __future__ import annotations

from types import SimpleNamespace

from fedlab_utils.data.hospitals import Hospital
from fedlab_utils.data.splits import Split
from fedlab_utils.federated.pooling import PooledHospital


def _member(name: str, train: str, validation: str, test: str) -> SimpleNamespace:
    split = Split(tuple(train), tuple(validation), tuple(test))
    hospital = Hospital(name, tuple(train + validation + test), split)
    parts = {part: tuple(getattr(split, part)) for part in ("train", "validation", "test")}
    return SimpleNamespace(name=name, hospital=hospital, **parts)


def test_every_patient_is_there_once_and_in_its_part() -> None:
    pooled = PooledHospital((_member("H1", "ad", "b", "c"), _member("H2", "f", "", "eg")))
    assert pooled.name == pooled.hospital.name == "all"
    assert pooled.hospital.patients == tuple("abcdefg")
    assert pooled.train == pooled.hospital.split.train == ("a", "d", "f")
    assert pooled.validation == pooled.hospital.split.validation == ("b",)
    assert pooled.test == pooled.hospital.split.test == ("c", "e", "g")
