"""Hostile hospitals in a federation: each sends what its attack says, and nobody else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import AttackPlan, FederationSettings, RobustPlan, attacks, federate
from fedlab_utils.federated.records import to_arrays
from fedlab_utils.federated.trial import TrialTask
from tests.federated.toys import BowlTask

SETTINGS = FederationSettings(
    optimiser="sgd", learning_rate=0.1, weight_decay=0.0, local_steps=3, rounds=1
)


def sent(task, attack: AttackPlan | None = None, settings=SETTINGS, **more) -> list[dict]:
    """What each hospital's update was, hospital by hospital, in the last round."""
    found = {}

    def listen(message, context, call_next):
        reply = call_next(message, context)
        before = to_arrays(message.content["arrays"])
        after = to_arrays(reply.content["arrays"])
        number = context.node_config["partition-id"]
        found[number] = {n: after[n] - before[n] for n in before}
        told[number] = dict(reply.content["metrics"])
        return reply

    told: dict[int, dict] = {}
    federate(task, settings, attack=attack, mods=[listen], **more)
    sent.told = told
    return [found[number] for number in sorted(found)]


HONEST = [row["at"] for row in sent(BowlTask(noise=0.3))]


@pytest.mark.parametrize(
    ("plan", "due"),
    [
        (AttackPlan("sign-flip", "2"), -4 * HONEST[2]),
        (AttackPlan("sign-flip", "2", 1.5), -1.5 * HONEST[2]),
        (AttackPlan("scaled", "2"), 10 * HONEST[2]),
        (AttackPlan("free-rider", "2"), 0 * HONEST[2]),
        (AttackPlan("nan", "2"), np.nan * HONEST[2]),
    ],
)
def test_a_hostile_hospital_sends_its_attack_and_the_others_are_honest(plan, due) -> None:
    found = sent(BowlTask(noise=0.3), plan)
    np.testing.assert_allclose(found[2]["at"], due, rtol=1e-9)
    for number in (0, 1, 3):
        np.testing.assert_array_equal(found[number]["at"], HONEST[number])
    assert sent.told[2]["num-examples"] == 3
    assert sent.told[2]["steps"] == 3


def test_noise_is_as_long_as_told_and_drawn_by_seed_round_and_hospital() -> None:
    plan, lengths, seen = AttackPlan("noise", "0,1", 5.0), [], []
    for seed in range(40):
        found = sent(BowlTask(noise=0.3), plan, replace(SETTINGS, seed=seed))
        lengths += [np.linalg.norm(found[n]["at"]) / np.linalg.norm(HONEST[n]) for n in (0, 1)]
        seen += [tuple(found[n]["at"]) for n in (0, 1)]
    assert len(set(seen)) == 80
    assert np.mean(np.square(lengths)) == pytest.approx(25, rel=0.5)
    again = sent(BowlTask(noise=0.3), plan, replace(SETTINGS, seed=0))
    assert tuple(again[0]["at"]) == seen[0]


@pytest.mark.parametrize("attack", ["ipm", "alie"])
@pytest.mark.parametrize("robust", [None, RobustPlan("median", 0, client_momentum=0.5)])
def test_colluders_all_send_what_their_own_honest_updates_say(attack: str, robust) -> None:
    """Through rounds, in which each trains once, whoever is asked first."""
    rounds, trained, heard = 4, [], []

    class Watched(BowlTask):
        def batches(self, hospital, server_round, steps):
            trained.append((server_round, hospital))
            return super().batches(hospital, server_round, steps)

    def listen(message, context, call_next):
        reply = call_next(message, context)
        at, after = (to_arrays(m.content["arrays"])["at"] for m in (message, reply))
        heard.append((context.node_config["partition-id"], at, after - at))
        return reply

    settings = replace(SETTINGS, rounds=rounds)
    plan = AttackPlan(attack, "1,3", 0.7)
    federate(Watched(noise=0.3), settings, attack=plan, robust=robust, mods=[listen])
    assert sorted(trained) == [(r, h) for r in range(1, rounds + 1) for h in range(4)]
    momentum = {}
    for number in range(rounds):
        asked = {h: (at, update) for h, at, update in heard[4 * number : 4 * number + 4]}
        at, known = asked[1][0], []
        for h in (1, 3):
            update = honest(at, h, number + 1)
            if robust is not None and h in momentum:
                update = 0.5 * update + 0.5 * momentum[h]
            momentum[h] = update
            known.append(update)
        known = np.stack(known)
        due = attacks.alie(known, 0.7) if attack == "alie" else -0.7 * known.mean(0)
        for h in (1, 3):
            np.testing.assert_allclose(asked[h][1], due, rtol=1e-9)
        if robust is None:
            np.testing.assert_allclose(asked[0][1], honest(at, 0, number + 1), rtol=1e-9)


def honest(at: np.ndarray, hospital: int, server_round: int) -> np.ndarray:
    """A round's update by a plain loop."""
    now = torch.from_numpy(at.copy())
    for step in BowlTask(noise=0.3).batches(hospital, server_round, 3):
        now = now - 0.1 * step["target"] @ (now - step["patient"])
    return now.numpy() - at


def test_colluders_without_a_strength_take_the_papers_z() -> None:
    task = BowlTask([BowlTask().bowls[0]] * 7, (1,) * 7, noise=0.3)
    before = np.stack([row["at"] for row in sent(task)])
    found = sent(task, AttackPlan("alie", "0,1,2"))
    due = attacks.alie(before[:3], attacks.alie_z(7, 3))
    np.testing.assert_allclose(found[2]["at"], due, rtol=1e-9)


def test_colluders_of_another_run_are_strangers() -> None:
    """One app serves run after run, as the package's does in one process."""
    from fedlab_utils.federated.client import make_client_app
    from fedlab_utils.federated.engine_inprocess import run_in_process
    from fedlab_utils.federated.hostile_hospital import hostile_mod
    from fedlab_utils.federated.server import make_server_app

    app = make_client_app(lambda _: BowlTask(noise=0.3), [hostile_mod(lambda _: BowlTask())])
    plan, ends = AttackPlan("ipm", "1,3"), []
    for rate in (0.1, 0.1, 0.05, 0.1):
        settings = replace(SETTINGS, rounds=3, learning_rate=rate, keep_optimiser=True)
        settings = replace(settings, momentum=0.9)
        ended = []
        server = make_server_app(lambda _: BowlTask(), on_end=ended.append)
        run_in_process(app, server, settings.to_config() | plan.to_config(), 4)
        ends.append(ended[0].last["at"])
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[0], ends[3])
    assert not torch.equal(ends[0], ends[2])


@pytest.mark.parametrize("attack", ["label-flip", "backdoor"])
def test_spoilt_data_is_trained_on_as_ever(attack: str) -> None:
    """The same as a hospital whose patients are so."""
    from fedlab_utils.federated.spoilt_data import SPOILT

    class Larger(TrialTask):
        spoilt: tuple[int, ...] = ()

        def batches(self, hospital, server_round, steps):
            draw = torch.Generator().manual_seed(10 * hospital + server_round)
            for _ in range(steps):
                image = torch.randn((3, 4, 8, 8), generator=draw)
                target = (torch.rand((3, 3, 8, 8), generator=draw) < 0.4).float()
                batch = {"image": image, "target": target, "patient": torch.arange(3)}
                yield SPOILT[attack](batch) if hospital in self.spoilt else batch

    honest_task, due_task = Larger(), Larger()
    due_task.spoilt = (1,)
    found, due = sent(honest_task, AttackPlan(attack, "1")), sent(due_task)
    for one, other in zip(found, due, strict=True):
        for name in other:
            np.testing.assert_allclose(one[name], other[name], atol=1e-6)
    boosted = sent(honest_task, AttackPlan(attack, "1", 5.0))
    for name, value in due[1].items():
        np.testing.assert_allclose(boosted[1][name], 5 * value, rtol=1e-4, atol=1e-5)


def test_whole_numbers_stay_as_they_are() -> None:
    """A count of batches is no number that could be NaN; the answer keeps its types."""

    class WithNorm(TrialTask):
        def initial(self):
            return nn.Sequential(nn.Conv2d(4, 3, 1), nn.BatchNorm2d(3)).state_dict()

    task = WithNorm(resident=nn.Sequential(nn.Conv2d(4, 3, 1), nn.BatchNorm2d(3)))
    found = sent(task, AttackPlan("nan", "1"), replace(SETTINGS, local_steps=2))
    assert found[1]["1.num_batches_tracked"] == 2
    assert np.isnan(found[1]["0.weight"]).all()
    assert found[1]["0.weight"].dtype == np.float32


def test_an_attack_by_nobody_is_refused_before_the_run() -> None:
    with pytest.raises(FederationError, match="no hospital 4 among 4"):
        federate(BowlTask(), SETTINGS, attack=AttackPlan("nan", "4"))
