"""One engine of :mod:`fedlab_utils.studies.bench_engine`, in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.unet_settings import UNetFederation, open_task
from fedlab_utils.studies.bench_engine import INPROCESS, PLAIN

MEGABYTE = 1e6


def plain_loop(
    federation: UNetFederation, settings: FederationSettings, on_round: Callable[[int], None]
) -> None:
    """Federated averaging as one writes it without Flower, with AdamW, in 40 lines at most."""
    import torch

    from fedlab_utils.segmentation.loss import dice_ce_loss

    torch.set_num_threads(federation.threads)
    task = open_task(federation)
    network, world = task.network(), task.initial()
    counts = [task.patients(hospital) for hospital in range(len(task.hospitals))]
    for server_round in range(1, settings.rounds + 1):
        average: dict[str, torch.Tensor] = {}
        for hospital, count in enumerate(counts):
            network.load_state_dict(world)
            network.train()
            optimiser = torch.optim.AdamW(
                network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
            )
            for batch in task.batches(hospital, server_round, settings.local_steps):
                optimiser.zero_grad(set_to_none=True)
                logits = network(batch["image"])
                dice_ce_loss(logits, batch["target"], batch["patient"]).mean().backward()
                optimiser.step()
            for name, value in network.state_dict().items():
                part = value * (count / sum(counts))
                average[name] = average[name] + part if name in average else part
        world = average
        network.load_state_dict(world)
        for hospital in range(len(counts)):
            task.evaluate(network, hospital, "validation")
        on_round(server_round)


def main(told: str) -> dict[str, object]:
    """Run what the parent asks for; return when each round ended, and the largest process."""
    job = json.loads(told)
    federation = UNetFederation(data=job["data"], hospitals=job["hospitals"], threads=1)
    settings = FederationSettings(rounds=job["rounds"], local_steps=job["local_steps"])
    ends: list[float] = []

    def over(_: int) -> None:
        ends.append(time.time())

    if job["engine"] == PLAIN:
        plain_loop(federation, settings, over)
    else:
        from fedlab_utils.federated.run import simulate

        engine = "inprocess" if job["engine"] == INPROCESS else "ray"
        simulate(Path(job["out"]) / "run", federation, settings, engine, on_round=over)
    return {"ends": ends, "peak_mb": _peak()}


def _peak() -> float:
    """Return what this process or the largest of its children took at most; NaN on Windows."""
    try:
        import resource
    except ImportError:
        return float("nan")
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, children = (resource.getrusage(process).ru_maxrss for process in who)
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kilobytes
    return max(own, children) * unit / MEGABYTE


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
