# ---
# title: FedAvg with Flower
# data: phantom or a BraTS folder
# minutes: 75
# ---

# %% [markdown]
# # Can hospitals train one model without sharing patients, and does it help?
#
# In lesson 04 every hospital trained alone and knew only what it saw. Now they train together. No scan moves; the network does. You write the two pieces of it yourself, the server's average and the hospital's training,
# run them in **Flower**, a framework for federated learning, and then ask what was gained.
#
# When you are done you can
#
# - say what happens in a round of federated averaging, and what leaves a hospital,
# - write the weighted average of models, and a client's train function on Flower's messages,
# - compare local, federated and pooled training fairly, and say what one run cannot tell,
# - write the check that keeps a hospital's nonsense out of the model,
# - run the same app in this notebook and under `flwr run`.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fedlab_utils.course import (
    check,
    hint,
    progress_board,
    quiz,
    show_source,
    solution,
)
from fedlab_utils.course.patients import several_patients

from fedlab_utils.data import PreprocessSettings, hospital_patients, make_hospitals
from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated import FederationSettings, UNetTask, federate
from fedlab_utils.segmentation import UNetSettings, local_update, make_optimiser


# %% [markdown]
# ## The hospitals
#
# At most 48 scans, at 4 mm: coarse, so that all trainings below take less than a minute. Where the data set names institutions, the hospitals are those, small ones joined; else the patients are sorted by tumour volume. Where the data set has only numbers for its sites, a hospital is called by that: the "04" of the figures is site 04, and has nothing to do with lesson 04. Each hospital keeps some patients to validate and some to test on.

# %% tags=["check-output"]
coarse = PreprocessSettings(spacing=4.0)
some = several_patients(48, coarse)
table = some.with_volumes()
named = table["institution"].notna().all() and table["institution"].nunique() >= 3
how = {"kind": "institution", "merge_small": True} if named else {"kind": "volume", "skew": 0.7}
dealt = make_hospitals(some, 3, seed=0, fractions=(0.5, 0.15, 0.35), table=table, **how)
members = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]
tier = Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48))
network_settings = UNetSettings(width=8)
task = UNetTask(members, network_settings, tier, augment=False, seed=0)


def called(name):
    """Return a hospital's name as printed: a site that is only a number gets the word before it."""
    return f"site {name}" if name.replace("+", "").isdigit() else name


for number, member in enumerate(members):
    split = member.hospital.split
    print(
        f"{called(member.name)}: {task.patients(number)} patients to train on, "
        f"to validate: {len(split.validation)}, to test: {len(split.test)}"
    )

# %% [markdown]
# ## A round by hand
#
# *For physicians.* Think of a guideline that travels. The coordinating centre sends the same draft to all hospitals. Each revises it a little in the light of its own patients, whom nobody else sees, and sends the revised draft back. The centre merges the drafts; a hospital with more
# patients has more say. The merged draft goes out again, and so on for many rounds. The draft is the network: here its *weights*, nearly three hundred thousand numbers.
#
# *For computer scientists.* **Federated averaging**, FedAvg (McMahan et al., 2017). In each round the server sends weights $w$. Hospital $i$ takes $K$ optimiser steps from $w$ on its own batches and arrives at $w_i$. The server sets
#
# $$w \leftarrow \sum_i \frac{n_i}{n}\, w_i, \qquad n = \sum_i n_i$$
#
# with $n_i$ the number of its **patients**: not slices, nor batches. With slices, a hospital would get more say by scanning thinner; the patient is the unit here as in every other lesson.
#
# With $K = 1$ and plain SGD on all of a hospital's patients at once, this is a step of ordinary training on everybody, if the loss is a mean over patients. With larger $K$ it is not: fewer messages, and hospitals that walk apart in between. Lesson 06 is about that.
#
# Many papers count *epochs*, passes over a hospital's own patients. A large hospital then takes more steps than a small one and walks further, and the plain average then heads for the minimum of another weighted sum of the hospitals' losses $f_i$ than $\sum_i \frac{n_i}{n} f_i$: large hospitals count for more than their patients (Wang et al., 2020, who put it right in FedNova). Here every hospital takes the same $K$ steps.
#
# What leaves a hospital: its name, weights, the number of its training patients, how many steps it took and slices it saw, its training loss, its scores on its own validation patients and, in this course, a Dice of each of its test patients, which the intervals need. A real federation would send sums: a number per patient is data about a patient. When a hospital fails, the text of the error leaves it too, and must not name a patient. What does not leave: images, segmentations, names. But weights were *made from* patients, and how much of a patient can be read out of them is a later lesson's subject.
#
# Below, the round's first half: the model goes out, and each hospital takes its steps.

# %%
ROUNDS, STEPS = 6, 6
settings = FederationSettings(rounds=ROUNDS, local_steps=STEPS, learning_rate=1e-2, seed=0)

network, ends = task.network(), []
for number, name in enumerate(task.hospitals):
    network.load_state_dict(task.initial())
    optimiser = make_optimiser(network, settings.local_optimiser())
    update = local_update(network, task.batches(number, 1, STEPS), optimiser, loss=task.loss)
    ends.append({name: value.clone() for name, value in network.state_dict().items()})
    print(f"{called(name)}: {update.steps} steps, mean loss {update.loss:.3f}")

# %% [markdown]
# `ends` holds the hospitals' models. Make one of them.


# %% exercise="weighted_average"
def my_weighted_average(states, patients):
    """Return the average of hospitals' models, each weighted by its share of all patients.

    states: list of dicts, one per hospital, name -> tensor. All have the same names, perhaps in another order.
    patients: list of ints, how many patients each hospital trained on.
    Return a new dict, name -> tensor of the same type; leave the hospitals' own as they are.
    Integer tensors count something (batch normalisation counts batches): round their average to the nearest integer.
    """
    # BEGIN SOLUTION: for each name, the sum of every hospital's tensor times its share; round integers
    total = sum(patients)
    average = {}
    for name, first in states[0].items():
        mean = sum(s[name] * (count / total) for s, count in zip(states, patients, strict=True))
        average[name] = mean if first.is_floating_point() else mean.round().to(first.dtype)
    return average
    # END SOLUTION


# %% [markdown] hint="weighted_average"
# A hospital's share is `count / sum(patients)`; the shares come to 1. Go through the names of `states[0]`, and look each name up in every hospital's dict.

# %% [markdown] hint="weighted_average"
# `sum(s[name] * (count / total) for s, count in zip(states, patients))` makes a new tensor. For integers `.round().to(first.dtype)` brings it back; `first.is_floating_point()` tells which is which.


# %% [markdown] equivalent="weighted_average"
# - `for name, first in states[0].items():` -> `for name, first in states[1].items():`: all hospitals have the same names, shapes and types; any of them may say which.
# - `for name, first in states[0].items():` -> `for name, first in states[-1].items():`: likewise.


# %% wrong="weighted_average" diagnosis="plain mean"
def my_weighted_average(states, patients):
    average = {}
    for name, first in states[0].items():
        mean = sum(s[name] / len(states) for s in states)
        average[name] = mean if first.is_floating_point() else mean.round().to(first.dtype)
    return average


# %% wrong="weighted_average" diagnosis="not divided by their sum"
def my_weighted_average(states, patients):
    return {name: sum(s[name] * count for s, count in zip(states, patients)) for name in states[0]}


# %% wrong="weighted_average" diagnosis="number of hospitals"
def my_weighted_average(states, patients):
    return {
        name: sum(s[name] * count for s, count in zip(states, patients)) / len(states)
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="`//` cuts the decimals off"
def my_weighted_average(states, patients):
    total = sum(patients)
    return {
        name: sum(s[name] * (count // total) for s, count in zip(states, patients))
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="share is upside down"
def my_weighted_average(states, patients):
    total = sum(patients)
    return {
        name: sum(s[name] * (total / count) for s, count in zip(states, patients))
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="Your weights are 1, 3, which come to 4"
def my_weighted_average(states, patients):
    smallest = min(patients)
    return {
        name: sum(s[name] * (count / smallest) for s, count in zip(states, patients))
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="go by name"
def my_weighted_average(states, patients):
    total = sum(patients)
    rows = zip(*(s.values() for s in states))
    average = {}
    for (name, first), row in zip(states[0].items(), rows):
        if any(value.shape != first.shape for value in row):
            row = [s[name] for s in states]
        mean = sum(value * (count / total) for value, count in zip(row, patients))
        average[name] = mean if first.is_floating_point() else mean.round().to(first.dtype)
    return average


# %% wrong="weighted_average" diagnosis="comes back as torch.float32"
def my_weighted_average(states, patients):
    total = sum(patients)
    return {
        name: sum(s[name] * (count / total) for s, count in zip(states, patients))
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="cut the decimals off"
def my_weighted_average(states, patients):
    total = sum(patients)
    return {
        name: sum(s[name] * (n / total) for s, n in zip(states, patients)).to(states[0][name].dtype)
        for name in states[0]
    }


# %% wrong="weighted_average" diagnosis="`my_weighted_average` changes `states`"
def my_weighted_average(states, patients):
    total = sum(patients)
    average = states[0]
    for name, first in average.items():
        mean = sum(s[name] * (count / total) for s, count in zip(states, patients))
        average[name] = mean if first.is_floating_point() else mean.round().to(first.dtype)
    return average


# %% [markdown]
# Your average of these models should be what the framework arrives at after a round. The next cell runs one round through Flower and compares.

# %%
one_round = federate(task, replace(settings, rounds=1))
if check.weighted_average(my_weighted_average, record=False).status == "passed":
    counts = [task.patients(number) for number in range(len(ends))]
    mine = my_weighted_average(ends, counts)
    apart = max((mine[n] - one_round.last[n]).abs().max().item() for n in mine)
    print(f"Largest difference between your average and Flower's: {apart:.1e}")
else:
    print("Write my_weighted_average first; this cell then compares it with Flower's.")

# %% tags=["author-only"]
assert apart < 1e-6

# %% [markdown] quiz="who-counts"
# Hospital A trains on 20 patients with 60 slices each, B on 60 patients with 20 slices each. How much does B's model count in the average?
#
# - [ ] One half: both have 1200 slices
#   > Slices of one patient are much alike. Weighted so, a patient of A would count three times as much as one of B.
# - [x] Three quarters
#   > Right: 60 of 80 patients.
# - [ ] One half: they are two hospitals
#   > That is a choice too (each *hospital* counts alike), but then a patient of A counts three times as much as one of B.

# %% [markdown]
# ## Flower's words
#
# A loop over a list of hospitals is not yet a federation: the hospitals are elsewhere, behind firewalls. Flower splits each side in two (Beutel et al., 2020).
#
# | word | what it is | in a clinic's terms |
# |---|---|---|
# | **SuperLink** | long-lived process of the server; passes messages on | the post office |
# | **SuperNode** | long-lived process in a hospital; connects *out* to the SuperLink | the hospital's letter box; nobody outside needs to get in |
# | **ServerApp** | short-lived: the rounds, whom to ask, how to average | the study's coordinator |
# | **ClientApp** | short-lived: what a hospital does with a message (`train`, `evaluate`, `query`) | the local investigator |
# | **strategy** | the part of the ServerApp that chooses hospitals and averages: FedAvg, ... | the protocol |
# | **Message** | one letter: content and metadata | a letter |
# | **RecordDict** | a message's content: named records of arrays (`ArrayRecord`), numbers (`MetricRecord`) and settings (`ConfigRecord`) | the enclosures |
# | **Context** | what a node knows by itself: `node_config` (which hospital am I?), `run_config` (the run's settings), `state` (its memory from round to round) | the local file |
# | **Grid** | how the ServerApp writes to the nodes | |
#
# The apps do not know who carries the letters. Here it is an *in-process grid*: it hands each message to the ClientApp directly, one hospital after another. That is as real as it needs to be to learn from, and it protects nobody: all patients sit in this notebook. In real life each hospital runs a SuperNode on its own machine.
#
# ## The hospital's part
#
# Now the ClientApp's main function. A message comes in; weights, a count and a loss go back.

# %%
from flwr.app import Message, MetricRecord, RecordDict

from fedlab_utils.federated.records import to_record, to_tensors


# %% exercise="client_train"
def my_client_train(message, context, task):
    """Train on this hospital's patients, starting from the server's weights; return the reply, a Message.

    message.content["arrays"]: the server's weights; `to_tensors` makes a dict of tensors of them, `to_record` the reverse.
    task: `network()` is this process's one network, with whatever weights its last user left in it;
    `batches(hospital, server_round, steps)` yields training batches; `loss` is the loss of `local_update`;
    `patients(hospital)` is how many patients the hospital trains on.
    Take settings.local_steps steps with the optimiser of settings.local_optimiser().
    The reply's content: "arrays" (the new weights) and "metrics" (a MetricRecord with "num-examples", the hospital's
    weight in the average, and "loss"). Address it by reply_to=message.
    """
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    # BEGIN SOLUTION: load the weights, make the optimiser, local_update, pack two records, reply
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": task.patients(hospital), "loss": update.loss})
    content = RecordDict({"arrays": to_record(network.state_dict()), "metrics": metrics})
    return Message(content, reply_to=message)
    # END SOLUTION


# %% [markdown] hint="client_train"
# Five things in this order: weights into the network, an optimiser, `local_update` on `task.batches(...)`, two records, the reply. The round by hand above has the first three.

# %% [markdown] hint="client_train"
# `network.load_state_dict(to_tensors(message.content["arrays"]))` first. Then `local_update(network, task.batches(hospital, server_round, settings.local_steps), optimiser, loss=task.loss)`.

# %% [markdown] hint="client_train"
# `MetricRecord({"num-examples": task.patients(hospital), "loss": update.loss})` and `to_record(network.state_dict())` go into `RecordDict({"arrays": ..., "metrics": ...})`; return `Message(content, reply_to=message)`.


# %% wrong="client_train" diagnosis="load the server's arrays first"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": task.patients(hospital), "loss": update.loss})
    content = RecordDict({"arrays": to_record(network.state_dict()), "metrics": metrics})
    return Message(content, reply_to=message)


# %% wrong="client_train" diagnosis="counts slices"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": update.samples, "loss": update.loss})
    content = RecordDict({"arrays": to_record(network.state_dict()), "metrics": metrics})
    return Message(content, reply_to=message)


# %% wrong="client_train" diagnosis="counts batches"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": update.steps, "loss": update.loss})
    content = RecordDict({"arrays": to_record(network.state_dict()), "metrics": metrics})
    return Message(content, reply_to=message)


# %% wrong="client_train" diagnosis="as they came"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": task.patients(hospital), "loss": update.loss})
    return Message(
        RecordDict({"arrays": message.content["arrays"], "metrics": metrics}), reply_to=message
    )


# %% wrong="client_train" diagnosis="no answer to the one that came"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    update = local_update(network, batches, optimiser, loss=task.loss)
    metrics = MetricRecord({"num-examples": task.patients(hospital), "loss": update.loss})
    content = RecordDict({"arrays": to_record(network.state_dict()), "metrics": metrics})
    return Message(content, 1, "train")


# %% wrong="client_train" diagnosis="looks for the numbers under"
def my_client_train(message, context, task):
    settings = FederationSettings.from_config(context.run_config)
    hospital = int(context.node_config["partition-id"])
    server_round = int(message.content["config"]["server-round"])
    network = task.network()
    network.load_state_dict(to_tensors(message.content["arrays"]))
    optimiser = make_optimiser(network, settings.local_optimiser())
    batches = task.batches(hospital, server_round, settings.local_steps)
    local_update(network, batches, optimiser, loss=task.loss)
    return Message(RecordDict({"arrays": to_record(network.state_dict())}), reply_to=message)


# %% [markdown]
# Now a real ClientApp of it. Besides `train` it answers `query` (who are you, and how many patients do you have?) and `evaluate`, which we take from the package. The ServerApp is the package's, with Flower's FedAvg as its strategy. Two rounds of two steps, once with your function and once with the package's: the weights must be the same.

# %%
from flwr.clientapp import ClientApp

from fedlab_utils.federated import make_client_app, make_server_app, run_in_process

packaged = make_client_app(lambda _: task)
client_app = ClientApp()


@client_app.train()
def train(message, context):
    return my_client_train(message, context, task)


@client_app.query()
def introduce(message, context):
    return packaged(message, context)


@client_app.evaluate()
def evaluate(message, context):
    return packaged(message, context)


short = replace(settings, rounds=2, local_steps=2, evaluate_every=2)
if check.client_train(my_client_train, record=False).status == "passed":
    done = []
    server_app = make_server_app(lambda _: task, on_end=done.append)
    run_in_process(client_app, server_app, short.to_config(), len(members))
    theirs = federate(task, short)
    same = all(torch.equal(done[0].last[name], theirs.last[name]) for name in theirs.last)
    print(f"Two rounds with your function; weights equal to the package's: {same}")
else:
    print("Write my_client_train first; this cell then runs it in all hospitals.")

# %% tags=["author-only"]
assert same

# %% [markdown]
# The package's own is longer only because it serves all strategies of the next lesson.

# %%
from fedlab_utils.federated.hospital import train_hospital

show_source(train_hospital)

# %% [markdown] quiz="what-is-sent"
# Which of these travel to the server in a round?
#
# - [x] The weights after the hospital's steps
#   > Yes, all of them, in every round.
# - [ ] The gradients of each batch
#   > Not in FedAvg: it sends where the steps ended. The difference to where they began is known to the server all the same, and it acts much like a gradient, from which a later lesson reconstructs a scan.
# - [x] How many patients it trained on
#   > Yes, as `num-examples`. Small, but it does tell something about the hospital.
# - [x] The mean Dice of its validation patients
#   > Yes, in rounds that are validated. A mean seems harmless, but a hospital with one validation patient sends that patient's Dice.
# - [ ] The optimiser's moments (its running means of past gradients and of their squares)
#   > Not here: they are made anew in each round.

# %% [markdown]
# ## Round by round, live
#
# The thick black line is the mean Dice of all validation patients (of the three regions, on the network's grid as in lesson 04); the thin lines are the hospitals'. The dotted grey line adds up what was sent for training, both ways. *Before you run it: which hospital will be the worst, and will it stay the worst?*

# %%
from fedlab_utils.ui import FederationCurve

with FederationCurve(task.hospitals, ROUNDS) as curve:
    federation = federate(task, settings, on_round=curve.add)

# %%
weights = sum(value.numel() for value in federation.weights.values())
sent = sum(report.sent + report.received for report in federation.history)
print(f"{weights:,} weights of 4 bytes, {len(members)} hospitals, {ROUNDS} rounds, both ways:")
print(f"{weights * 4 * len(members) * ROUNDS * 2 / 1e6:.1f} MB; counted were {sent:.1f} MB")
print(f"The best round on validation patients was round {federation.best_round}.")

# %% [markdown]
# The bill of a federation is simple: weights, times bytes, times hospitals, times rounds, times two. (Counted are the messages as they would go over a line, with the names and headers of their arrays.) Whoever sends each round's model once more to be validated, as we do here, pays times three; the grey line leaves that out. More steps per round cost no traffic; that is FedAvg's bargain, and its danger.
#
# ## Did it help?
#
# Three ways, with the same network, the same start, the same optimiser, and **about the same number of sample visits** in all: rounds x hospitals x steps x slices per batch, less where a last batch is smaller. Alone and pooled, nothing interrupts the optimiser: it keeps its moments from round to round (the running means of past gradients and of their squares, by which AdamW sets each weight's stride), as it would without a federation.
#
# - **each alone**: every hospital trains by itself, with as many steps as it took in the federation.
# - **FedAvg**: the federation above.
# - **pooled**: all training patients in one place, with as many steps as all hospitals together took.
#
# All three choose their best round on validation patients, each on those it may see, and are judged at each hospital on the same test patients.

# %%
from fedlab_utils.federated.pooling import PooledHospital


def at_test(weights_of):
    """Each hospital's name -> its test patients' mean Dice over the regions, one number per patient."""
    found = {}
    for number, name in enumerate(task.hospitals):
        judged = task.model(weights_of(name)).network
        row = task.evaluate(judged, number, "test")
        found[name] = np.mean([row[f"patients-dice-{r}"] for r in ("et", "tc", "wt")], axis=0)
    return found


pool = UNetTask([PooledHospital(tuple(members))], network_settings, tier, augment=False, seed=0)
whole = replace(settings, keep_optimiser=True)
pooled = federate(pool, replace(whole, local_steps=STEPS * len(members)))
alone = {}
for member in members:
    single = UNetTask([member], network_settings, tier, augment=False, seed=0)
    alone[member.name] = federate(single, whole)

trainings = {"each alone": [*alone.values()], "FedAvg": [federation], "pooled": [pooled]}
for way, found in trainings.items():
    rounds = [report.trained for training in found for report in training.history]
    print(f"{way}: {sum(row['samples'] for rows in rounds for row in rows.values())} sample visits")
ways = {
    "each alone": at_test(lambda name: alone[name].weights),
    "FedAvg": at_test(dict.fromkeys(task.hospitals, federation.weights).get),
    "pooled": at_test(dict.fromkeys(task.hospitals, pooled.weights).get),
}

# %%
from fedlab_utils.segmentation import bootstrap_difference

print(f"mean test Dice  {'  '.join(map(called, task.hospitals))}  everyone  worst")
for way, found in ways.items():
    means = {name: values.mean() for name, values in found.items()}
    everyone, worst = np.concatenate(list(found.values())).mean(), min(means, key=means.get)
    cells = "  ".join(f"{means[name]:{len(called(name))}.2f}" for name in task.hospitals)
    print(f"{way:14}  {cells}  {everyone:8.2f}  {called(worst)}")
print()
for ours, theirs in (("FedAvg", "each alone"), ("pooled", "FedAvg")):
    pairs = [np.concatenate(list(ways[way].values())) for way in (ours, theirs)]
    gain = bootstrap_difference(*pairs)
    print(
        f"{ours} less {theirs}, {len(pairs[0])} patients: {gain.mean:+.2f} "
        f"(95 % interval {gain.low:+.2f} to {gain.high:+.2f})"
    )

# %% [markdown]
# How to read it. The intervals come from drawing the same test patients again, in pairs: they say how much *other patients* would change the difference. (With so few patients they are a little too narrow: about 92 of 100 such intervals hold the true mean, not 95.) An interval that holds 0 shows neither gain nor harm.
#
# What it cannot tell. It is **one seed**, with few test patients per hospital, and a training that is far from finished. FedAvg is also handicapped here: its AdamW forgets its moments after every six steps, the other two never do. (Set `keep_optimiser=True` in `settings` as well, and see how much of the difference that was.) Another seed gives other networks and may turn the order round. Pooled training draws every batch from all patients, and is the mark that a federation tries to reach; training alone is the one that it must beat to be worth the trouble. In a comparison on BraTS patients of ten institutions it reached 99 % of pooled quality (Sheller et al., 2020).
# And the three ways had about the same visits, which is one fair comparison of several: with the same number of *rounds of messages*, or the same time at each hospital, one compares something else.
#
# What one seed cannot tell, a recorded study can: twenty seeds with other patients each, a small stand-in for the U-Net (38,640 weights, slices of 4 mm) that is trained to the end, settings chosen on two other seeds. Hospitals are dealt at random (IID), or are the phantom's own institutions, with a scanner each. There pooled training takes as many steps one after the other as each hospital, on four times as many slices, and hospitals' optimisers keep their moments from round to round.

# %%
from fedlab_utils.federated.recorded_trials import trials_of
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import gap_to_pooled, provenance_line

recorded = read_rows("federation_gap")
seeds = len({row["settings"]["seed"] for row in recorded})
print(f"{seeds} of 20 seeds are recorded; `fedlab study federation_gap` makes them.")
gap = gap_to_pooled(trials_of(recorded), provenance_line(recorded))
print(gap.alt)
gap

# %% [markdown]
# Each point is a seed: the difference of two trainings scatters by a hundredth and more, which is why one run proves little. Where hospitals are alike, FedAvg's loss, if there is one, is too small for twenty seeds to show: the interval holds 0, and reaches about 1 % of the pooled Dice to either side. Between institutions with scanners of their own the loss is there, about 2 % of the pooled Dice. Lesson 06 asks why hospitals that differ are harder to average.

# %% tags=["author-only"]
from fedlab_utils.federated.comparison import difference

losses = {}
for condition in ("IID", "institution"):
    of = [t for t in trials_of(recorded) if t["condition"] == condition]
    by_method = [[t for t in of if t["method"] == m] for m in ("fedavg", "pooled")]
    losses[condition] = difference(*by_method)
assert losses["IID"].low < 0 < losses["IID"].high < 0.01
assert losses["IID"].low > -0.01
assert -0.02 < losses["institution"].mean < losses["institution"].high < 0

# %% [markdown]
# A mean over patients hides a hospital that loses. Compare the worst hospital, too: whoever does worse in the federation than alone has little reason to stay.

# %% [markdown] quiz="fair-comparison"
# A paper reports that federated training beats local training by 0.10 Dice. Each hospital trained alone for 10 epochs; the federation ran for 100 rounds of one epoch each. What do you say?
#
# - [ ] Convincing, if the interval leaves out 0
#   > An interval tells about chance. This difference has another cause, which no interval shows.
# - [x] The federation trained ten times as long: let the hospitals train alone as long
#   > Right. Compare at the same number of visits, or let each way train until its validation patients gain nothing more.
# - [ ] It cannot be, since local training fits a hospital's own patients better
#   > It may, or it may not: a small hospital overfits.

# %% [markdown]
# ## When a hospital fails
#
# In a real federation a machine is restarted in the middle of a round, a disk is full, a bug divides by zero. One NaN in one model makes every average NaN, and in the next round every hospital trains from NaN. So the server must not believe what it gets. Write the check that stands between a hospital's answer and the average.


# %% exercise="sound_answer"
def my_sound_answer(arrays, patients, sent, enrolled):
    """Return True if a hospital's answer may be averaged, else False.

    arrays: dict, name -> numpy array, what the hospital sent. patients: how many it says that it has.
    sent: dict of what the server had sent it. enrolled: how many patients it had when it joined.
    Sound are: the same names, the same shape under each name, no NaN or infinity, the same number of patients.
    """
    # BEGIN SOLUTION: compare names and patients, then each array's shape and whether it is finite
    if set(arrays) != set(sent) or patients != enrolled:
        return False
    for name, due in sent.items():
        if arrays[name].shape != due.shape or not np.isfinite(arrays[name]).all():
            return False
    return True
    # END SOLUTION


# %% [markdown] hint="sound_answer"
# First the names: `set(arrays) != set(sent)`. Only then can each name be looked up safely.

# %% [markdown] hint="sound_answer"
# `np.isfinite(values).all()` is True where there is neither NaN nor infinity; `.shape` of both must be equal.


# %% wrong="sound_answer" diagnosis="infinite"
def my_sound_answer(arrays, patients, sent, enrolled):
    if set(arrays) != set(sent) or patients != enrolled:
        return False
    return all(arrays[n].shape == sent[n].shape and not np.isnan(arrays[n]).any() for n in sent)


# %% wrong="sound_answer" diagnosis="another shape"
def my_sound_answer(arrays, patients, sent, enrolled):
    if set(arrays) != set(sent) or patients != enrolled:
        return False
    return all(bool(np.isfinite(arrays[n]).all()) for n in sent)


# %% wrong="sound_answer" diagnosis="more patients than it enrolled"
def my_sound_answer(arrays, patients, sent, enrolled):
    if set(arrays) != set(sent):
        return False
    return all(
        arrays[n].shape == sent[n].shape and bool(np.isfinite(arrays[n]).all()) for n in sent
    )


# %% [markdown]
# The package checks the same and a little more, and gives its reason in words.
#
# Flower lets us put a **mod** (short for modifier: a function of ours) around a ClientApp's function: it sees each message before and after. This one plays three kinds of bad luck at the last hospital: in round 1 its program fails, in round 2 it sends NaN, in round 3 it lies about its patients. In round 4 all is well.

# %%
unlucky = len(members) - 1


def bad_luck(message, context, call_next):
    server_round = message.content["config"]["server-round"]
    if context.node_config["partition-id"] != unlucky or server_round == 4:
        return call_next(message, context)
    if server_round == 1:
        raise OSError("no space left on the disk")
    reply = call_next(message, context)
    if server_round == 2:
        found = to_tensors(reply.content["arrays"])
        reply.content["arrays"] = to_record({n: v * float("nan") for n, v in found.items()})
    else:
        reply.content["metrics"]["num-examples"] = 5000
    return reply


brief = replace(settings, rounds=4, local_steps=2, evaluate_every=4)
troubled = federate(task, brief, mods=[bad_luck])
for report in troubled.history:
    took_part = ", ".join(map(called, report.trained))
    print(f"round {report.round}: trained {took_part}")
    for name, why in report.left_out.items():
        print(f"         left out {called(name)}: {why}")
finite = all(bool(value.isfinite().all()) for value in troubled.last.values())
print("All weights finite:", finite)

# %% tags=["author-only"]
assert finite
assert [len(r.left_out) for r in troubled.history] == [1, 1, 1, 0]

# %% [markdown]
# The round goes on with the others, their weights divided by *their* patients, and the history says who was left out and why. A hospital that is left out often is a finding, not noise: the model drifts away from its patients.
#
# A hospital that sends finite, plausible, wrong weights passes all these checks. That is an attack, not an accident, and belongs to a later lesson.
#
# ## The same app under `flwr run`
#
# Flower's own way to simulate is `flwr run` with Ray, which plays the hospitals in processes of their own. Both apps stay as they are. `simulate` takes the engine as a word; in a shell it is `fedlab simulate --engine ray`. Two hospitals, two rounds, with either engine, one thread each. Starting Ray takes about a minute; where it is missing or unwelcome the cell says so and goes on.

# %%
from fedlab_utils.course.ray_cell import reason_to_skip_ray
from fedlab_utils.federated import UNetFederation, simulate

skipped = reason_to_skip_ray()
if skipped:
    print(f"Skipped: {skipped}.")
else:
    who = UNetFederation(data=str(some.root), hospitals=2, threads=1)
    small = FederationSettings(rounds=2, local_steps=2, evaluate_every=2)
    models, threads = {}, torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        for engine in ("inprocess", "ray"):
            simulate(Path(folder) / engine, who, small, engine=engine)
            from safetensors.torch import load_file

            models[engine] = load_file(Path(folder) / engine / "model.safetensors")
    torch.set_num_threads(threads)
    apart = max(
        ((models["ray"][n] - value).abs().max() / value.abs().max().clamp(min=1e-12)).item()
        for n, value in models["inprocess"].items()
    )
    print(f"Largest relative difference between the engines' weights: {apart:.1e}")

# %% [markdown]
# Expect 0, or the last bits of a float where the processes compute in another order. What changed is who carries the messages: there are processes, ports and serialised arrays now, which is why it is slower. On a small machine one learns in process, and runs the same app on a real network later.
#
# ## Other frameworks
#
# Flower is not the only one. What their own pages say, read in November 2026, partly in archived copies that may lag behind:
#
# | framework | in its own terms | what stands out | source |
# |---|---|---|---|
# | **Flower** (Apache 2.0) | SuperLink and SuperNodes run ServerApp and ClientApp | one app for simulation and deployment; strategies as Python classes, built in among them FedAvg, FedProx, FedAdam, Krum and medians; differential privacy, secure aggregation | [docs](https://flower.ai/docs/framework/) |
# | **NVIDIA FLARE** (Apache 2.0) | a controller on the server gives tasks, which clients pull; a client API for training scripts | simulator and secure provisioning; FedAvg, FedProx, FedOpt, SCAFFOLD, Ditto built in; differential privacy, homomorphic encryption, private set intersection | [PyPI](https://pypi.org/project/nvflare/), [docs](https://nvflare.readthedocs.io); Roth et al., 2022 |
# | **OpenFL** (Apache 2.0) | *collaborators* train, an *aggregator* averages; a *director* keeps long-lived components for a series of experiments | in the aggregator-based workflow all participants can verify code and plan before anything runs; grew out of tumour segmentation (FeTS, Intel and the University of Pennsylvania; Pati et al., 2022); hosted by LF AI & Data, of the Linux Foundation | [GitHub](https://github.com/securefederatedai/openfl), [PyPI](https://pypi.org/project/openfl/) |
# | **PySyft** (Apache 2.0) | data scientists submit computations, data owners approve and run them on private data | governs *access* to data, with mock data to develop on; rounds of training are not its centre. From 0.10 on it works through shared cloud storage; older tutorials describe another product | [PyPI](https://pypi.org/project/syft/), [GitHub](https://github.com/OpenMined/PySyft) |
# | **Substra** (Apache 2.0) | Python interface and web application to run training over distributed data sets | made for production, used by hospitals and biotech companies (MELLODDY); also simulates on one machine; began at Owkin, hosted by LF AI & Data, too | [GitHub](https://github.com/Substra), [PyPI](https://pypi.org/project/substrafl/) |
#
# The table lists what we could read, not what we measured, and is no ranking; what stands in one row alone others may have, too. What a hospital's IT department asks is something else: who may start a run, who sees the code before it runs, which connections go in or out, and who signs for it.

# %% [markdown]
# ## What you have learnt
#
# - A round: the model goes out, hospitals take steps on their own patients, and the models come back and are averaged by patients.
# - Weights, counts and scores leave a hospital; patients do not. That alone is no promise of privacy.
# - Compare ways of training at equal effort, on the same patients, with intervals, and look at the worst hospital. One seed is an example.
# - A server checks what it gets, and says whom it left out.
# - The app is the same, whoever carries the messages.
#
# When hospitals differ, many local steps lead them apart. The next lesson makes that visible, and mends some of it.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - D. J. Beutel et al., Flower: a friendly federated learning research framework. 2020. arXiv:2007.14390
# - H. B. McMahan et al., Communication-efficient learning of deep networks from decentralized data. AISTATS 2017. arXiv:1602.05629
# - S. Pati et al., Federated learning enables big data for rare cancer boundary detection. Nature Communications 13:7346, 2022. doi:10.1038/s41467-022-33407-5
# - H. R. Roth et al., NVIDIA FLARE: federated learning from simulation to real-world. 2022. arXiv:2210.13291
# - M. J. Sheller et al., Federated learning in medicine: facilitating multi-institutional collaborations without sharing patient data. Scientific Reports 10:12598, 2020. doi:10.1038/s41598-020-69250-1
# - J. Wang et al., Tackling the objective inconsistency problem in heterogeneous federated optimization. NeurIPS 2020. arXiv:2007.07481
