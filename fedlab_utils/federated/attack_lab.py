"""A laboratory for attacks: a federation that goes on from a warm model, and what its server saw.

A model that is trained already shows in a few rounds what an attack does to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.federated.attack_plan import AttackPlan
from fedlab_utils.federated.federation import federate
from fedlab_utils.federated.history import Federation
from fedlab_utils.federated.proxy import ProxyTask
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.server import make_strategy
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS, Screened
from fedlab_utils.federated.update_rows import flattened

if TYPE_CHECKING:
    import torch

MEAN = RobustPlan(rule="clip", clip_bound=1e9)
"""No rule: every hospital counts equally, and a bound that no update reaches shortens none."""


@dataclass(frozen=True)
class WarmTask(ProxyTask):
    """Hospitals that train the proxy further; everything else is as in :class:`UNetTask`.

    Attributes
    ----------
    start
        Weights to begin with; empty: random ones.
    """

    start: Mapping[str, torch.Tensor] = field(default_factory=dict, repr=False)

    def initial(self) -> dict[str, torch.Tensor]:
        """Return the weights to begin with."""
        return dict(self.start) or super().initial()


@dataclass(frozen=True, eq=False)
class AttackedRun:
    """A few rounds with somebody hostile.

    Attributes
    ----------
    federation
        As :func:`fedlab_utils.federated.federate` returns it.
    names
        Hospitals whose last update the rule judged, by partition.
    rows
        Their updates ``(n, d)``.
    hostile
        Names of those who are.
    moved
        By what the last round moved the model ``(d,)``.
    """

    federation: Federation
    names: tuple[str, ...]
    rows: np.ndarray
    hostile: tuple[str, ...]
    moved: np.ndarray

    @property
    def dice(self) -> float:
        """Mean over the test patients of all honest hospitals, see :meth:`dice_without`."""
        return self.dice_without(self.hostile)

    def dice_without(self, hostile: Collection[str]) -> float:
        """Return the Dice of the federation's model, mean over regions and hospitals' patients.

        It is the last round's model where hospitals have no validation patients.

        Parameters
        ----------
        hostile
            Names of hospitals that do not count.
        """
        rows = [row for name, row in self.federation.test.items() if name not in hostile]
        counts = [row["num-examples"] for row in rows]
        return float(np.average([row["score"] for row in rows], weights=counts))

    @property
    def weights(self) -> np.ndarray:
        """Each judged hospital's part in the last update, ``(n,)``."""
        told = self.federation.history[-1].rule
        return np.array([told[name]["weight"] for name in self.names])

    @property
    def left_out(self) -> dict[str, str]:
        """Hospital's name -> why its answer did not count in the last round."""
        return self.federation.history[-1].left_out


def attacked_run(
    task: ProxyTask,
    settings: FederationSettings,
    attack: AttackPlan | None = None,
    robust: RobustPlan = MEAN,
    root: ProxyTask | None = None,
) -> AttackedRun:
    """Run a federation in which some may be hostile; keep what the server saw last.

    Parameters
    ----------
    task, settings
        Hospitals, and how they train.
    attack
        Who is hostile; default: nobody.
    robust
        The server's rule; default: the plain mean.
    root
        FLTrust's public patients.

    Raises
    ------
    FederationError, RobustnessError
        As :func:`fedlab_utils.federated.federate`.
    """
    attack, kept = attack or AttackPlan(), []

    def strategy_of(how: FederationSettings) -> Screened:
        kept.append(make_strategy(how))
        return kept[0]

    found = federate(
        task, settings, robust=robust, attack=attack, root=root, strategy_of=strategy_of
    )
    names = tuple(found.history[-1].rule)
    rows = np.array(kept[0].seen) if names else np.empty((0, 0))
    hostile = tuple(task.hospitals[number] for number in attack.numbers)
    moved = flattened({ARRAYS: to_arrays(to_record(found.last))}, to_arrays(kept[0].sent))
    return AttackedRun(found, names, rows, hostile, moved)


def in_a_plane(
    rows: np.ndarray, honest: np.ndarray, more: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return updates as points: how far along the honest hospitals' mean, and how far aside.

    Aside is the direction in which the updates differ most once what lies along the mean is taken
    off: their first principal component there. One is the median length of honest updates.

    Parameters
    ----------
    rows
        Updates ``(n, d)``.
    honest
        Whose are honest, boolean ``(n,)``.
    more
        Another update ``(d,)``, such as what a rule made of them; it does not decide directions.

    Returns
    -------
    tuple
        Points of the updates ``(n, 2)`` and of the other one ``(2,)``.
    """
    along = rows[honest].mean(0, dtype=np.float64)
    along /= np.linalg.norm(along) or 1.0
    unit = float(np.median(np.linalg.norm(rows[honest], axis=1))) or 1.0
    rest = rows - np.outer(rows @ along, along)
    aside = np.linalg.svd(rest - rest[honest].mean(0), full_matrices=False)[2][0]
    axes = np.stack([along, aside * (1 if (rest[0] @ aside) >= 0 else -1)], axis=1)
    return rows @ axes / unit, more @ axes / unit
