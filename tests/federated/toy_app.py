"""A federation whose result is known: each hospital adds numbers that its key makes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from fedlab_utils.errors import TrainingError

SHAPES = {"weight": (4, 3), "bias": (3,)}


def start() -> dict[str, np.ndarray]:
    return {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}


def step(seed: int, round_: int, partition: int) -> dict[str, np.ndarray]:
    """What a hospital adds to the model in a round."""
    generator = np.random.default_rng([seed, round_, partition])
    return {name: generator.normal(size=s).astype(np.float32) for name, s in SHAPES.items()}


def patients(partition: int) -> int:
    return 10 + 7 * partition


def expected(
    seed: int, rounds: int, hospitals: int, absent: set[tuple[int, int]] = frozenset()
) -> dict[str, np.ndarray]:
    """FedAvg without Flower; ``absent``: (round, partition) of those that fail."""
    model = {name: array.astype(np.float64) for name, array in start().items()}
    for round_ in range(1, rounds + 1):
        present = [p for p in range(hospitals) if (round_, p) not in absent]
        total = sum(map(patients, present))
        for name in model:
            steps = [step(seed, round_, p)[name] * patients(p) / total for p in present]
            model[name] = model[name] + sum(steps)
    return model


client_app = ClientApp()


@client_app.train()
def train(message: Message, context: Context) -> Message:
    config, here = context.run_config, int(context.node_config["partition-id"])
    round_ = int(message.content["config"]["server-round"])
    print(f"hospital {here} trains in round {round_}, process {os.getpid()}", flush=True)
    time.sleep(float(config.get("sleeps", 0.0)))
    if f"{round_} {here}" == config.get("raises"):
        raise ArithmeticError(f"hospital {here} cannot count")
    rounds_before = context.state.get("seen", ConfigRecord({"rounds": 0}))["rounds"]
    context.state["seen"] = ConfigRecord({"rounds": rounds_before + 1})
    model = {name: array.numpy() for name, array in message.content["arrays"].items()}
    added = step(int(config["seed"]), round_, here)
    arrays = ArrayRecord({name: Array(model[name] + added[name]) for name in model})
    told = {
        "partition-id": here,
        "num-partitions": int(context.node_config["num-partitions"]),
        "rounds-before": rounds_before,
        "threads": os.environ["OMP_NUM_THREADS"],
        "process": os.getpid(),
    }
    metrics = MetricRecord({"num-examples": patients(here)})
    content = RecordDict({"arrays": arrays, "metrics": metrics, "told": ConfigRecord(told)})
    return Message(content, reply_to=message)


class Listening(FedAvg):
    """FedAvg that keeps what the hospitals say of themselves, and how many failed."""

    told: list[dict]
    errors: list[str]

    def aggregate_train(self, server_round: int, replies: list[Message]) -> tuple:
        replies = list(replies)
        good = [reply for reply in replies if not reply.has_error()]
        self.errors += [reply.error.reason for reply in replies if reply.has_error()]
        for reply in good:
            self.told.append({"round": server_round, **reply.content.pop("told")})
        return super().aggregate_train(server_round, good)


server_app = ServerApp()


@server_app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    if config.get("server-raises"):
        raise ValueError(str(config["server-raises"]))
    if config.get("server-gives-up"):
        raise TrainingError("round 1", "no hospital answered", str(config["server-gives-up"]))
    strategy = Listening(fraction_evaluate=0.0, min_train_nodes=1, min_available_nodes=1)
    strategy.told, strategy.errors = [], []
    result = strategy.start(
        grid,
        ArrayRecord({name: Array(values) for name, values in start().items()}),
        num_rounds=int(config["rounds"]),
    )
    out = Path(str(config["out"]))
    out.mkdir(parents=True, exist_ok=True)
    told = {
        "told": strategy.told,
        "errors": strategy.errors,
        "config": dict(config),
        "home": os.environ["FLWR_HOME"],
        "process": os.getpid(),
    }
    (out / "told.json").write_text(json.dumps(told), "utf-8")
    np.savez(out / "model.npz", **{n: a.numpy() for n, a in result.arrays.items()})
