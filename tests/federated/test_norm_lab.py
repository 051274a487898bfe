"""The tiny network and rescaled patients; batch statistics through a federation, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.errors import ModelError
from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.norm_lab import tiny_network
from fedlab_utils.segmentation import local_update, make_optimiser

SETTINGS = FederationSettings(
    rounds=2, local_steps=3, optimiser="sgd", learning_rate=0.1, weight_decay=0.0
)


def batch(seed: int, unit: float) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(2, 4, 8, 8, generator=generator)
    target = (image[:, :3] > 0.5).float()
    return {"image": image * unit, "target": target, "patient": torch.tensor([0, 1])}


class TwoUnits:
    """Two hospitals of which the second's intensities are 8 times as large."""

    hospitals = ("H1", "H2")
    units = (1.0, 8.0)
    precision = "fp32"

    def __init__(self, norm: str) -> None:
        self.norm, self._network = norm, tiny_network(norm, 4)

    @staticmethod
    def loss(logits, target, patient):
        from fedlab_utils.segmentation import dice_ce_loss

        return dice_ce_loss(logits, target, patient)

    def network(self):
        return self._network

    def initial(self):
        return dict(tiny_network(self.norm, 4).state_dict())

    def patients(self, hospital):
        return (1, 3)[hospital]

    def batches(self, hospital, server_round, steps):
        for step in range(steps):
            yield batch(100 * hospital + 10 * server_round + step, self.units[hospital])

    def evaluate(self, network, hospital, part):  # noqa: ARG002
        network.eval()
        with torch.inference_mode():
            seen = batch(999, self.units[hospital])
            loss = self.loss(network(seen["image"]), seen["target"], seen["patient"])
        return {"num-examples": self.patients(hospital), "score": -float(loss.mean())}


def test_buffers_are_averaged_as_weights_are_and_counts_stay_whole() -> None:
    task, at = TwoUnits("batch"), dict(tiny_network("batch", 4).state_dict())
    for number in (1, 2):
        ends = []
        for hospital in (0, 1):
            network = tiny_network("batch", 4)
            network.load_state_dict(at)
            optimiser = make_optimiser(network, SETTINGS.local_optimiser())
            local_update(network, task.batches(hospital, number, 3), optimiser)
            ends.append({n: v.clone() for n, v in network.state_dict().items()})
        at = {
            n: (0.25 * ends[0][n].double() + 0.75 * ends[1][n].double()).to(v.dtype)
            for n, v in at.items()
        }
    found = federate(task, SETTINGS).last
    assert found.keys() == at.keys()
    for name, value in at.items():
        assert found[name].dtype == value.dtype
        torch.testing.assert_close(found[name], value)
    assert int(found["1.num_batches_tracked"]) == 6


def test_fedbn_keeps_statistics_at_home_and_the_average_suits_neither() -> None:
    averaged = federate(TwoUnits("batch"), SETTINGS)
    at_home = federate(TwoUnits("batch"), FederationSettings(**_told(SETTINGS), strategy="fedbn"))
    names = set(at_home.last)
    assert not any("running" in name or name.startswith("1.") for name in names)
    assert "0.weight" in names
    assert at_home.test["H1"]["score"] > averaged.test["H1"]["score"]


def _told(settings: FederationSettings) -> dict:
    names = ("rounds", "local_steps", "optimiser", "learning_rate", "weight_decay")
    return {name: getattr(settings, name) for name in names}


def test_units_change_instance_norm_s_answer_by_nothing_and_batch_norm_s_by_much() -> None:
    image = batch(5, 1.0)["image"]
    for norm, same in (("instance", True), ("batch", False)):
        network = tiny_network(norm).eval()
        with torch.inference_mode():
            one, eight = network(image), network(8 * image)
        assert torch.allclose(one, eight, atol=1e-3) is same


def test_the_network_is_seeded_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again = tiny_network(seed=3), tiny_network(seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[0].weight, tiny_network(seed=4)[0].weight)
    assert first(torch.zeros(2, 4, 16, 32)).shape == (2, 3, 16, 32)
    with pytest.raises(ModelError, match="layer"):
        tiny_network("layer")


def test_patients_in_other_units_are_the_same_but_for_a_factor(tmp_path) -> None:
    from fedlab_utils.data import PreprocessSettings, hospital_patients, make_hospitals
    from fedlab_utils.data.cohort import open_phantom
    from fedlab_utils.federated.norm_lab import in_units

    cohort = open_phantom().labelled()
    cohort = cohort.subset(case.case_id for case in list(cohort)[:6])
    [first, _] = make_hospitals(cohort, 2, fractions=(0.5, 0.0, 0.5)).hospitals
    plain = hospital_patients(cohort, first, PreprocessSettings(spacing=4.0), tmp_path)
    for mine, theirs in zip(in_units(plain, 8.0).test, plain.test, strict=True):
        assert mine.case_id == theirs.case_id
        np.testing.assert_allclose(mine.image, 8 * np.asarray(theirs.image, np.float32))
        np.testing.assert_array_equal(mine.labels, theirs.labels)
