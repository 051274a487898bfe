"""A hospital that trains with differential privacy: what a run says of it, and its ledger.

What leaves the hospital is made from noisy sums alone: the weights, and control variates by option
II. Beside them it tells how many patients it trains on, how many steps it took and what epsilon it
has spent; the mean loss and the number of slices seen would tell of patients, and stay at home.

**Not covered**, and so to be named wherever epsilon is: the number of patients, which counts as
public; patients of validation and test, whose scores leave without noise, and by whom a round is
chosen; settings that were chosen by looking at patients before; other runs on the same patients,
whose epsilons add up; whether and when an answer comes, for a step takes as long as its patients;
whoever reads the hospital's own disk. The plan comes with a run's ``run_config``: whoever starts
runs could start one without.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from flwr.app import ConfigRecord

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import FederationError, PrivacyBudgetError, PrivacyError
from fedlab_utils.federated.combinations import check_combination
from fedlab_utils.federated.methods import methods_of
from fedlab_utils.federated.settings import FederationSettings, read_config, write_config
from fedlab_utils.privacy import (
    Ledger,
    PrivateGradient,
    SimulatedRandomness,
    SystemRandomness,
    noise_for,
)
from fedlab_utils.privacy.private_gradient import PrivacySettings

if TYPE_CHECKING:
    from fedlab_utils.federated.hospital_state import HospitalState
    from fedlab_utils.privacy.randomness import Randomness

LEDGER, LEDGER_FILE = "ledger", "ledger.txt"
"""Record of a hospital's state, and file in its folder, that hold what was spent."""

GUARANTEE = {
    "unit": "patient, with all visits",
    "adjacency": "one patient added or removed",
    "view": "whoever sees all that the hospital sends while it trains",
    "not covered": "number of patients; validation and test patients; choice of settings; other "
    "runs on the same patients; when an answer comes",
}
"""What epsilon in a report means."""


@dataclass(frozen=True)
class PrivacyPlan:
    """How hospitals keep their patients private while they train.

    Attributes
    ----------
    epsilon
        Budget per patient, for the whole run; 0: no privacy.
    delta
        See :func:`fedlab_utils.privacy.epsilon_of`.
    bound
        Largest length of one patient's gradient.
    noise
        Noise multiplier; 0: the least with which all steps of the run fit into the budget.
    patient_rate
        Probability of each patient to take part in a step.
    simulated
        Take noise and draws from the run's seed. Nothing is protected then; for lessons and tests.

    Raises
    ------
    PrivacyError
        If a value is of another type, or out of range.
    """

    epsilon: float = 0.0
    delta: float = 1e-5
    bound: float = 1.0
    noise: float = 0.0
    patient_rate: float = 0.1
    simulated: bool = False

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name, fine, remedy in (
            ("epsilon", self.epsilon >= 0, "Pass a budget above 0, or 0 for no privacy"),
            ("delta", 0 < self.delta < 1, "Pass a number between 0 and 1, such as 1e-5"),
            ("noise", self.noise >= 0, "Pass a multiplier above 0, or 0 to have it computed"),
        ):
            if not fine:
                raise PrivacyError(name, f"it is {getattr(self, name)}", remedy)
        PrivacySettings(self.bound, self.noise or 1.0, self.patient_rate)
        if not self.on:
            refuse_details(self)

    @property
    def on(self) -> bool:
        """Whether there is a budget."""
        return self.epsilon > 0

    def check(self, settings: FederationSettings) -> None:
        """Refuse a run that does something with training patients that no noise covers.

        Raises
        ------
        CombinationError
            If it does, see :data:`fedlab_utils.federated.combinations.CLASHES`.
        """
        check_combination(methods_of(settings, self))

    def steps(self, settings: FederationSettings) -> PrivacySettings:
        """Return how each step of a run is made private.

        Raises
        ------
        PrivacyError
            As of :meth:`check`, or if no noise is enough for the run's steps.
        """
        self.check(settings)
        noise = self.noise or _noise(
            self.epsilon, self.delta, self.patient_rate, settings.rounds * settings.local_steps
        )
        return PrivacySettings(self.bound, noise, self.patient_rate)

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> PrivacyPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))


def refuse_details(plan: object) -> None:
    """Refuse a plan without a budget that says how to spend it.

    Raises
    ------
    PrivacyError
        If one of its values is not the default.
    """
    for field in fields(plan):
        value = getattr(plan, field.name)
        if value != field.default:
            raise PrivacyError(
                field.name,
                f"it is {value!r}, without a budget nothing is private",
                "Pass an epsilon above 0 too",
            )


_noise = lru_cache(noise_for)


@contextmanager
def reasons_at_home(plan: PrivacyPlan) -> Iterator[None]:
    """Let no error leave a private hospital that may tell of a patient; its log has the reason.

    Raises
    ------
    FederationError
        In the place of any error but :class:`PrivacyError`, which tells of settings alone.
    """
    try:
        yield
    except PrivacyError:
        raise
    except Exception:
        if not plan.on:
            raise
        logging.getLogger(__name__).exception("a private hospital could not train")
        raise FederationError(
            "private training",
            "it failed, and the reason stays at the hospital: it may tell of a patient",
            "Look into the hospital's own log",
        ) from None


@contextmanager
def private_gradient(
    plan: PrivacyPlan,
    settings: FederationSettings,
    patients: int,
    whose: tuple[int, int],
    state: HospitalState,
) -> Iterator[PrivateGradient]:
    """Open a hospital's ledger for a round, and lend what makes its steps private.

    What was spent lies in the hospital's folder before each step, and in the state's records when
    the round is over, however it ends. Going back to an earlier round does not undo it. Whose
    folder is lost along with the process begins a new ledger: keep a copy of it.

    Parameters
    ----------
    plan, settings
        Of the run.
    patients
        That the hospital trains on.
    whose
        Hospital and round; with the run's seed they decide a simulation's noise.
    state
        Of the hospital.

    Raises
    ------
    PrivacyBudgetError
        If the budget does not allow all steps of the round; none was taken then.
    """
    how = plan.steps(settings)
    known = state.records.get(LEDGER)
    before = list(zip(known["noise"], known["rate"], known["steps"], strict=True)) if known else []
    file = state.folder / LEDGER_FILE if state.folder else None
    ledger = Ledger(plan.epsilon, file, plan.delta, history=before)
    if not ledger.allows(how.noise, how.rate, settings.local_steps):
        left = ledger.left(how.noise, how.rate)
        raise PrivacyBudgetError(
            "ledger",
            f"epsilon {ledger.spent():.3f} of {plan.epsilon:g} is spent (delta {plan.delta:g}, per "
            f"patient); {left} more steps fit in, and a round has {settings.local_steps}",
            "Stop here, or let the hospital decide on a larger budget",
        )
    try:
        yield PrivateGradient(how, patients, ledger, _randomness(plan, settings.seed, whose))
    finally:
        if ledger.history:
            noise, rate, steps = map(list, zip(*ledger.history, strict=True))
            state.records[LEDGER] = ConfigRecord({"noise": noise, "rate": rate, "steps": steps})


def _randomness(plan: PrivacyPlan, seed: int, whose: tuple[int, int]) -> Randomness:
    if plan.simulated:
        return SimulatedRandomness((seed, *whose), say=lambda _: None)  # the run says so, once
    return SystemRandomness()
