"""A compression study as its file holds it, with shares and megabytes that are known."""

from __future__ import annotations

import numpy as np

KEPT = {"none": 1.0, "8 bits": 0.999, "top 4 %, 4 bits": 0.99, "top 1 %, 4 bits": 0.9}
MEGABYTES = {"none": 80.0, "8 bits": 20.0, "top 4 %, 4 bits": 1.5, "top 1 %, 4 bits": 0.8}


def frontier_rows(seeds: tuple[int, ...] = (0, 1, 2), spread: float = 0.0) -> list[dict]:
    """FedAvg with four ways, SCAFFOLD with two of them and twice the bytes; two seeds to try."""
    rows = []
    about = {"commit": "abc", "device": "CPU", "date": "2026-01-02 03:04", "changed": False}
    for method, plans in {"fedavg": list(KEPT), "scaffold": ["none", "top 4 %, 4 bits"]}.items():
        for plan in plans:
            for seed in (*seeds, 98, 99):
                rng = np.random.default_rng(seed)  # the same patients for everything on a seed
                noise = np.random.default_rng((seed, len(plan), len(method)))
                scores = {
                    name: (
                        KEPT[plan] * (0.6 + shift + rng.normal(0, 0.1, 8))
                        + spread * noise.normal(size=8)
                    ).tolist()
                    for name, shift in (("A", 0.05), ("B", -0.05))
                }
                size = MEGABYTES[plan] * (2 if method == "scaffold" else 1)
                result = {"scores": scores, "validation": KEPT[plan], "megabytes": size}
                settings = {"method": method, "plan": plan, "seed": seed}
                rows.append({"settings": settings, "result": result, "provenance": about})
    return rows
