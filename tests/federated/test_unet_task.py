"""The U-Net's task over virtual hospitals of phantom patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.data import PreprocessSettings, load_cohort, make_hospitals
from fedlab_utils.data.regions import to_regions
from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, UNetTask
from fedlab_utils.federated.drift import local_models
from fedlab_utils.segmentation import (
    TrainedModel,
    UNetSettings,
    local_update,
    make_optimiser,
    predict_probabilities,
)
from fedlab_utils.segmentation.training_state import region_dice

TIER = Tier("toy", 4.0, 2, (48, 48))


@pytest.fixture(scope="module")
def members(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> list:
    cohort = load_cohort(phantom_dir)
    dealt = make_hospitals(cohort, 2)
    cache = tmp_path_factory.mktemp("cache")
    from fedlab_utils.data import hospital_patients

    settings = PreprocessSettings(spacing=4.0)
    return [hospital_patients(cohort, h, settings, cache) for h in dealt.hospitals]


def task_of(members: list, **more: object) -> UNetTask:
    return UNetTask(members, UNetSettings(width=8), TIER, per_patient=4, batch=4, **more)


def test_batches_are_decided_by_seed_round_and_hospital(members: list) -> None:
    task = task_of(members)

    def drawn(hospital: int, server_round: int, steps: int = 3, of: UNetTask = task):
        return torch.cat([b["image"] for b in of.batches(hospital, server_round, steps)])

    one = drawn(0, 1)
    drawn(1, 1)
    assert torch.equal(one, drawn(0, 1))
    assert torch.equal(one, drawn(0, 1, of=task_of(members)))
    others = [drawn(0, 2), drawn(1, 1), drawn(0, 1, of=task_of(members, seed=1))]
    assert not any(torch.equal(one, other) for other in others)


def test_there_are_as_many_batches_as_steps_and_rounds_do_not_overlap(members: list) -> None:
    task = task_of(members, augment=False)
    per_pass = 4 * len(members[0].train) // 4
    for steps in (1, per_pass, 2 * per_pass + 1):
        rounds = [list(task.batches(0, r, steps)) for r in (1, 2)]
        assert [len(found) for found in rounds] == [steps, steps]
        assert not torch.equal(rounds[0][0]["image"], rounds[1][0]["image"])


def test_judgement_is_the_dice_of_the_networks_own_labels(members: list) -> None:
    """Against Dice counted voxel by voxel from predictions made by the package's other way in."""
    task = task_of(members)
    torch.manual_seed(3)
    network = task.network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    told = task.evaluate(network, 1, "test")
    model = TrainedModel(network, task.unet, PreprocessSettings(spacing=4.0), TIER.size)
    rows = []
    for patient in members[1].test:
        mine = predict_probabilities(model, patient) >= 0.5
        truth = to_regions(np.asarray(patient.labels))
        rows.append(
            [
                2 * (m & t).sum() / max((m.sum() + t.sum()), 1)
                for m, t in zip(mine, truth, strict=True)
            ]
        )
    np.testing.assert_allclose([told[f"dice-{r}"] for r in ("et", "tc", "wt")], np.mean(rows, 0))
    assert told["patients-dice-wt"] == pytest.approx(np.array(rows)[:, 2])
    assert told["score"] == pytest.approx(np.mean(rows))
    assert told["num-examples"] == len(members[1].test)


def test_all_hospitals_share_one_network_and_begin_alike(members: list) -> None:
    task = task_of(members)
    assert task.network() is task.network()
    first = {n: v.clone() for n, v in task.initial().items()}
    with torch.no_grad():
        next(task.network().parameters()).zero_()
    assert all(torch.equal(v, task.initial()[n]) for n, v in first.items())
    model = task.model(first, seed=1)
    assert model.provenance == {"seed": 1}
    assert all(torch.equal(v, first[n]) for n, v in model.network.state_dict().items())


def test_a_patient_belongs_to_one_hospital(members: list) -> None:
    with pytest.raises(FederationError, match="names"):
        task_of([members[0], members[0]])

    class Copy:
        name, hospital = "Copy", members[0].hospital

    with pytest.raises(FederationError, match=f"of {members[0].name} and of Copy"):
        task_of([members[0], Copy()])


def test_precision_decides_training_and_judging(members: list) -> None:
    """In bfloat16 the answers are those of the segmentation package in bfloat16, to the bit."""
    task = task_of(members, precision="bf16")
    settings = FederationSettings(rounds=1, local_steps=2, evaluate_every=1)
    [end] = local_models(task_of(members[:1], precision="bf16"), settings, task.initial())
    network = task.build()
    optimiser = make_optimiser(network, settings.local_optimiser(1))
    local_update(network, task.batches(0, 1, 2), optimiser, precision="bf16")
    assert all(torch.equal(end[name], value) for name, value in network.state_dict().items())
    model = TrainedModel(network, task.unet, PreprocessSettings(spacing=4.0), TIER.size)
    expected = region_dice(model, members[0].test, precision="bf16").mean()
    assert task.evaluate(network, 0, "test")["score"] == pytest.approx(expected, abs=1e-12)
    [full] = local_models(task_of(members[:1]), settings, task.initial())
    assert any(not torch.equal(end[name], value) for name, value in full.items())


def test_a_precision_that_does_not_exist_is_refused(members: list) -> None:
    with pytest.raises(FederationError, match="precision: it is 'fp16'"):
        task_of(members, precision="fp16")
