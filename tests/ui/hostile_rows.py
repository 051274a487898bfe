"""A study on hostile hospitals as it is recorded, with figures that are known."""

from __future__ import annotations

from fedlab_utils.federated.robustness_rows import ADAPTED, CHOSEN
from fedlab_utils.studies.robustness import TUNING

HOSTILE = ["H1"]


def row(rule: str, attack: str, dice: float, seed: int = 0, **more: object) -> dict:
    """A training in which the hostile hospital's own patients would spoil the mean."""
    attackers = 0 if not attack else 2
    told = {"kind": "volume", "skew": 1.0, "seed": seed, "rule": rule, "attack": attack}
    told |= {"strength": 4.0 if attack else 0.0, "attackers": attackers}
    scores = {"H1": [0.01] * 3 if attack else [0.99] * 3, "H2": [dice + 0.1] * 4}
    scores["H3"] = [dice - 0.1] * 4
    result = {"rule": rule, "attack": "alie" if attack == ADAPTED else attack, "scores": scores}
    result |= {"strength": told["strength"], "hostile": HOSTILE if attack else []}
    return {"settings": told, "result": result | {"validation": dice, "backdoor": None} | more}


def rows() -> list[dict]:
    """Two seeds that are reported, and the two that choose, on which all is worse."""
    found = []
    for seed in (0, 1):
        found += [row("fedavg", "", 0.6, seed, backdoor=0.1)]
        found += [row("fedavg", "sign-flip", 0.3, seed), row(CHOSEN, "sign-flip", 0.54, seed)]
        found += [row("fedavg", ADAPTED, 0.48, seed), row(CHOSEN, ADAPTED, 0.36, seed)]
        found += [row("krum", "", 0.5, seed, backdoor=0.2)]
        found += [row("fedavg", "backdoor", 0.6, seed, backdoor=0.5 + 0.2 * seed)]
    for seed in TUNING:
        found += [row("krum", "sign-flip", 0.2, seed), row("krum", "ipm", 0.1, seed)]
        found += [row("median", "sign-flip", 0.25, seed), row(CHOSEN, "noise", 0.01, seed)]
    return found
