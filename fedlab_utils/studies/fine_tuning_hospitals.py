"""The patients and hospitals of the private fine-tuning, and the public network they go on with.

Public: phantoms of high grade on one good scanner. The hospitals treat low grade, each on another
scanner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated.proxy import ProxyTask, proxy_network
from fedlab_utils.segmentation.fine_tuning import choose_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.data.hospitals import Hospital
    from fedlab_utils.data.preprocessing import Preprocessed

SCANNERS = ("1.5T thick", "1.5T noisy", "1.5T old FLAIR", "1.5T thin", "3T sagittal FLAIR")
"""Of the hospitals."""

PUBLIC_SCANNER = "3T research"

PUBLIC, PATIENTS, TEST = 200, 100, 40
"""Public patients; and each hospital's, to train on and to report on."""

COHORT_SEED = 9000
"""Of the phantoms, to which the seed is added; no lesson has them."""

TIER = Tier("proxy", spacing=4.0, spatial_dims=2, size=(48, 48))

PRETRAINING = (30, 20)
"""The same of the public patients, who all lie in one place."""


@dataclass(frozen=True)
class PhantomHospital:
    """Phantoms of one hospital; stands where a task takes ``HospitalPatients``.

    Attributes
    ----------
    name
        Of the hospital.
    train, test
        Its patients, one visit each.
    validation
        Nobody.
    """

    name: str
    train: Sequence[Preprocessed]
    test: Sequence[Preprocessed] = ()
    validation: Sequence[Preprocessed] = ()

    @property
    def hospital(self) -> Hospital:
        """Whose patients they are."""
        from fedlab_utils.data.hospitals import Hospital
        from fedlab_utils.data.splits import Split

        parts = [tuple(p.patient_id for p in of) for of in (self.train, (), self.test)]
        return Hospital(self.name, tuple(sorted(parts[0] + parts[2])), Split(*parts))


@dataclass(frozen=True)
class FineTuningTask(ProxyTask):
    """Hospitals that go on with given weights of the proxy, some or all of which they train.

    Attributes
    ----------
    start
        The public network's weights.
    way
        See :func:`fedlab_utils.segmentation.fine_tuning.choose_weights`.
    """

    start: dict[str, torch.Tensor] = field(default_factory=dict)
    way: str = "all"

    def build(self) -> nn.Module:
        """Return the network as the public patients left it."""
        network = proxy_network(seed=self.seed)
        network.load_state_dict(self.start)
        return choose_weights(network, self.way, seed=self.seed)


def make_task(
    members: Sequence[PhantomHospital], start: dict[str, torch.Tensor], way: str, seed: int
) -> FineTuningTask:
    """Return the task of hospitals that go on with a network."""
    return FineTuningTask(
        members, tier=TIER, batch=16, augment=False, seed=seed, device="cpu", start=start, way=way
    )


@lru_cache(maxsize=1)
def open_hospitals(
    folder: str, seed: int
) -> tuple[dict[str, torch.Tensor], tuple[PhantomHospital, ...]]:
    """Return the public network, trained or read, and the hospitals of a seed."""
    from safetensors.torch import load_file, save

    from fedlab_utils.data.atomic import write_bytes

    public, members = patients_of(Path(folder), seed)
    file = Path(folder) / f"public-{seed}.safetensors"
    if not file.exists():
        write_bytes(file, save(pretrain(public, seed)))
    return load_file(file), members


def patients_of(folder: Path, seed: int) -> tuple[list[Preprocessed], tuple[PhantomHospital, ...]]:
    """Return a seed's public patients, and its hospitals; made once, and kept in the folder."""
    from fedlab_utils.studies.phantom_patients import phantom_patients

    public, hospitals = numbers_of(seed)
    make = {"draws": 0, "seed": COHORT_SEED + seed, "spacing": TIER.spacing, "workers": 1}
    members = []
    for scanner, mine in hospitals.items():
        found = phantom_patients(folder, mine, scanner=scanner, **make)
        members.append(PhantomHospital(scanner, found[:PATIENTS], found[PATIENTS:]))
    return phantom_patients(folder, public, scanner=PUBLIC_SCANNER, **make), tuple(members)


def numbers_of(seed: int) -> tuple[list[int], dict[str, list[int]]]:
    """Return the public patients' numbers in the seed's cohort, and each hospital's by scanner.

    Of a hospital's, the first are trained on and the others reported on.
    """
    from fedlab_utils.data.phantom.plan import draw_plan

    here, grades = PATIENTS + TEST, {"HGG": [], "LGG": []}
    for index in range(10 * here * len(SCANNERS)):
        grades[draw_plan(index, COHORT_SEED + seed).grade].append(index)
    hospitals = {
        scanner: grades["LGG"][number * here : (number + 1) * here]
        for number, scanner in enumerate(SCANNERS)
    }
    return grades["HGG"][:PUBLIC], hospitals


def pretrain(public: Sequence[Preprocessed], seed: int) -> dict[str, torch.Tensor]:
    """Return the weights of the proxy after training on the public patients."""
    from fedlab_utils.federated import FederationSettings, federate

    alone = [PhantomHospital("public", public)]
    task = ProxyTask(alone, tier=TIER, batch=64, augment=False, seed=seed, device="cpu")
    rounds, local_steps = PRETRAINING
    how = FederationSettings(
        rounds=rounds,
        local_steps=local_steps,
        learning_rate=1e-2,
        schedule="cosine",
        keep_optimiser=True,
        evaluate_every=rounds,
        seed=seed,
    )
    return {name: value.contiguous() for name, value in federate(task, how).weights.items()}
