"""Where the noise of differential privacy comes from: the operating system, or a seed for lessons.

A guarantee is worth what its randomness is worth. Whoever can guess the generator's state can take
the noise away again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

import numpy as np

SUMMANDS = 4
"""Gaussians that are added for each number."""

SIMULATED = "simulated: no guarantee (the noise is decided by a seed)"
"""What is said wherever noise is not the operating system's."""


class Randomness(Protocol):
    """Uniform and normal numbers."""

    simulated: bool

    def uniform(self, count: int) -> np.ndarray:
        """Return numbers from 0 to below 1, float64 ``(count,)``."""

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return standard normal numbers, float64."""


class SystemRandomness:
    """Numbers from the operating system's cryptographic generator.

    A normal number is the sum of four independent ones, halved. A single one, made in floating
    point, cannot take every value: its last bits may tell which number the noise was added to
    (Mironov 2012, On significance of the least significant bits for differential privacy,
    doi:10.1145/2382196.2382264). Adding several makes the search for such values hopeless in
    practice (Holohan and Braghin 2021, arXiv:2107.10138); it is no proof.
    """

    simulated = False

    def uniform(self, count: int) -> np.ndarray:
        """Return numbers from 0 to below 1, multiples of 2**-53, float64 ``(count,)``."""
        words = np.frombuffer(os.urandom(8 * count), np.uint64)
        return (words >> np.uint64(11)) * 2.0**-53

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return standard normal numbers, float64, by the method of Box and Muller (1958).

        A length and an angle give two independent ones, the cosine's and the sine's. They go to
        neighbours, so that no sum holds both.
        """
        count = int(np.prod(shape))
        draws = self.uniform(SUMMANDS * count).reshape(2, SUMMANDS // 2, count)
        length = np.sqrt(-2 * np.log1p(-draws[0]))  # 1 - u lies above 0
        angle = 2 * np.pi * draws[1]
        total = (length * np.cos(angle)).sum(0) + np.roll((length * np.sin(angle)).sum(0), 1)
        return (total / np.sqrt(SUMMANDS)).reshape(shape)


class SimulatedRandomness:
    """Numbers decided by a seed: for tests and lessons, where a run must come out the same again.

    Whoever knows the seed knows the noise, so that nothing is protected. It says so when it is
    made.

    Parameters
    ----------
    seed
        One or several whole numbers.
    say
        Takes the warning.
    """

    simulated = True

    def __init__(self, seed: int | tuple[int, ...], say: Callable[[str], None] = print) -> None:
        self._generator = np.random.default_rng(seed)
        say(SIMULATED)

    def uniform(self, count: int) -> np.ndarray:
        """Return numbers from 0 to below 1, float64 ``(count,)``."""
        return self._generator.random(count)

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return standard normal numbers, float64."""
        return self._generator.standard_normal(shape)
