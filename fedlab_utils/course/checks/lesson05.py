"""Checks of lesson 05: the average of models, a client's train function, what to believe."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong, as_number, describe, judge, places_in
from fedlab_utils.course.checks.averages import judge_average, models
from fedlab_utils.course.checks.client_steps import (
    in_a_row,
    refuse_envelope,
    steps_from,
    wrong_ends,
)
from fedlab_utils.course.guard import Answer, explain, in_own_code

_NEAR = {"rtol": 1e-5, "atol": 1e-6}


def weighted_average(answer: Answer) -> str:
    """Two to four models with a matrix, a lone number and a count, named in different orders."""
    for number, patients in enumerate(([3, 9], [10, 2, 5], [1, 4, 20, 7])):
        states = models(len(patients), number)
        got = _averaged(answer, states, patients)
        if not isinstance(got, dict):
            raise Wrong(
                f"Return a dict, name to tensor, like each of `states`; not {describe(got)}."
            )
        if missing := sorted(set(states[0]) - set(got)):
            raise Wrong(f"`{missing[0]}` is missing in your average. Average every name.")
        if more := sorted(set(got) - set(states[0]), key=str):
            raise Wrong(f"{describe(more[0])} is no name of the models.")
        for name in states[0]:
            judge_average(got[name], [state[name] for state in states], states, name, patients)
    return "Flower's FedAvg does the same with `num-examples`, whatever a client says that is."


def _averaged(answer: Answer, states: list[dict], patients: list[int]) -> object:
    """What the student's function returns; torch's refusals of an integer in the lesson's words."""
    try:
        return answer(states, patients)
    except RuntimeError as error:
        if "Long" not in str(error) or not in_own_code(error, answer.given):
            raise
        raise Wrong(
            "`batches` counts something: an integer (torch calls it Long), which has no mean and "
            "takes no fractions. Average it as a float, then round and give it its type back. "
            f"{explain(error, answer.given, 0)}"
        ) from None


def client_train(answer: Answer) -> str:
    """Two hospitals in two rounds, next to the same steps done right."""
    for hospital, server_round, steps in ((1, 3, 4), (2, 1, 6)):
        _one_message(answer, hospital, server_round, steps)
    return "The server knows nothing else of this hospital: weights, one count, one loss."


def _one_message(answer: Answer, hospital: int, server_round: int, steps: int) -> None:
    from fedlab_utils.federated.settings import FederationSettings
    from fedlab_utils.federated.trial import MESSAGE_ID, TrialTask, is_message, send

    settings = FederationSettings(
        local_steps=steps, optimiser="sgd", learning_rate=0.3, weight_decay=0.0
    )
    task = TrialTask()
    server, left = task.weights(5), task.weights(6)  # what was sent; what the last user left
    task.network().load_state_dict(left)
    try:
        reply = send(answer.given, task, hospital, server_round, server, settings)
    except TypeError as error:
        refuse_envelope(error)
        raise
    if reply is None:
        raise Wrong("`my_client_train` returns `None`. Did you forget the `return`?")
    if not is_message(reply):
        raise Wrong(f"Return a `Message`, which the server can read; yours is {describe(reply)}.")
    if reply.metadata.reply_to_message_id != MESSAGE_ID:
        raise Wrong(
            "Your message is no answer to the one that came, so the server would wait for ever: "
            "`Message(content, reply_to=message)`."
        )
    with_zeros = {name: 0 * value for name, value in left.items()}
    task.network().load_state_dict(with_zeros)  # whoever comes next uses the network
    arrays, metrics = _records(reply)
    right, loss = steps_from(task, server, (hospital, server_round, steps), settings)
    case = f"hospital {hospital} in round {server_round}"
    named = wrong_ends(task, server, left, (hospital, server_round, steps), settings)
    named["The arrays change after you have sent them: copy the weights, as `to_record` does"] = (
        in_a_row(with_zeros)
    )
    told = f"the weights of {case}"
    judge(in_a_row(arrays, server), right, named, case=told, places=places_in(server), **_NEAR)
    _judge_count(metrics, task, hospital, steps)
    if "loss" not in metrics:
        raise Wrong("The metrics lack `loss`: the mean training loss, `update.loss`.")
    judge(as_number(metrics["loss"], "`loss`"), loss, {}, case=f"the loss of {case}", **_NEAR)


def _records(reply) -> tuple[dict, dict]:
    """The reply's arrays and metrics, or the student is told what is missing."""
    if reply.has_error():
        raise Wrong("Your message reports an error instead of content.")
    arrays, metrics = reply.content.array_records, reply.content.metric_records
    if "arrays" not in arrays:
        raise Wrong(
            'The server looks for the weights under `"arrays"`, in an ArrayRecord (`to_record` '
            f"makes one); your arrays are under {sorted(arrays)}."
        )
    if "metrics" not in metrics:
        raise Wrong(
            'The server looks for the numbers under `"metrics"`, in a MetricRecord; yours are '
            f"under {sorted(metrics)}. Without `num-examples` it has no weight for this hospital."
        )
    if len(arrays) > 1 or len(metrics) > 1:
        raise Wrong("Send one record of arrays and one of metrics: nothing else was asked for.")
    return arrays["arrays"], dict(metrics["metrics"])


def _judge_count(metrics: dict, task, hospital: int, steps: int) -> None:
    if "num-examples" not in metrics:
        raise Wrong("The metrics lack `num-examples`, the hospital's weight in the average.")
    got, due = metrics["num-examples"], task.patients(hospital)
    slips = {
        "slices that went through the network": steps * task.batch,
        "batches, or steps": steps,
        "the patients of all hospitals": sum(task.counts),
        "slices per batch": task.batch,
    }
    for what, slip in slips.items():
        if got == slip:
            raise Wrong(
                f"Your `num-examples` counts {what} ({got:g}). It is the hospital's weight in the "
                f"average: its patients, `task.patients(hospital)`, here {due}."
            )
    judge(as_number(got, "`num-examples`"), due, {}, case=f"`num-examples` of hospital {hospital}")


def sound_answer(answer: Answer) -> str:
    """A sound answer, in another order too, and answers with one fault each."""
    rng = np.random.default_rng(52)
    sent = {"a": rng.normal(size=(2, 3)), "b": rng.normal(size=4), "c": np.array(1.5)}
    good = {name: np.asarray(value + 1) for name, value in reversed(sent.items())}
    _one_verdict(answer, (good, 7), sent, None)
    _one_verdict(answer, (dict(sent), 7), sent, None)
    for fault, (arrays, patients) in _faulty(good).items():
        _one_verdict(answer, (arrays, patients), sent, fault)
    return "It keeps accidents out. Weights that are wrong and look right pass: that is an attack."


def _faulty(good: dict[str, np.ndarray]) -> dict[str, tuple[dict, int]]:
    def with_value(name: str, value: float) -> dict:
        spoilt = good[name].copy()
        spoilt[(0,) * spoilt.ndim] = value
        return good | {name: spoilt}

    faults = {
        "one weight is NaN": with_value("a", np.nan),
        "one weight is infinite": with_value("b", np.inf),
        "one weight is minus infinite": with_value("b", -np.inf),
        "the lone number is NaN": with_value("c", np.nan),
        "an array has another shape, with as many values": good | {"a": good["a"].T},
        "an array has another shape, one value too many": good | {"b": np.ones(5)},
        "a name is missing": {name: good[name] for name in ("a", "c")},
        "there is a name that was not sent": good | {"d": np.ones(2)},
        "one name is another name": {{"b": "d"}.get(n, n): value for n, value in good.items()},
        "nothing was sent back": {},
    }
    found = {fault: (arrays, 7) for fault, arrays in faults.items()}
    found["it says that it has more patients than it enrolled"] = (good, 70)
    found["it says that it has fewer patients than it enrolled"] = (good, 6)
    return found


def _one_verdict(answer: Answer, given: tuple, sent: dict, fault: str | None) -> None:
    arrays, patients = given
    try:
        got = answer(arrays, patients, sent, 7)
    except Exception as error:
        if fault is None or not in_own_code(error, answer.given):
            raise
        raise Wrong(
            f"Your function stops at an answer in which {fault}; it should return False. "
            f"{explain(error, answer.given, 0)}"
        ) from None
    if not isinstance(got, bool | np.bool_):
        raise Wrong(f"Return True or False, not {describe(got)}.")
    if fault is None and not got:
        raise Wrong(
            "You refuse a sound answer: the same names (the order does not matter), the same "
            "shapes, finite, as many patients as enrolled. The weights themselves may differ."
        )
    if fault is not None and got:
        raise Wrong(f"You accept an answer in which {fault}.")
