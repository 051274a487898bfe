"""Which patients, hospitals and network a federation has: what a ``run_config`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from fedlab_utils.data.hospitals import Partition, make_hospitals
from fedlab_utils.data.tiers import TIERS
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.settings import read_config
from fedlab_utils.federated.unet_task import HospitalPatients, UNetTask
from fedlab_utils.segmentation.unet import UNetSettings

if TYPE_CHECKING:
    from fedlab_utils.data.cohort import Cohort


@dataclass(frozen=True)
class UNetFederation:
    """A cohort dealt over hospitals that train a U-Net.

    Attributes
    ----------
    data
        The data set's folder.
    hospitals, partition, skew
        See :func:`fedlab_utils.data.make_hospitals`; 0 hospitals: one per institution.
    tier
        ``"laptop"`` or ``"gpu"``.
    width
        Of the U-Net.
    per_patient, batch, augment
        See :class:`fedlab_utils.federated.UNetTask`.
    threads
        torch's threads in each process; 0 leaves them. Engines agree to the last bits at 1.
    seed
        Decides hospitals, weights and draws.
    """

    data: str = ""
    hospitals: int = 4
    partition: str = "iid"
    skew: float = 0.0
    tier: str = "laptop"
    width: int = 8
    per_patient: int = 4
    batch: int = 8
    augment: bool = True
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise FederationError("tier", f"it is {self.tier!r}", f"Take {' or '.join(TIERS)}")
        for name in ("per_patient", "batch"):
            if getattr(self, name) < 1:
                raise FederationError(name, f"it is {getattr(self, name)}", "Pass 1 or more")
        if self.threads < 0:
            raise FederationError("threads", f"it is {self.threads}", "Pass 0 or more")

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the settings as part of a Flower ``run_config``."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> UNetFederation:
        """Take the settings from a ``run_config`` that may hold more."""
        return cls(**read_config(cls, config))

    def deal(self, cohort: Cohort) -> Partition:
        """Return the hospitals of a cohort."""
        count = self.hospitals or None
        return make_hospitals(cohort, count, self.partition, self.skew, self.seed)

    def task(self, members: list[HospitalPatients]) -> UNetTask:
        """Return the task over these hospitals; the server's own has none."""
        tier = TIERS[self.tier]
        unet = UNetSettings(spatial_dims=tier.spatial_dims, width=self.width)
        return UNetTask(members, unet, tier, self.per_patient, self.batch, self.augment, self.seed)


def load_members(cohort: Cohort, partition: Partition, spacing: float) -> list[HospitalPatients]:
    """Return each hospital's patients, preprocessed, through the cache.

    Raises
    ------
    DataError
        If a case cannot be read.
    """
    from fedlab_utils.data.cache import load_preprocessed
    from fedlab_utils.data.preprocessing import PreprocessSettings

    settings = PreprocessSettings(spacing=spacing)

    def load(cases: tuple[str, ...]) -> list:
        return [load_preprocessed(cohort.files(case), settings) for case in cases]

    return [
        HospitalPatients(
            hospital.name,
            load(hospital.split.train),
            load(hospital.split.validation),
            load(hospital.split.test),
        )
        for hospital in partition.hospitals
    ]


@lru_cache(maxsize=1)
def open_task(settings: UNetFederation) -> UNetTask:
    """Open the folder, deal the patients and load them; the last one asked for is kept."""
    from fedlab_utils.data.cohort import load_cohort

    cohort = load_cohort(settings.data).labelled()
    members = load_members(cohort, settings.deal(cohort), TIERS[settings.tier].spacing)
    return settings.task(members)
