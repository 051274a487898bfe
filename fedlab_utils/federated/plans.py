"""All that a run does beside training: its plans, whether they go together, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace

from fedlab_utils.federated.attack_plan import AttackPlan
from fedlab_utils.federated.combinations import check_combination
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.methods import methods_of
from fedlab_utils.federated.private_training import PrivacyPlan
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.settings import FederationSettings

Plan = PrivacyPlan | MaskingPlan | HospitalPrivacy | CompressionPlan | RobustPlan | AttackPlan


@dataclass(frozen=True)
class Plans:
    """What a run does beside training. A plan that is off changes nothing.

    Attributes
    ----------
    privacy
        How hospitals keep their patients private.
    masking
        How they hide their numbers from the server.
    hospital_privacy
        How it is kept private what a whole hospital adds.
    compression
        How messages are made small.
    robust
        How the server withstands hostile hospitals.
    attack
        Who is hostile, and how.
    """

    privacy: PrivacyPlan = field(default_factory=PrivacyPlan)
    masking: MaskingPlan = field(default_factory=MaskingPlan)
    hospital_privacy: HospitalPrivacy = field(default_factory=HospitalPrivacy)
    compression: CompressionPlan = field(default_factory=CompressionPlan)
    robust: RobustPlan = field(default_factory=RobustPlan)
    attack: AttackPlan = field(default_factory=AttackPlan)

    @classmethod
    def of(cls, **plans: Plan | None) -> Plans:
        """Take those that are given; None is a plan that is off."""
        return cls(**{name: plan for name, plan in plans.items() if plan is not None})

    @property
    def on(self) -> dict[str, Plan]:
        """Those that are on, by name."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: plan for name, plan in found.items() if plan.on}

    @property
    def simulated(self) -> bool:
        """Whether noise comes from the run's seed, so that nobody is protected."""
        return self.privacy.simulated or self.hospital_privacy.simulated

    def check(self, settings: FederationSettings) -> None:
        """Refuse what cannot be, whoever the hospitals are.

        Raises
        ------
        CombinationError
            If two methods do not go together.
        PrivacyError
            If no noise is enough, or the settings let something go without.
        """
        check_combination(
            methods_of(
                settings,
                self.privacy,
                self.masking,
                self.compression,
                self.hospital_privacy,
                self.robust,
                self.attack,
            )
        )
        if self.privacy.on:
            self.privacy.steps(settings)
        if self.hospital_privacy.on:
            self.hospital_privacy.fitted(settings)

    def among(self, settings: FederationSettings, hospitals: int, root: bool) -> Plans:
        """Return the plans as they are agreed on by so many hospitals, whom all must suit.

        Parameters
        ----------
        settings, hospitals
            Of the run.
        root
            Whether the server has public data.

        Raises
        ------
        FederationError, RobustnessError, PrivacyError
            If they are too few for a rule, an attack or a mask.
        """
        self.robust.check(settings, hospitals, root)
        self.attack.check(settings, hospitals)
        found = self
        if self.masking.on:
            found = replace(found, masking=replace(self.masking, key_holders=hospitals))
            found.masking.needed()
        if self.hospital_privacy.on:
            hidden = replace(self.hospital_privacy, members=hospitals)
            found = replace(found, hospital_privacy=hidden)
        return found

    def told(self) -> dict[str, dict[str, object]]:
        """Return those that are on as plain values, to stand in a report: name -> setting."""
        return {name: asdict(plan) for name, plan in self.on.items()}

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return those that are on as part of a Flower ``run_config``."""
        return {key: value for plan in self.on.values() for key, value in plan.to_config().items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Plans:
        """Take them from a ``run_config`` that may hold more; what is absent is off."""
        return cls(
            PrivacyPlan.from_config(config),
            MaskingPlan.from_config(config),
            HospitalPrivacy.from_config(config),
            CompressionPlan.from_config(config),
            RobustPlan.from_config(config),
            AttackPlan.from_config(config),
        )
