"""FLTrust's public patients are told from hospitals' by their scans, and belong to a run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.hospital_cases import HospitalPatients, hospital_patients
from fedlab_utils.data.hospitals import make_hospitals
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, RobustPlan, federate
from fedlab_utils.federated.proxy import ProxyTask
from fedlab_utils.federated.root_patients import digest_of_patients, refuse_shared
from fedlab_utils.federated.root_training import RootTraining, public_hospital
from tests.federated.toys import BowlTask

SPACING = 4.0
HOW = {
    "tier": Tier("test", spacing=SPACING, spatial_dims=2, size=(48, 48)),
    "batch": 2,
    "augment": False,
    "device": "cpu",
}
RULE = RobustPlan("fltrust")
SETTINGS = FederationSettings(rounds=1, local_steps=1)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two other phantoms, of which one has the name of one in ``phantom_dir``."""
    folder = tmp_path_factory.mktemp("public") / "cohort"
    return write_cohort(folder, cases=2, seed=8, spacing=SPACING, workers=1)


def members(folder: Path, kind: str = "iid", skew: float = 0.0) -> list[HospitalPatients]:
    cohort = load_cohort(folder)
    dealt = make_hospitals(cohort, 2, kind, skew, seed=0)
    settings = PreprocessSettings(spacing=SPACING)
    return [hospital_patients(cohort, hospital, settings) for hospital in dealt.hospitals]


def one_case(source: Path, case_id: str, folder: Path, name: str) -> Path:
    """A data set of one case, written anew under another name."""
    target = folder / name / name
    target.mkdir(parents=True)
    (files,) = [case for case in load_cohort(source) if case.case_id == case_id]
    for path in files.paths:
        image = nibabel.load(path)
        values = np.asarray(image.dataobj).astype(np.float32)
        new = path.name.replace(case_id, name).removesuffix(".gz")
        nibabel.save(nibabel.Nifti1Image(values, image.affine), target / new)
    return folder / name


def test_other_patients_of_the_same_name_are_other_patients(
    phantom_dir: Path, elsewhere: Path
) -> None:
    theirs, ours = ({c.case_id for c in load_cohort(f)} for f in (phantom_dir, elsewhere))
    assert theirs & ours
    refuse_shared(members(phantom_dir), public_hospital(elsewhere, SPACING))


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_patient_of_any_part_is_named_whatever_it_is_called_here(
    phantom_dir: Path, tmp_path: Path, part: str
) -> None:
    hospitals = members(phantom_dir)
    who, case = next((m.name, case) for m in hospitals for case in getattr(m.hospital.split, part))
    folder = one_case(phantom_dir, case, tmp_path, "Brats18_Nobody_001_1")
    words = f"Brats18_Nobody_001_1: it is a public case of the server, and {case} of {who}"
    with pytest.raises(FederationError, match=words):
        refuse_shared(hospitals, public_hospital(folder, SPACING))


def test_another_scanner_does_not_make_another_patient(phantom_dir: Path) -> None:
    hospitals = members(phantom_dir, "scanner", 1.0)
    assert any(member.equipment for member in hospitals)
    with pytest.raises(FederationError, match="it is a public case"):
        refuse_shared(hospitals, public_hospital(phantom_dir, SPACING))


def test_a_federation_refuses_them_where_the_rule_trains_on_them(
    phantom_dir: Path, elsewhere: Path
) -> None:
    task = ProxyTask(members(phantom_dir), **HOW)
    same, other = (
        ProxyTask([public_hospital(f, SPACING)], **HOW) for f in (phantom_dir, elsewhere)
    )
    with pytest.raises(FederationError, match=r"it is a public case .* of H[12]"):
        federate(task, SETTINGS, robust=RULE, root=same)
    assert federate(task, SETTINGS, robust=RULE, root=other).history[0].counted
    median = RobustPlan("median")
    assert federate(task, SETTINGS, robust=median, root=same).history[0].counted


def test_a_run_goes_on_with_its_own_public_patients_wherever_they_lie(
    phantom_dir: Path, elsewhere: Path, tmp_path: Path
) -> None:
    task, longer = ProxyTask(members(phantom_dir), **HOW), replace(SETTINGS, rounds=2)
    out, copied = tmp_path / "run", tmp_path / "copied"
    shutil.copytree(elsewhere, copied)
    one, same = (ProxyTask([public_hospital(f, SPACING)], **HOW) for f in (elsewhere, copied))
    first = load_cohort(elsewhere).cases[0].case_id
    fewer = one_case(elsewhere, first, tmp_path, "Brats18_Phantom01_001_1")
    other = ProxyTask([public_hospital(fewer, SPACING)], **HOW)
    federate(task, SETTINGS, out, robust=RULE, root=one)
    words = r"another digest of the public patients: '\w{16}', and now '\w{16}'"
    with pytest.raises(FederationError, match=words):
        federate(task, longer, out, resume=True, robust=RULE, root=other)
    assert len(federate(task, longer, out, resume=True, robust=RULE, root=same).history) == 2


def test_a_digest_is_of_scans_and_labels_and_not_of_names(
    phantom_dir: Path, elsewhere: Path
) -> None:
    public = public_hospital(elsewhere, SPACING).train
    due = digest_of_patients(public)
    assert due == digest_of_patients([replace(p, case_id="x", patient_id="y") for p in public])
    assert (
        due
        == RootTraining(ProxyTask([public_hospital(elsewhere, SPACING)], **HOW), SETTINGS).digest()
    )
    labels = np.array(public[0].labels)
    labels[tuple(np.argwhere(labels == 0)[0])] = 2
    changed = [replace(public[0], labels=labels), *public[1:]]
    more = public_hospital(phantom_dir, SPACING).train[:1]
    for others in (changed, public[:1], public[::-1], (*public, *more)):
        assert digest_of_patients(others) != due


def test_of_tasks_that_are_no_scans_nothing_is_told() -> None:
    assert RootTraining(BowlTask(), SETTINGS).digest() == ""
