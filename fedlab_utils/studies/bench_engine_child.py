"""One engine of :mod:`fedlab_utils.studies.bench_engine`, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from fedlab_utils.federated.flower_end import HOME, processes_of
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


class SampledPeak:
    """The most memory that a run of Flower's processes took at one moment. A context manager.

    Twice a second the resident memory of this process, of Flower's processes that it started, and
    of all that those started is summed. A run's processes are found as
    :func:`fedlab_utils.federated.flower_end.processes_of` does, so that Ray's workers count,
    for whom this process never waits. Memory that processes share, as Ray's object store and
    libraries, counts once for each of them; what lasts less than half a second may be missed.

    Attributes
    ----------
    megabytes
        The largest sum so far.
    own
        The same without what is shared or the pages of a file; NaN where the system does not say.
    """

    def __init__(self) -> None:
        self.megabytes = self.own = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        import psutil

        this = psutil.Process()
        while True:
            processes, homes = {this}, set()
            for child in this.children():
                with contextlib.suppress(psutil.Error, OSError):
                    homes.add(child.environ().get(HOME))
            for home in homes - {None}:
                processes |= set(processes_of(Path(home)))
            total = own = 0
            for process in processes:
                with contextlib.suppress(psutil.Error):  # one that has just ended
                    memory = process.memory_info()
                    total += memory.rss
                    own += memory.rss - getattr(memory, "shared", float("nan"))
            self.megabytes = max(self.megabytes, total / MEGABYTE)
            self.own = max(own / MEGABYTE, self.own)  # of NaN and a number, max takes the first
            if self._over.wait(0.5):
                return


def main(told: str) -> dict[str, object]:
    """Run what the parent asks for; return when each round ended, and how much memory it took.

    In engine (b) that is :class:`SampledPeak`; otherwise hospitals train in this process, whose
    peak the system knows.
    """
    job = json.loads(told)
    federation = UNetFederation(data=job["data"], hospitals=job["hospitals"], threads=1)
    settings = FederationSettings(rounds=job["rounds"], local_steps=job["local_steps"])
    ends: list[float] = []

    def over(_: int) -> None:
        ends.append(time.time())

    if job["engine"] == PLAIN:
        with SampledPeak() as peak:
            plain_loop(federation, settings, over)
        return {"ends": ends, "peak_mb": _peak(), "own_mb": peak.own}

    from fedlab_utils.federated.run import simulate

    place = Path(job["out"]) / "run"
    engine = "inprocess" if job["engine"] == INPROCESS else "ray"
    with SampledPeak() as peak:
        simulate(place, federation, settings, engine, on_round=over)
    megabytes = _peak() if engine == "inprocess" else peak.megabytes
    return {"ends": ends, "peak_mb": megabytes, "own_mb": peak.own}


def _peak() -> float:
    """Return what this process or the largest that it waited for took at most; NaN on Windows."""
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
