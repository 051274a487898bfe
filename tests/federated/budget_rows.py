"""A private fine-tuning as its study leaves it, with gains that are known."""

from __future__ import annotations

import numpy as np

WAYS = ("all", "norm_and_head")
KEPT = {("all", 2): 0.1, ("all", 8): 0.5, ("norm_and_head", 2): 0.7, ("norm_and_head", 8): 0.95}
BASE, GAIN = 0.45, 0.25


def budget_rows(seeds: tuple[int, ...] = (0, 1, 2), spread: float = 0.0) -> list[dict]:
    """Two ways, two budgets, two hospitals of eight patients, settings tried on one seed."""
    rows = []

    def add(way: str, epsilon: int, seed: int, level: float, **more: float) -> None:
        rng = np.random.default_rng(seed)  # the same patients for everything on a seed
        noise = np.random.default_rng((seed, epsilon, len(way)))
        scores = {
            name: (level + shift + rng.normal(0, 0.1, 8) + spread * noise.normal(size=8)).tolist()
            for name, shift in (("A", 0.05), ("B", -0.05))
        }
        settings = {"way": way, "epsilon": epsilon, "seed": seed, **more}
        about = {"commit": "abc", "device": "CPU", "date": "2026-01-02 03:04", "changed": False}
        result = {"scores": scores, "spent": float(epsilon), "membership": 0.52}
        rows.append({"settings": settings, "result": result, "provenance": about})

    for number, way in enumerate(WAYS):
        for epsilon in (0, 2, 8):
            for rate, loss in ((0.01, 0.1), (0.1, 0.0)):
                kept = KEPT.get((way, epsilon), 1 - 0.02 * number)
                add(way, epsilon, 98, BASE + GAIN * kept - loss, learning_rate=rate)
    for seed in seeds:
        add("untouched", 0, seed, BASE)
        for number, way in enumerate(WAYS):
            add(way, 0, seed, BASE + GAIN * (1 - 0.02 * number))
            for epsilon in (2, 8):
                add(way, epsilon, seed, BASE + GAIN * KEPT[way, epsilon])
    return rows
