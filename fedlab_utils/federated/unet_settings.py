"""Which patients, hospitals and network a federation has: what a ``run_config`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from fedlab_utils.data.hospital_cases import HospitalPatients, hospital_patients
from fedlab_utils.data.hospitals import Partition, make_hospitals
from fedlab_utils.data.plain_values import make_plain, plain_seed
from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.data.tiers import TIERS
from fedlab_utils.errors import FederationError, ModelError
from fedlab_utils.federated.settings import read_config, write_config
from fedlab_utils.federated.unet_task import UNetTask
from fedlab_utils.segmentation.unet import UNetSettings

if TYPE_CHECKING:
    from fedlab_utils.data.cohort import Cohort


@dataclass(frozen=True)
class UNetFederation:
    """A cohort dealt over hospitals that train a U-Net. Numpy's numbers become Python's.

    Attributes
    ----------
    data
        The data set's folder.
    layout, scheme
        How to read the folder, where its own names do not say so; empty: by its names.
    hospitals, partition, skew, merge_small
        See :func:`fedlab_utils.data.make_hospitals`; 0 hospitals: one per institution.
    partitioning
        Table of institutions, see :func:`fedlab_utils.data.with_partitioning`; empty: none.
    tier
        ``"laptop"`` or ``"gpu"``.
    width
        Of the U-Net.
    per_patient, batch, augment
        See :class:`fedlab_utils.federated.UNetTask`.
    threads
        torch's threads in each process; 0 leaves them. Engines agree to the last bits at 1.
    seed
        Decides hospitals, weights and draws; 0 to 2**63 - 1.

    Raises
    ------
    FederationError
        If a value is of another type, or out of range.
    """

    data: str = ""
    layout: str = ""
    scheme: str = ""
    hospitals: int = 4
    partition: str = "iid"
    skew: float = 0.0
    merge_small: bool = False
    partitioning: str = ""
    tier: str = "laptop"
    width: int = 8
    per_patient: int = 4
    batch: int = 8
    augment: bool = True
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        make_plain(self, FederationError)
        plain_seed(self.seed, FederationError)
        if self.tier not in TIERS:
            raise FederationError("tier", f"it is {self.tier!r}", f"Take {' or '.join(TIERS)}")
        for name in ("per_patient", "batch"):
            if getattr(self, name) < 1:
                raise FederationError(name, f"it is {getattr(self, name)}", "Pass 1 or more")
        if self.threads < 0:
            raise FederationError("threads", f"it is {self.threads}", "Pass 0 or more")
        try:
            self.unet()
        except ModelError as error:
            raise FederationError("width", f"it is {self.width}", error.remedy) from None

    def unet(self) -> UNetSettings:
        """Return the network's settings."""
        return UNetSettings(spatial_dims=TIERS[self.tier].spatial_dims, width=self.width)

    @property
    def spacing(self) -> float:
        """Voxels' edge in mm after preprocessing."""
        return TIERS[self.tier].spacing

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the settings as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> UNetFederation:
        """Take the settings from a ``run_config`` that may hold more."""
        return cls(**read_config(cls, config))

    def open(self) -> tuple[Cohort, Partition]:
        """Return the folder's labelled cases, and how they are dealt."""
        from fedlab_utils.data.cohort import load_cohort
        from fedlab_utils.data.institutions import with_partitioning

        cohort = load_cohort(self.data, self.layout or None, self.scheme or None).labelled()
        if self.partitioning:
            cohort = with_partitioning(cohort, self.partitioning)
        dealt = make_hospitals(
            cohort,
            self.hospitals or None,
            self.partition,
            self.skew,
            self.seed,
            merge_small=self.merge_small,
        )
        return cohort, dealt

    def task(self, members: list[HospitalPatients]) -> UNetTask:
        """Return the task over these hospitals; the server's own has none."""
        draws = (self.per_patient, self.batch, self.augment, self.seed)
        return UNetTask(members, self.unet(), TIERS[self.tier], *draws)


def members_of(cohort: Cohort, partition: Partition, spacing: float) -> list[HospitalPatients]:
    """Return each hospital's patients; a part is read, through the cache, when it is asked for."""
    settings = PreprocessSettings(spacing=spacing)
    return [hospital_patients(cohort, hospital, settings) for hospital in partition.hospitals]


@lru_cache(maxsize=1)
def open_task(settings: UNetFederation) -> UNetTask:
    """Open the folder and deal its patients; the last one asked for is kept.

    A folder that changes meanwhile is not noticed: whoever begins a run calls ``cache_clear()``.
    """
    cohort, partition = settings.open()
    return settings.task(members_of(cohort, partition, settings.spacing))
