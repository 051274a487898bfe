"""A hostile hospital, as a Flower mod: the client's own code stays as it is.

The mod stands around everything that an honest hospital does with a training message. It lets that
be done, on spoilt data where the attack is one of data, and puts something else in the place of
what came out. Figures of training stay true: nobody learns from them who is hostile. A free rider
need not train; here it does, and throws away what came out, since the server cannot tell.

Colluders share what they know in one process, engine (a): whoever of them is asked first in a round
trains in the place of each, from the same model on their patients, and all use what came out. In
the other engines each does all that work by itself, and what colluders remember between rounds, as
with ``keep_optimiser``, is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flwr.app import ArrayRecord, Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.federated import attacks
from fedlab_utils.federated.attack_plan import COLLUDING, AttackPlan
from fedlab_utils.federated.client import make_client_app, partition_of
from fedlab_utils.federated.client_momentum import momentum_mod
from fedlab_utils.federated.records import averaged, to_arrays, to_record
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.spoilt_data import SPOILT, SpoiltTask
from fedlab_utils.federated.strategies import ARRAYS
from fedlab_utils.federated.task import Task
from fedlab_utils.federated.update_rows import flattened, unflattened

Arrays = dict[str, np.ndarray]


def hostile_mod(task_of: Callable[[Context], Task]) -> Mod:
    """Return the mod; it does nothing at hospitals that the run's plan does not name.

    Parameters
    ----------
    task_of
        Called with a message's context where an attack spoils data.
    """
    band = Colluders()

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        plan = AttackPlan.from_config(context.run_config)
        if partition_of(context) not in plan.numbers:
            return call_next(message, context)
        sent = _fractions(message.content[ARRAYS])
        if plan.attack in COLLUDING:
            replies = band.train(plan, message, context, call_next)
            content = replies[partition_of(context)]
            known = np.stack([_row(one, sent) for one in replies.values()])
            row = _from_benign(plan, known, int(context.node_config["num-partitions"]))
        else:
            content = _trained(plan, task_of, message, context, call_next)
            row = _alone(plan, _row(content, sent), message, context)
        return Message(_with(content, sent, row), reply_to=message)

    return mod


class Colluders:
    """Hostile hospitals that know each other's honest updates."""

    def __init__(self) -> None:
        self._contexts: dict[int, Context] = {}
        self._run: dict[str, object] = {}
        self._round, self._model, self._replies = 0, {}, {}

    def train(
        self, plan: AttackPlan, message: Message, context: Context, call_next: ClientAppCallable
    ) -> dict[int, RecordDict]:
        """Return what each of them would have answered had it been honest, by partition."""
        server_round = int(message.content["config"]["server-round"])
        if dict(context.run_config) != self._run or server_round < self._round:
            self._contexts, self._run, self._round = {}, dict(context.run_config), 0
        model, number = to_arrays(message.content[ARRAYS]), partition_of(context)
        if server_round != self._round or not _same(model, self._model):
            places = {n: self._contexts.get(n) or _in_place(context, n) for n in plan.numbers}
            self._replies = {n: call_next(message, at).content for n, at in places.items()}
            self._contexts, self._round, self._model = places, server_round, model
        context.state = self._contexts[number].state
        return self._replies


def _in_place(context: Context, number: int) -> Context:
    """Return a context in which a hospital works in another one's place, or in its own."""
    state = context.state if number == partition_of(context) else RecordDict()
    where = dict(context.node_config) | {"partition-id": number}
    return Context(context.run_id, context.node_id, where, state, context.run_config)


def _same(model: Arrays, other: Arrays) -> bool:
    return model.keys() == other.keys() and all(
        np.array_equal(value, other[name], equal_nan=value.dtype.kind == "f")
        for name, value in model.items()
    )


def _trained(
    plan: AttackPlan,
    task_of: Callable[[Context], Task],
    message: Message,
    context: Context,
    call_next: ClientAppCallable,
) -> RecordDict:
    """Let the hospital train as ever, or the course's own app on spoilt data in its place."""
    if plan.attack not in SPOILT:
        return call_next(message, context).content
    spoil = SPOILT[plan.attack]
    mods = [momentum_mod(task_of)]
    app = make_client_app(lambda c: SpoiltTask(task_of(c), spoil), mods, plain=True)
    return app(message, context).content


def _alone(plan: AttackPlan, row: np.ndarray, message: Message, context: Context) -> np.ndarray:
    if plan.attack == "noise":
        seed = FederationSettings.from_config(context.run_config).seed
        where = (seed, int(message.content["config"]["server-round"]), partition_of(context))
        return attacks.gaussian_noise(row, plan.force, np.random.default_rng(where))
    return {
        "sign-flip": lambda: attacks.sign_flip(row, plan.force),
        "scaled": lambda: attacks.scaled(row, plan.force),
        "label-flip": lambda: attacks.scaled(row, plan.force),
        "backdoor": lambda: attacks.scaled(row, plan.force),
        "free-rider": lambda: attacks.free_ride(row),
        "nan": lambda: attacks.not_a_number(row),
    }[plan.attack]()


def _from_benign(plan: AttackPlan, known: np.ndarray, hospitals: int) -> np.ndarray:
    if plan.attack == "alie":
        z = plan.strength or attacks.alie_z(hospitals, len(plan.numbers))
        return attacks.alie(known, z)
    return attacks.inner_product(known, plan.force)


def _fractions(record: ArrayRecord) -> Arrays:
    """Return a model's arrays without whole numbers, such as counts of batches."""
    return {name: a for name, a in to_arrays(record).items() if a.dtype.kind == "f"}


def _row(content: RecordDict, sent: Arrays) -> np.ndarray:
    """Return what an answer moved the model by, float64 ``(d,)``."""
    return flattened({ARRAYS: to_arrays(content[ARRAYS])}, sent)


def _with(content: RecordDict, sent: Arrays, row: np.ndarray) -> RecordDict:
    """Return an answer whose model was moved by something else."""
    moved, _ = unflattened(row, {name: value.shape for name, value in sent.items()}, {})
    model = to_record({name: np.asarray(value + moved[name]) for name, value in sent.items()})
    arrays = to_arrays(content[ARRAYS]) | averaged(sent, model)
    return RecordDict({**content, ARRAYS: to_record(arrays)})
