"""Client momentum: hospitals send what they did over several rounds, which differs less.

A robust rule takes an honest hospital for a hostile one when chance leads it far away. With ``u``
the update that training made, a hospital sends ``m <- (1 - beta) u + beta m`` in its place, ``m``
being ``u`` itself in its first round. Karimireddy et al. 2021, Learning from history for Byzantine
robust optimization, ICML, arXiv:2012.10333, algorithm 2, and 2022, arXiv:2006.09365, for hospitals
whose patients differ.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flwr.app import Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.federated.client import OUT, hospital_folder, partition_of
from fedlab_utils.federated.corrections import trained
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.strategies import ARRAYS
from fedlab_utils.federated.task import Task

MOMENTUM = "client-momentum"
"""Record of a hospital's state: what it sent last, less the model that it came from."""


def momentum_mod(task_of: Callable[[Context], Task]) -> Mod:
    """Return the mod; it does nothing in a run whose plan has no client momentum.

    Only trained parameters have momentum: a buffer, such as a running variance, must not be led
    beyond what was seen.

    Parameters
    ----------
    task_of
        Called with a message's context where there is momentum; tells parameters from buffers.
    """

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        beta = RobustPlan.from_config(context.run_config).client_momentum
        reply = call_next(message, context)
        if not beta or reply.has_error():
            return reply
        sent, found = to_arrays(message.content[ARRAYS]), to_arrays(reply.content[ARRAYS])
        names = [name for name in trained(task_of(context).network()) if name in sent]
        moved = {name: found[name] - sent[name] for name in names}
        if not all(np.isfinite(update).all() for update in moved.values()):
            return reply  # the server leaves it out, and no later round is to repeat it
        if MOMENTUM in context.state:
            last = to_arrays(context.state[MOMENTUM])
            mixed = {n: (1 - beta) * update + beta * last[n] for n, update in moved.items()}
            moved = {n: np.asarray(value, moved[n].dtype) for n, value in mixed.items()}
        context.state[MOMENTUM] = to_record(moved)
        folder = hospital_folder(context.run_config.get(OUT), partition_of(context))
        HospitalState(context, folder).keep(int(message.content["config"]["server-round"]))
        arrays = to_record(found | {name: sent[name] + moved[name] for name in names})
        return Message(RecordDict({**reply.content, ARRAYS: arrays}), reply_to=message)

    return mod
