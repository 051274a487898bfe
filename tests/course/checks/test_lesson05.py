"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from fedlab_utils.federated import FederationSettings
from fedlab_utils.federated.records import to_record, to_tensors
from fedlab_utils.segmentation import local_update, make_optimiser
from tests.course.checks.right import assert_accepted, message_to


def average_by_stacking(states, patients):
    weights = torch.tensor(patients, dtype=torch.float64)
    weights /= weights.sum()
    found = {}
    for name, first in sorted(states[-1].items()):
        stacked = torch.stack([s[name].double() for s in states])
        mean = torch.tensordot(weights, stacked, dims=1)
        found[name] = (mean if first.is_floating_point() else mean.round()).to(first.dtype)
    return found


def train_like_the_quickstart(message, context, task):
    """With Flower's own conversions and a loop of its own, no function of the package."""
    settings = FederationSettings.from_config(context.run_config)
    number = context.node_config["partition-id"]
    network = task.network()
    network.load_state_dict(message.content["arrays"].to_torch_state_dict())
    optimiser = torch.optim.SGD(network.parameters(), settings.learning_rate)
    losses = []
    server_round = message.content["config"]["server-round"]
    for batch in task.batches(number, server_round, settings.local_steps):
        optimiser.zero_grad()
        loss = task.loss(network(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    metrics = {"loss": sum(losses) / len(losses), "num-examples": task.patients(number), "more": 1}
    content = {"arrays": ArrayRecord(network.state_dict()), "metrics": MetricRecord(metrics)}
    return Message(RecordDict(content), reply_to=message)


def changed(change):
    """A right client whose answer is spoilt."""

    def client(message, context, task):
        reply = train_like_the_quickstart(message, context, task)
        change(reply.content, task)
        return reply

    return client


def test_other_ways_to_be_right() -> None:
    assert_accepted("weighted_average", average_by_stacking)
    assert_accepted("client_train", train_like_the_quickstart)
    assert_accepted("sound_answer", sound_by_exceptions)


def sound_by_exceptions(arrays, patients, sent, enrolled):
    try:
        sums = [(arrays[n] - due).sum() for n, due in sent.items()]
        shapes = [arrays[n].shape == due.shape for n, due in sent.items()]
    except (KeyError, ValueError):
        return False
    return (
        np.isfinite(sums).all()
        and all(shapes)
        and patients == enrolled
        and len(arrays) == len(sent)
    )


def test_names_are_compared_not_counted() -> None:
    def by_count(arrays, patients, sent, enrolled):
        if len(arrays) != len(sent) or patients != enrolled:
            return False
        return all(
            arrays.get(n, due).shape == due.shape and bool(np.isfinite(arrays.get(n, due)).all())
            for n, due in sent.items()
        )

    def without_names(arrays, patients, sent, enrolled):
        return patients == enrolled and all(
            arrays[n].shape == due.shape and bool(np.isfinite(arrays[n]).all())
            for n, due in sent.items()
        )

    assert "one name is another name" in message_to("sound_answer", by_count)
    message = message_to("sound_answer", without_names)
    assert "stops at an answer in which a name is missing" in message
    assert "KeyError: 'b'" in message


def test_types_of_an_average_are_named() -> None:
    as_float64 = lambda s, p: {n: v.double() for n, v in average_by_stacking(s, p).items()}  # noqa: E731
    as_numpy = lambda s, p: {n: v.numpy() for n, v in average_by_stacking(s, p).items()}  # noqa: E731
    assert "float64" in message_to("weighted_average", as_float64)
    assert "tensor again" in message_to("weighted_average", as_numpy)
    assert "Return a dict" in message_to("weighted_average", lambda s, _: list(s[0].values()))
    assert "not `3` (int)." in message_to("weighted_average", lambda *_: 3)
    lacking = lambda s, p: dict(list(average_by_stacking(s, p).items())[1:])  # noqa: E731
    assert "is missing" in message_to("weighted_average", lacking)


def test_an_integer_that_torch_does_not_average_is_told() -> None:
    def of_stacked(states, patients):  # noqa: ARG001
        return {n: torch.stack([s[n] for s in states]).mean(0) for n in states[0]}

    def in_place(states, patients):
        total = {n: torch.zeros_like(value) for n, value in states[0].items()}
        for state, count in zip(states, patients, strict=True):
            for name in total:
                total[name] += state[name] * count / sum(patients)
        return total

    for slip in (of_stacked, in_place):
        told = message_to("weighted_average", slip)
        assert "`batches` counts something" in told
        assert f"In `{slip.__name__}`" in told or "In `<dictcomp>`" in told
    other = lambda *_: torch.ones(2) @ torch.ones(3)  # noqa: E731
    assert "counts something" not in message_to("weighted_average", other)


def test_slips_of_an_average_get_their_name() -> None:
    def inverse(states, patients):
        total = sum(1 / p for p in patients)
        return average_by_stacking(states, [1 / p / total for p in patients])

    def weighted(of):
        def average(states, patients):
            weights = [of(count, sum(patients)) for count in patients]
            pairs = list(zip(states, weights, strict=True))
            return {name: sum(s[name] * w for s, w in pairs) for name in states[0]}

        return average

    assert "Small hospitals count more" in message_to("weighted_average", inverse)
    for of, told in (
        (lambda count, total: count // total, "Every weight is 0"),
        (lambda count, total: total / count, "upside down"),
        (lambda count, _: count / count, "Each weight is 1"),
        (lambda _, total: 1 / total, "Your weights are 0.0833, 0.0833, which come to 0.167;"),
        (lambda count, total: count / (total - count), "0.333, 3, which come to 3.33; 0.25, 0.75"),
    ):
        assert told in message_to("weighted_average", weighted(of))
    assert "the first" in message_to("weighted_average", lambda s, _: dict(s[0]))
    assert "the last" in message_to("weighted_average", lambda s, _: dict(s[-1]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c, _: c["metrics"].pop("num-examples"), "lack `num-examples`"),
        (lambda c, _: c["metrics"].pop("loss"), "lack `loss`"),
        (lambda c, t: c["metrics"].update({"num-examples": sum(t.counts)}), "of all hospitals"),
        (lambda c, _: c["metrics"].update({"loss": 0.0}), "the loss of hospital"),
        (lambda c, _: c.pop("metrics"), "looks for the numbers under"),
        (lambda c, _: c.update({"weights": c.pop("arrays")}), "looks for the weights under"),
        (lambda c, _: c["arrays"].pop("bias"), "are named"),
        (lambda c, _: c.update({"too": c["arrays"]}), "nothing else was asked for"),
    ],
)
def test_a_reply_that_lacks_something_is_told_what(change, told: str) -> None:
    assert told in message_to("client_train", changed(change))


def test_clients_that_train_on_the_wrong_thing_are_told() -> None:
    def with_start(start, which=lambda h, r, k: (h, r, k)):
        def client(message, context, task):
            class Other:
                counts, loss = task.counts, task.loss
                network, patients = task.network, task.patients

                @staticmethod
                def batches(*what):
                    return task.batches(*which(*what))

            found = start(message, task)
            message.content["arrays"] = to_record(found)
            return train_like_the_quickstart(message, context, Other)

        return client

    came = lambda m, t: to_tensors(m.content["arrays"])  # noqa: E731, ARG005
    for client, told in (
        (with_start(lambda _, t: t.initial()), "the first weights of all"),
        (with_start(came, lambda _, r, k: (0, r, k)), "another hospital's patients"),
        (with_start(came, lambda h, r, _: (h, r, 1)), "You take one step"),
        (with_start(came, lambda h, r, _: (h, r, 6)), "You take six steps"),
        (with_start(came, lambda h, r, _: (h, r, 10)), "You take ten steps"),
    ):
        assert told in message_to("client_train", client)
    assert "Return a `Message`" in message_to("client_train", lambda *_: {"arrays": 1})
    assert "Did you forget the `return`" in message_to("client_train", lambda *_: None)


def by_the_lesson(message, context, task, *, batches_of=None, optimiser_of=None, **loss):
    """The lesson's answer, up to the reply; without ``loss``, that of `local_update` counts."""
    settings = FederationSettings.from_config(context.run_config)
    what = (int(context.node_config["partition-id"]), message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    make = optimiser_of or (lambda n, s: make_optimiser(n, s.local_optimiser()))
    steps = settings.local_steps
    drawn = task.batches(*(batches_of(*what) if batches_of else what), steps)
    update = local_update(network, drawn, make(network, settings), **loss)
    metrics = MetricRecord({"num-examples": task.patients(what[0]), "loss": update.loss})
    return network, metrics


def told_by_the_lesson(**changed) -> str:
    def client(message, context, task):
        loss = {} if changed.pop("forgotten", False) else {"loss": task.loss}
        network, metrics = by_the_lesson(message, context, task, **loss, **changed)
        content = {"arrays": to_record(network.state_dict()), "metrics": metrics}
        return Message(RecordDict(content), reply_to=message)

    return message_to("client_train", client)


def test_other_rounds_losses_and_optimisers_get_their_name() -> None:
    assert "batches of round 1 in round 3" in told_by_the_lesson(batches_of=lambda h, _: (h, 1))
    assert "batches of round 2 in round 3" in told_by_the_lesson(batches_of=lambda h, r: (h, r - 1))
    assert "`loss=task.loss`" in told_by_the_lesson(forgotten=True)
    optim = torch.optim
    for make, told in (
        (lambda n, _: make_optimiser(n), "comes without settings"),
        (lambda n, s: optim.AdamW(n.parameters(), s.learning_rate), "weight decay included"),
        (lambda n, s: optim.Adam(n.parameters(), s.learning_rate), "optimiser (Adam, or AdamW"),
        (lambda n, s: optim.SGD(n.parameters(), s.learning_rate, momentum=0.9), "momentum"),
    ):
        assert told in told_by_the_lesson(optimiser_of=make)


def test_what_flower_does_not_take_is_told_in_the_lessons_words() -> None:
    def no_address(message, context, task):
        network, metrics = by_the_lesson(message, context, task, loss=task.loss)
        content = {"arrays": to_record(network.state_dict()), "metrics": metrics}
        return Message(RecordDict(content))

    def no_record(message, context, task):
        network, metrics = by_the_lesson(message, context, task, loss=task.loss)
        content = {"arrays": network.state_dict(), "metrics": metrics}
        return Message(RecordDict(content), reply_to=message)

    assert message_to("client_train", no_address).endswith("`Message(content, reply_to=message)`.")
    assert "`to_record(network.state_dict())`" in message_to("client_train", no_record)


def test_faults_that_an_answer_lets_by_are_named() -> None:
    for verdict, told in ((True, "You accept"), (False, "You refuse"), (1, "True or False")):
        assert told in message_to("sound_answer", lambda *_, verdict=verdict: verdict)
