"""What hostile hospitals send in the place of their updates: each attack a pure function.

**Threat model.** A hostile hospital knows the model that the server sent, its own patients and the
code that all run, and may send whatever it likes; it cannot read or change what others send. ALIE
and inner-product manipulation are made of benign updates. An *omniscient* attacker has those of all
honest hospitals, and hands them to the functions here. Colluders in a federation have no more than
what they would have sent themselves, had they been honest, and estimate from that
(:mod:`fedlab_utils.federated.hostile_hospital`).
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from fedlab_utils.errors import FederationError


def sign_flip(update: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """Return the opposite of an update, ``strength`` times as long."""
    return -strength * update


def scaled(update: np.ndarray, strength: float) -> np.ndarray:
    """Return an update made longer, as to outweigh all others in an average.

    Bagdasaryan et al. 2020, How to backdoor federated learning, AISTATS, arXiv:1807.00459,
    equation 3 ("model replacement"): ``n`` times as long replaces an average of ``n`` equal shares,
    once the others have come to rest.
    """
    return strength * update


def gaussian_noise(update: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Return normal noise ``strength`` times as long as the update, which it has no part of."""
    size = np.sqrt(np.mean(np.square(update)))
    return strength * size * rng.standard_normal(update.shape)


def free_ride(update: np.ndarray) -> np.ndarray:
    """Return nothing: the model goes back as it came."""
    return np.zeros_like(update)


def not_a_number(update: np.ndarray) -> np.ndarray:
    """Return NaN, of which a single one makes an average NaN."""
    return np.full_like(update, np.nan)


def alie_z(hospitals: int, hostile: int) -> float:
    """Return how many standard deviations "a little" is, by the paper.

    Baruch et al. 2019, A little is enough: circumventing defenses for distributed learning,
    NeurIPS, arXiv:1902.06156, algorithm 3: with ``n`` hospitals and ``m`` hostile ones, who need
    ``s = floor(n / 2 + 1) - m`` supporters, the ``z`` below which a normal variable is with
    probability ``(n - m - s) / (n - m)``. Of few hospitals it is 0 or close to it.

    Parameters
    ----------
    hospitals, hostile
        All of them, and how many of these are hostile.

    Raises
    ------
    FederationError
        If there is no such ``z``: with half or more hostile, or fewer than three hospitals.
    """
    honest = hospitals - hostile
    supporters = hospitals // 2 + 1 - hostile
    if supporters < 1 or honest - supporters < 1:
        raise FederationError(
            "alie",
            f"{hostile} of {hospitals} hospitals are hostile, who need {supporters} supporters "
            f"among {honest}",
            "Take three hospitals or more and fewer than half of them hostile, or pass a strength",
        )
    return NormalDist().inv_cdf((honest - supporters) / honest)


def alie(benign: np.ndarray, z: float) -> np.ndarray:
    """Return an update that lies a little beside the benign ones: their mean less ``z`` deviations.

    Baruch et al. 2019, arXiv:1902.06156, algorithm 3. Among updates that differ anyhow it is not
    seen. It goes to the same side in every coordinate, whatever the sign of the mean there: beside
    what is learnt, not against it.

    Parameters
    ----------
    benign
        Updates ``(m, d)``: of all honest hospitals, or of those whom the attacker knows.
    z
        How many standard deviations in each coordinate; see :func:`alie_z`.
    """
    return benign.mean(0) - z * benign.std(0)


def inner_product(benign: np.ndarray, strength: float) -> np.ndarray:
    """Return the opposite of the benign mean, ``strength`` times as long.

    Xie et al. 2019, Fall of empires: breaking Byzantine-tolerant SGD by inner product manipulation,
    UAI, arXiv:1903.03936: the model goes the wrong way as soon as what comes out of a rule has a
    negative inner product with that mean. Long ones do that to an average; to rules that go by
    distance, short ones, which all who are hostile send alike.

    Parameters
    ----------
    benign
        As of :func:`alie`.
    strength
        The paper's epsilon.
    """
    return -strength * benign.mean(0)
