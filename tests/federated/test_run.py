"""A federation of phantom hospitals as a folder, and the same in every engine."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import FederationError
from fedlab_utils.federated import (
    AttackPlan,
    FederationSettings,
    HospitalPrivacy,
    RobustPlan,
    UNetFederation,
    UNetTask,
    engine_ray,
    run,
    simulate,
)
from fedlab_utils.federated.checkpoint import read_checkpoint
from fedlab_utils.federated.layers import norm_names
from fedlab_utils.federated.unet_settings import open_task
from fedlab_utils.segmentation import load_model

pytestmark = pytest.mark.xdist_group("federation_run")  # one run for all tests

SETTINGS = FederationSettings(rounds=2, local_steps=1)


def command(data: Path, out: Path, *more: str):
    words = ["simulate", "--data", str(data), "--out", str(out), "--hospitals", "2"]
    return CliRunner().invoke(app, [*words, "--local-steps", "1", "--threads", "1", *more])


@pytest.fixture(scope="module")
def finished(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in process that was cut off after its first round and resumed."""
    out = tmp_path_factory.mktemp("run") / "a"
    assert command(phantom_dir, out, "--rounds", "1").exit_code == 0
    ran = command(phantom_dir, out, "--rounds", "2", "--resume", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == json.loads((out / "result.json").read_text("utf-8"))
    return out


def test_the_folder_holds_result_model_and_provenance(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text("utf-8"))
    assert [row["round"] for row in result["rounds"]] == [1, 2]
    assert set(result["test"]) == {"H1", "H2"}
    worst = min(result["test"].values(), key=lambda row: row["score"])
    assert result["summary"]["score"]["worst"] == worst["score"]
    assert result["provenance"]["engine"] == "inprocess"
    assert result["provenance"]["hospitals"] == {"H1": 3, "H2": 3}
    model, best = load_model(finished), read_checkpoint(finished).best
    for name, value in model.network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), best[name])


def test_a_folder_in_use_another_setting_and_a_senseless_one(
    phantom_dir: Path, finished: Path, tmp_path: Path
) -> None:
    used = command(phantom_dir, finished, "--rounds", "2")
    assert used.exit_code == 2
    assert "holds a federation" in used.output
    other = command(phantom_dir, finished, "--rounds", "2", "--resume", "--seed", "3")
    assert other.exit_code == 2
    assert "another seed" in other.output
    kind = command(phantom_dir, tmp_path / "b", "--partition", "colour")
    assert kind.exit_code == 2
    assert "colour" in kind.output
    assert command(phantom_dir, tmp_path / "b", "--strategy", "fedsgd").exit_code == 2
    assert not (tmp_path / "b").exists()
    federation = UNetFederation(data=str(phantom_dir), hospitals=2)
    with pytest.raises(FederationError, match="engine"):
        simulate(tmp_path / "b", federation, SETTINGS, engine="cloud")


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of other phantoms, with a patient each."""
    folders = [tmp_path_factory.mktemp("public") / name for name in "ab"]
    return [
        write_cohort(folder, cases=1, seed=seed, spacing=4.0, workers=1)
        for seed, folder in enumerate(folders, 11)
    ]


def test_a_rule_with_public_cases_finds_out_a_hostile_hospital(
    phantom_dir: Path, public: list[Path], tmp_path: Path
) -> None:
    rule = ["--rule", "fltrust", "--root", str(public[0])]
    attack = ["--attack", "sign-flip", "--attackers", "1"]
    ran = command(phantom_dir, tmp_path / "r", "--rounds", "1", "--json", *rule, *attack)
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    plans = {"robust": RobustPlan("fltrust", root=str(public[0].resolve()))}
    plans["attack"] = AttackPlan("sign-flip", "1")
    assert result["plans"] == {name: asdict(plan) for name, plan in plans.items()}
    (report,) = result["rounds"]
    assert report["rule"]["H1"]["weight"] == 1
    assert report["rule"]["H2"]["weight"] == 0
    assert report["rule"]["H2"]["score"] < 0 < report["rule"]["H1"]["score"]
    without = command(phantom_dir, tmp_path / "s", "--rule", "fltrust")
    assert without.exit_code == 2
    assert "no public data" in without.output
    few = command(phantom_dir, tmp_path / "s", "--rule", "krum", "--hostile", "1")
    assert few.exit_code == 2
    assert "of 2 updates 1 may be hostile, and 2 f + 3 = 5 are needed" in few.output
    assert not (tmp_path / "s").exists()


def test_public_patients_are_no_hospital_s_and_the_same_when_a_run_goes_on(
    phantom_dir: Path, public: list[Path], tmp_path: Path
) -> None:
    shared = command(phantom_dir, tmp_path / "a", "--rule", "fltrust", "--root", str(phantom_dir))
    assert shared.exit_code == 2
    assert "it is a public case of the server, and Brats18_Phantom" in shared.stderr
    rule = ["--rule", "fltrust", "--root"]
    ran = command(phantom_dir, tmp_path / "b", "--rounds", "1", *rule, str(public[0]))
    assert ran.exit_code == 0, ran.output
    again = ["--rounds", "2", "--resume", *rule]
    other = command(phantom_dir, tmp_path / "b", *again, str(public[1]))
    assert other.exit_code == 2
    assert "it holds a run with another digest of the public patients" in other.stderr
    moved = shutil.copytree(public[0], tmp_path / "moved")
    went_on = command(phantom_dir, tmp_path / "b", *again, str(moved))
    assert went_on.exit_code == 0, went_on.output


@pytest.mark.parametrize("way", ["client", "local"])
def test_a_run_with_hospital_noise_tells_what_it_promises(
    phantom_dir: Path, tmp_path: Path, way: str
) -> None:
    noise = ["--hospital-epsilon", "8", "--hospital-delta", "1e-3", "--hospital-way", way]
    ran = command(phantom_dir, tmp_path / "a", "--rounds", "1", *noise)
    assert ran.exit_code == 0, ran.output
    assert re.search(r"; epsilon .*at most [78][.\d]* \(per hospital, delta 0.001, ", ran.stdout)
    result = json.loads((tmp_path / "a" / "result.json").read_text("utf-8"))
    plan = HospitalPrivacy(way, 8.0, 1e-3, members=2)
    assert result["plans"] == {"hospital_privacy": asdict(plan)}
    promise = plan.promise(replace(SETTINGS, rounds=1))
    assert {name: result["privacy"][name] for name in promise} == promise
    spent = {"H1": promise["epsilon"], "H2": promise["epsilon"]} if way == "local" else {}
    assert result["privacy"]["spent"] == pytest.approx(spent)
    assert not result["rounds"][0]["left_out"]
    again = command(phantom_dir, tmp_path / "a", "--rounds", "2", "--resume", *noise)
    assert again.exit_code == 2
    assert "count both runs" in again.stderr


def test_simulated_noise_of_hospitals_says_what_it_is(phantom_dir: Path, tmp_path: Path) -> None:
    noise = ["--hospital-epsilon", "8", "--hospital-way", "adaptive", "--simulated-noise"]
    ran = command(phantom_dir, tmp_path / "a", "--rounds", "1", *noise)
    assert ran.exit_code == 0, ran.output
    assert "simulated: no guarantee" in ran.stderr
    assert "simulated noise: no guarantee" in ran.stdout


@pytest.mark.parametrize(("engine", "rounds"), [("ray", 2), ("deployment", 1)])
def test_engines_agree(
    phantom_dir: Path, finished: Path, tmp_path: Path, engine: str, rounds: int
) -> None:
    """One round where each message starts a process that imports torch."""
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    out, here = tmp_path / engine, finished
    if rounds == 1:
        here = tmp_path / "here"
        assert command(phantom_dir, here, "--rounds", "1").exit_code == 0
    ran = command(phantom_dir, out, "--rounds", str(rounds), "--engine", engine)
    assert ran.exit_code == 0, ran.output
    due, found = read_checkpoint(here), read_checkpoint(out)
    for name, value in due.weights.items():
        np.testing.assert_allclose(found.weights[name], value, rtol=1e-6, atol=1e-9)
    for name, row in due.test.items():
        assert found.test[name] == pytest.approx(row, abs=1e-3)
    assert found.best_round == due.best_round


def test_the_patients_are_noted_and_a_resumed_run_must_have_the_same(
    finished: Path, phantom_dir: Path, tmp_path: Path
) -> None:
    noted = json.loads((finished / "patients.json").read_text("utf-8"))
    assert set(noted) == {"H1", "H2"}
    cases = [case for split in noted.values() for part in split.values() for case in part]
    assert sorted(cases) == sorted(case.case_id for case in load_cohort(phantom_dir))
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(phantom_dir, data)
    assert command(data, out, "--rounds", "1").exit_code == 0
    shutil.rmtree(data)
    write_cohort(data, cases=6, seed=5, spacing=4.0)
    again = command(data, out, "--rounds", "2", "--resume")
    assert again.exit_code == 2
    assert "had other patients when it began" in again.output.replace("\n", " ")
    for damage in ("nonsense", "3"):
        (out / "patients.json").write_text(damage)
        assert "cannot be read" in command(data, out, "--rounds", "2", "--resume").output


def test_two_seeds_that_differ_are_refused_before_anything_is_written(
    phantom_dir: Path, tmp_path: Path
) -> None:
    federation = UNetFederation(data=str(phantom_dir), hospitals=2, seed=1)
    with pytest.raises(FederationError, match=r"seed: .* says 1, .* settings 2"):
        simulate(tmp_path / "a", federation, replace(SETTINGS, seed=2))
    assert not (tmp_path / "a").exists()


def test_more_answers_than_hospitals_are_refused_before_anything_is_written(
    phantom_dir: Path, tmp_path: Path
) -> None:
    federation = UNetFederation(data=str(phantom_dir), hospitals=2)
    with pytest.raises(FederationError, match="fewest: it is 3, and there are 2 hospitals"):
        simulate(tmp_path / "a", federation, replace(SETTINGS, fewest=3))
    assert not (tmp_path / "a").exists()


def test_a_run_reads_its_folder_once_and_the_next_run_reads_it_anew(
    phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another cohort of the same size in the same folder is what the second run trains on."""
    made = []
    monkeypatch.setattr(
        UNetTask,
        "_dataset",
        lambda task, n, real=UNetTask._dataset: made.append(task) or real(task, n),
    )
    data = tmp_path / "data"
    federation, once = UNetFederation(data=str(data), hospitals=2), replace(SETTINGS, rounds=2)
    for number in (0, 1):
        shutil.rmtree(data, ignore_errors=True)
        if number:
            write_cohort(data, cases=6, seed=5, spacing=4.0, workers=1)
        else:
            shutil.copytree(phantom_dir, data)
        simulate(tmp_path / str(number), federation, once)
        noted = json.loads((tmp_path / str(number) / "patients.json").read_text("utf-8"))
        assert len(made) == 2, "one task for all rounds, one data set for each hospital"
        assert made[0] is made[1]
        trained = {m.name: list(m.hospital.split.train) for m in made[0].members}
        assert trained == {name: split["train"] for name, split in noted.items()}
        made.clear()


def test_layers_that_stay_at_home_are_in_each_hospitals_own_model(
    phantom_dir: Path, tmp_path: Path
) -> None:
    ran = command(phantom_dir, tmp_path / "a", "--rounds", "2", "--strategy", "fedbn", "--json")
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert list(result["models"]) == ["H1", "H2"]
    assert not (tmp_path / "a" / "model.safetensors").exists()
    federation = UNetFederation(data=str(phantom_dir), hospitals=2)
    task = open_task(federation)
    for number, (name, path) in enumerate(result["models"].items()):
        model = load_model(tmp_path / "a" / path)
        row = task.evaluate(model.network, number, "test")
        assert row["score"] == pytest.approx(result["test"][name]["score"], abs=1e-6)
        assert model.provenance["hospital"] == name
    first, second = (load_model(tmp_path / "a" / p).network for p in result["models"].values())
    norm, rest = norm_names(first), set(first.state_dict()) - norm_names(first)
    states = [network.state_dict() for network in (first, second)]
    assert all(states[0][name].equal(states[1][name]) for name in rest)
    assert not all(states[0][name].equal(states[1][name]) for name in norm)


def test_small_messages_save_what_they_promise_and_go_with_what_the_table_says(
    phantom_dir: Path, finished: Path, tmp_path: Path
) -> None:
    """The U-Net as it is, two rounds, against the same without compression."""
    small = ["--up-keep", "0.03", "--up-bits", "4", "--down-keep", "0.03", "--down-bits", "4"]
    ran = command(phantom_dir, tmp_path / "a", "--rounds", "2", *small, "--json")
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    assert not any(row["left_out"] or row["unjudged"] for row in found["rounds"])
    plain = json.loads((finished / "result.json").read_text("utf-8"))

    def megabytes(result: dict) -> float:
        return sum(row["sent"] + row["received"] + row["judging"] for row in result["rounds"])

    assert megabytes(plain) > 50 * megabytes(found)
    again = [*small[:-1], "8", "--resume"]
    other = command(phantom_dir, tmp_path / "a", "--rounds", "2", *again)
    assert other.exit_code == 2
    assert "another down-bits" in other.output.replace("\n", " ")
    hidden = command(phantom_dir, tmp_path / "b", "--hospitals", "3", "--secure", *small)
    assert hidden.exit_code == 2
    assert "masks with quantisation" in hidden.output.replace("\n", " ")
    assert not (tmp_path / "b").exists()


def test_rounds_are_read_from_lines_that_the_server_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "fedlab round 1: loss 0.500",
        "fedlab round x: loss 0.500",
        "fedlab round : loss",
        "fedlab round",
        f"fedlab round {'9' * 5000}: loss 0.500",
        "H1 says fedlab round 7: loss 0.500",
        "fedlab round 2: loss 0.400; H1 left out: it did not answer in time",
    ]
    heard: list[int] = []
    monkeypatch.setattr(
        engine_ray,
        "run_with_ray",
        lambda _config, _hospitals, on_line: [on_line(line) for line in lines],
    )
    run._run("ray", {}, 2, heard.append)
    assert heard == [1, 2]
