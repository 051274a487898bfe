# ---
# title: Communication
# data: phantom or a BraTS folder
# minutes: 75
# ---

# %% [markdown]
# # How little can hospitals send each other, and still learn together?
#
# In every round of lesson 05 the whole network went to every hospital and came back. That is easily a few megabytes each way, hundreds of times over, and some hospitals sit at the end of a thin wire, or pay by the byte. Most of what was sent was hardly news. This lesson finds out how much of it can be left unsaid.
#
# *For physicians.* At the handover of a ward nobody reads out all charts. You tell what *changed*, the important things first, and roughly: "creatinine up by half", not to three decimals. What there was no time for you write on a slip of paper in your pocket, and tell it tomorrow, when it may have become important. Three habits: only the largest changes, in round numbers, and a slip of paper. The third is the one that students forget, and without it a small change that goes on every day is never told.
#
# *For computer scientists.* **Lossy compression of updates, with memory.** Top-k sparsification with error feedback, unbiased stochastic quantisation, an entropy-near code for the indices; up and down, since the slower direction is not always the one you think. The question is not whether it is fast, but where the fixed point goes: compression without memory can converge to the wrong place, or nowhere.
#
# When you are done you can
#
# - say where the bytes of a round go, and turn them into minutes on a given line,
# - write top-k with error feedback, and say what happens without the feedback,
# - write stochastic rounding to a few levels, and say why rounding to the nearest is worse,
# - read a frontier of Dice against megabytes, and say what it does not show,
# - say what else saves bytes, and what compression does not go together with.

# %%
import zlib

import numpy as np

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
from fedlab_utils.federated import CompressionPlan, FederationSettings, federate
from fedlab_utils.federated.proxy import ProxyTask

# %% [markdown]
# ## Where the bytes go
#
# Three hospitals, and the small stand-in for the U-Net of lesson 05's recorded study, which a processor trains in seconds. One round, and a look at the validation patients. Every federation here counts what it sends: the length of each message as Flower writes it for the network, the same in this notebook as between real machines. (Not counted: sender, receiver and time, some 300 bytes per message, the list of a message's parts, and what the network's own protocols add.)
#
# *Guess first:* of all bytes of a round, which share are weights on their way to the hospitals, which share on their way back? What is the rest?

# %%
coarse = PreprocessSettings(spacing=4.0)
some = several_patients(36, coarse)
dealt = make_hospitals(some, 3, "iid", seed=0, fractions=(0.5, 0.15, 0.35))
members = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]
tier = Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48))
task = ProxyTask(members, tier=tier, augment=False, seed=0)

one = federate(task, FederationSettings(rounds=1, local_steps=1)).history[0]
count = sum(value.numel() for value in task.initial().values())
numbers = 4 * count * len(members) / 1e6  # 4 bytes each, to or from all hospitals
headers = one.sent + one.received + one.judging - 3 * numbers
print(f"{count} weights of 32 bits, {len(members)} hospitals: {one.megabytes:.3f} MB in one round")
for what, size in {
    "weights to the hospitals, to train": numbers,
    "weights back": numbers,
    "weights to the hospitals, to be judged": numbers,
    "names, shapes, settings, scores": headers,
}.items():
    print(f"{what:40} {size:6.3f} MB  {size / one.megabytes:5.1%}")

# %% [markdown]
# A third each: the model is sent out twice, once to be trained and once to be judged. So looking at validation patients in every round is not free, and looking every tenth round nearly is. The last line is what a message needs beside numbers: it hardly counts here, and it will count a lot once the numbers are few.
#
# The course's U-Net is larger. And can one not simply *zip* it?

# %%
from fedlab_utils.federated import UNetTask
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.traffic import message_bytes
from flwr.app import RecordDict

unet = UNetTask(members, tier=tier, augment=False, seed=0).initial()
for name, weights in (("the stand-in", task.initial()), ("the U-Net", unet)):
    plain = b"".join(value.numpy().tobytes() for value in weights.values())
    whole = message_bytes(RecordDict({"arrays": to_record(weights)}))
    print(
        f"{name}: {len(plain) // 4} weights in {len(weights)} arrays, {whole / 1e6:.3f} MB as a message, "
        f"of which {(whole - len(plain)) / 1e3:.1f} kB are no weights; zipped to "
        f"{len(zlib.compress(plain)) / len(plain):.0%}"
    )

# %% [markdown]
# Zip finds next to nothing: the last digits of a weight look like noise, and no lossless code makes noise smaller. Whoever wants less must leave something out.
#
# ## From bytes to minutes
#
# A line is sold in mega*bits* per second, and usually by its faster direction, *down*, from the network to the hospital; *up* is often several times slower. A byte has 8 bits. In a **synchronous** round the server waits for everybody: each hospital receives, trains, and sends, all at the same time, each over its own line.


# %% exercise="minutes_per_round"
def my_minutes_per_round(sent, received, down, up, training):
    """Return how many minutes a round takes if the server waits for all hospitals.

    sent: list of megabytes that go to each hospital; received: list of megabytes that come back from each.
    down, up: lists of the speeds of each hospital's line, to the hospital and from it, in megabits per second.
    training: list of seconds that each hospital trains. Hospitals work at the same time.
    """
    # BEGIN SOLUTION: each hospital's seconds for receiving, training and sending; then the slowest
    seconds = [
        8 * there / fast + work + 8 * back / slow
        for there, back, fast, slow, work in zip(sent, received, down, up, training)
    ]
    return max(seconds) / 60
    # END SOLUTION


# %% [markdown] hint="minutes_per_round"
# Three times per hospital: what comes down, the training, what goes up. Megabytes times 8 are megabits.

# %% [markdown] hint="minutes_per_round"
# `8 * there / fast + work + 8 * back / slow` are a hospital's seconds; go through all five lists with `zip`, take the largest, divide by 60.


# %% wrong="minutes_per_round" diagnosis="A byte has 8 bits"
def my_minutes_per_round(sent, received, down, up, training):
    lines = zip(sent, received, down, up, training)
    return max(s / d + t + r / u for s, r, d, u, t in lines) / 60


# %% wrong="minutes_per_round" diagnosis="waits for the slowest"
def my_minutes_per_round(sent, received, down, up, training):
    lines = zip(sent, received, down, up, training)
    return np.mean([8 * s / d + t + 8 * r / u for s, r, d, u, t in lines]) / 60


# %% wrong="minutes_per_round" diagnosis="at the same time"
def my_minutes_per_round(sent, received, down, up, training):
    lines = zip(sent, received, down, up, training)
    return sum(8 * s / d + t + 8 * r / u for s, r, d, u, t in lines) / 60


# %% wrong="minutes_per_round" diagnosis="Up and down are exchanged"
def my_minutes_per_round(sent, received, down, up, training):
    lines = zip(sent, received, down, up, training)
    return max(8 * s / u + t + 8 * r / d for s, r, d, u, t in lines) / 60


# %% [markdown]
# Now a whole training: 2,000 steps of the U-Net at each hospital, however they are dealt over rounds. The sliders are the line and the number of steps that a hospital takes alone in a round; the bars are some ways to send, which the rest of the lesson explains. Their bytes are measured: messages of that size, written as Flower would. All hospitals have the same line here.
#
# *Try:* a good line (100 up, 500 down), 10 local steps. Does compression matter? Then 2 up, 20 down. Then go back to sending everything, and save by local steps alone. *Which part of the bars does not change when you move the line?* And: *which line does your hospital have?*

# %%
from fedlab_utils.ui import LinkExplorer

ways = {
    "all, 32 bits": CompressionPlan(),
    "8 bits, both ways": CompressionPlan(up_bits=8, down_bits=8),
    "top 3 % of 8 bits, up only": CompressionPlan(up_keep=0.03, up_bits=8),
    "top 3 % of 8 bits, both ways": CompressionPlan(0.03, 8, 0.03, 8),
}
shapes = {name: tuple(value.shape) for name, value in unet.items()}


def megabytes(plan, way):
    """Return the size of a message with the U-Net's numbers as the plan sends them."""
    if not getattr(plan, way):
        return message_bytes(RecordDict({"arrays": to_record(unet)})) / 1e6
    payload = np.zeros(plan.packing(way, shapes).payload_bytes(1), np.uint8)
    return message_bytes(RecordDict({"payload": to_record({"arrays": payload})})) / 1e6


measured = {name: (megabytes(plan, "down"), megabytes(plan, "up")) for name, plan in ways.items()}
LinkExplorer(measured, steps=2000, step_seconds=0.3)

# %% [markdown] quiz="one-way-only"
# Hospitals' answers are made a hundred times smaller. The server goes on sending the whole model in 32 bits. By what factor does the traffic of a round fall, training alone?
#
# - [ ] A hundred
#   > Only if the way down were free. It is as large as the way up was.
# - [x] About two
#   > Right: half of it, the way down, is as it was. Many papers count the way up alone, since it is the slower one on most lines; on a symmetric line the way down then takes nearly all of the time.
# - [ ] About fifty
#   > For that both ways must be small.

# %% [markdown]
# ## Only the largest, and a slip of paper
#
# Both ends know the model from which the round began, so a hospital sends the *change*: its weights after training, less those before. Most changes are small. **Top-k** sends the $k$ largest, by absolute value, with their places; the server takes the others to be zero. What was left out is wrong, and always in the same places. The repair is **error feedback** (Stich et al., 2018; Karimireddy et al., 2019): a hospital keeps a *memory* $e$ of what it owes. With $\Delta_t$ the change of round $t$ and $C$ the compression,
#
# $$\text{send } c_t = C(\Delta_t + e_t), \qquad e_{t+1} = \Delta_t + e_t - c_t$$
#
# Add up over rounds, from $e_1 = 0$: $\sum_t c_t + e_{T+1} = \sum_t \Delta_t$. Nothing is lost. Some of it is late.


# %% exercise="top_k"
def my_top_k(change, memory, keep):
    """Return what a hospital sends of its change, and what it remembers.

    change: float array (n,), what training changed. memory: float array (n,), what the hospital still owes. keep: int, how many numbers are sent.
    Return three things: places, the numbers of the `keep` entries to send, in any order; values, what is sent of each; and the new memory, an array (n,).
    """
    # BEGIN SOLUTION: add the memory, find the largest by absolute value, keep what is not sent
    wanted = change + memory
    places = np.argsort(-np.abs(wanted))[:keep]
    left = wanted.copy()
    left[places] = 0
    return places, wanted[places], left
    # END SOLUTION


# %% [markdown] hint="top_k"
# First `wanted = change + memory`; from there on the change alone is not needed any more. `np.argsort(-np.abs(wanted))` are the places, the largest first.

# %% [markdown] hint="top_k"
# The new memory is `wanted`, with zeros at the places that were sent. Make it from a copy: `left = wanted.copy()`.


# %% wrong="top_k" diagnosis="The memory does not take part"
def my_top_k(change, memory, keep):
    places = np.argsort(-np.abs(change))[:keep]
    return places, change[places], memory


# %% wrong="top_k" diagnosis="all of it is lost"
def my_top_k(change, memory, keep):
    wanted = change + memory
    places = np.argsort(-np.abs(wanted))[:keep]
    return places, wanted[places], np.zeros_like(memory)


# %% wrong="top_k" diagnosis="choose by absolute value"
def my_top_k(change, memory, keep):
    wanted = change + memory
    places = np.argsort(-wanted)[:keep]
    left = wanted.copy()
    left[places] = 0
    return places, wanted[places], left


# %% wrong="top_k" diagnosis="would be sent twice"
def my_top_k(change, memory, keep):
    wanted = change + memory
    places = np.argsort(-np.abs(wanted))[:keep]
    return places, wanted[places], wanted


# %% wrong="top_k" diagnosis="forgets what waited before"
def my_top_k(change, memory, keep):
    wanted = change + memory
    places = np.argsort(-np.abs(wanted))[:keep]
    left = change.copy()
    left[places] = 0
    return places, wanted[places], left


# %% [markdown]
# Is the memory worth the trouble? A federation with two weights and two hospitals, in which each sends *one* number per round. On the first weight they disagree, loudly: one pulls up by 1 in each round, the other down by 1. On the second they agree, softly: both pull it towards 1, by a tenth of the way in a round. The best model has the second weight at 1.
#
# *Predict:* where is the second weight after thirty rounds, with memory and without?

# %% tags=["check-output"]
from fedlab_utils.federated.compression import Compressor

largest_only = Compressor(size=2, keep=0.5)
for remembers in (False, True):
    model, memories = np.zeros(2), [np.zeros(2), np.zeros(2)]
    seen = []
    for _ in range(30):
        steps = []
        for hospital, pull in enumerate((1.0, -1.0)):
            change = np.array([pull, 0.1 * (1 - model[1])])
            wanted = change + memories[hospital] * remembers
            sent = largest_only.decompress(largest_only.compress(wanted, np.random.default_rng(0)))
            memories[hospital] = wanted - sent
            steps.append(sent)
        model = model + np.mean(steps, axis=0)
        seen.append(model[1])
    told = ", ".join(f"{seen[n - 1]:.2f}" for n in (5, 10, 15, 20, 30))
    print(f"{'with' if remembers else 'without'} memory: {told} after 5, 10, 15, 20, 30 rounds")

# %% [markdown]
# Without memory the second weight never moves: in each round both hospitals spend their one number on the quarrel, which cancels in the mean. With memory the soft wish waits on the slip of paper until it is louder than the quarrel. It comes late, in a jump, and a tenth too far, since what waited was wished for before anybody moved; a correction of that waits in its turn. But it comes. (Beznosikov et al., 2023, have an example of the same kind in which training without memory runs off to infinity.)
#
# What is late has a price: for some rounds hospitals train a model that lacks it. So 1 % may be worse than 10 %, though nothing is lost in either; the recorded frontier below measures it.
#
# Places cost bytes as well. Written as 32-bit whole numbers they would cost more than the values. But they only have to be told apart, and in rising order: by the code of Elias (1974) and Fano (1971) each takes about $2 + \log_2(n/k)$ bits, on average some half a bit more than the least possible.

# %% tags=["check-output"]
from math import comb, log2

from fedlab_utils.federated.index_coding import index_bytes

for share in (0.1, 0.03, 0.01):
    kept = round(share * 38_640)
    bits, least = 8 * index_bytes(kept, 38_640) / kept, log2(comb(38_640, kept)) / kept
    print(
        f"top {share:3.0%}: {bits:.2f} bits for each place; no code can do with less than {least:.2f}"
    )

# %% [markdown]
# ## Round numbers
#
# Values need no 32 bits. With 8 there are 127 levels on each side of zero, with 4 there are 7. How should a number between two levels be rounded? To the nearest, one would think. But think of many rounds and many hospitals. A change of 0.4 steps, come a hundred times, is 40 steps; rounded to the nearest each time, it is nothing. **Stochastic rounding** goes up or down at random, with chances that make the *mean* right: 0.4 becomes 1 in two cases of five, and 0 in three. Each single number is further off than need be. Their sum over rounds and hospitals is not, because the errors have mean zero (Alistarh et al., 2017).


# %% exercise="random_rounding"
def my_random_rounding(values, levels, rng):
    """Return whole numbers that stand for values, and the scale: value = whole number * scale / levels, about.

    values: float array (n,). levels: int, how many levels lie above zero; as many lie below. rng: a numpy Generator.
    The scale is the largest absolute value. Each value goes to one of the two levels beside it, with the chances that make its mean the value itself; each by a draw of its own. A value on a level stays.
    Return two things: the whole numbers, an array (n,) from -levels to levels; and the scale, a float. Where all values are 0, so are both.
    """
    # BEGIN SOLUTION: the scale, values in steps, a random number from 0 to 1 added, rounded down
    scale = np.abs(values).max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    steps = values / scale * levels
    return np.floor(steps + rng.random(len(values))).astype(int), scale
    # END SOLUTION


# %% [markdown] hint="random_rounding"
# `steps = values / scale * levels` says how many steps of `scale / levels` each value is. Rounding *down* after adding a random number from 0 to 1 goes up with just the right chance: 2.3 becomes 3 if the random number is at least 0.7.

# %% [markdown] hint="random_rounding"
# `np.floor(steps + rng.random(len(values)))`, made whole by `.astype(int)`. Look at the scale before you divide by it.


# %% wrong="random_rounding" diagnosis="You round to the nearest"
def my_random_rounding(values, levels, rng):
    scale = np.abs(values).max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    return np.rint(values / scale * levels).astype(int), scale


# %% wrong="random_rounding" diagnosis="towards 0"
def my_random_rounding(values, levels, rng):
    scale = np.abs(values).max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    return (values / scale * levels).astype(int), scale


# %% wrong="random_rounding" diagnosis="One random number decides for all"
def my_random_rounding(values, levels, rng):
    scale = np.abs(values).max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    return np.floor(values / scale * levels + rng.random()).astype(int), scale


# %% wrong="random_rounding" diagnosis="by a fair coin"
def my_random_rounding(values, levels, rng):
    scale = np.abs(values).max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    steps = values / scale * levels
    low, high = np.floor(steps), np.ceil(steps)
    return np.where(rng.random(len(values)) < 0.5, low, high).astype(int), scale


# %% wrong="random_rounding" diagnosis="absolute"
def my_random_rounding(values, levels, rng):
    scale = values.max()
    if scale == 0:
        return np.zeros(len(values), int), 0.0
    steps = values / scale * levels
    return np.floor(steps + rng.random(len(values))).astype(int), scale


# %% [markdown]
# See it at work. A hospital has one large change, 1.0, and 255 small ones of 0.03 each; with 7 levels a step is 1/7, and each small change a fifth of a step. Fifty rounds of the same, in 4 bits, as the package sends them, and rounded to the nearest.

# %% tags=["check-output"]
from fedlab_utils.federated.quantisation import BLOCK, dequantise, quantise

rng = np.random.default_rng(0)
changes = np.full(BLOCK, 0.03)
changes[0] = 1.0
nearest, fair = np.zeros(BLOCK), np.zeros(BLOCK)
for _ in range(50):
    nearest += np.rint(changes * 7) / 7
    fair += dequantise(quantise(changes, 4, rng), BLOCK, 4)
print(f"a small change, 50 times: {50 * 0.03:.2f} is due")
print(f"rounded to the nearest: {nearest[1:].mean():.2f}")
print(
    f"at random: {fair[1:].mean():.2f} on average, from {fair[1:].min():.2f} to {fair[1:].max():.2f}"
)

# %% [markdown]
# At random it is right on average and scattered around it; hospitals' scatter averages out further. The scatter is large because one number sets the scale for all. That is why the package gives each block of 256 numbers a scale of its own: one outlier spoils a block, not the network.
#
# Two cures for one illness, then: error feedback and unbiased rounding both keep what is rounded away from being lost for good. In the package both go together: what was rounded off is owed as well, and goes into the memory.

# %%
show_source(quantise)

# %% [markdown] quiz="lost-memory"
# A hospital's computer burns down in round 40, memory included. It joins again in round 41 with an empty memory. What happens to the training?
#
# - [ ] It has to begin anew: the sum of what was sent is no longer the sum of the changes
#   > It is not, by what was in the memory. That is one error, made once; it does not grow.
# - [x] It goes on. What the memory held is lost, as if the hospital had learnt that much less
#   > Right. The memory lags by a few rounds' worth of small changes. (The package mirrors it to the hospital's disk, so that a crash does not even cost that.)
# - [ ] The server notices that the sums do not fit, and leaves the hospital out
#   > The server does not know a hospital's memory.
# - [ ] Nothing at all is lost
#   > What was owed is.

# %% [markdown]
# ## A federation, live
#
# The same three hospitals, the same patients, the same steps; only what travels differs, both ways. On the way down the roles are turned: the *server* has the memory, and hospitals add up the changes that they are sent. So all have one and the same model in each round, the one that is judged. Twelve rounds of five steps are few, and the network is not done when they are over: memories have had little time to be paid out. Expect compression to look worse here than after a long training.
#
# *Predict:* by what factor does the traffic fall at 8 bits? And for 3 % of the numbers, at 8 bits: 133, since $\frac{100}{3} \cdot \frac{32}{8} = 133$? More, or less?

# %%
settings = FederationSettings(
    rounds=12,
    local_steps=5,
    learning_rate=1e-2,
    schedule="cosine",
    keep_optimiser=True,
    evaluate_every=12,
)
plans = {
    "everything": None,
    "8 bits": CompressionPlan(up_bits=8, down_bits=8),
    "top 10 %, 4 bits": CompressionPlan(0.1, 4, 0.1, 4),
    "top 3 %, 8 bits": CompressionPlan(0.03, 8, 0.03, 8),
}
runs, traffic = {}, {}
for name, plan in plans.items():
    runs[name] = federate(task, settings, compression=plan)
    traffic[name] = sum(report.megabytes for report in runs[name].history)
    factor = traffic["everything"] / traffic[name]
    dice = runs[name].summary()["patients"]
    print(f"{name:17} {traffic[name]:7.3f} MB, {factor:5.1f} times fewer; mean Dice {dice:.3f}")

# %%
last = runs["top 3 %, 8 bits"].history[1]
kept = Compressor(count, 0.03, 8)
each = 1e3 * last.received / len(members)
print(f"an answer in round 2: {each:.2f} kB")
print(
    f"of which values {kept.kept / 1e3:.2f} kB, places {index_bytes(kept.kept, count) / 1e3:.2f} kB"
)
print(f"everything else {each - kept.payload_bytes / 1e3:.2f} kB")

# %% tags=["author-only"]
assert 3.8 < traffic["everything"] / traffic["8 bits"] < 4.2
assert 40 < traffic["everything"] / traffic["top 3 %, 8 bits"] < 60
assert each > kept.payload_bytes / 1e3 > 2

# %% [markdown]
# At 8 bits the factor is a little over 4 (round 1 need not send the model at all: it is made from a seed at both ends). At 3 % it is far from 133. Places take nearly as much as values, and what was a rounding error in the first table, the headers, is now a good part of an answer. There is a floor: a message that says nothing has a kilobyte, too. With a larger network the floor matters less; with ten times the compression it is all that is left.
#
# ## The frontier
#
# What it costs in Dice takes longer trainings, and more than one. The recorded study trains the stand-in 480 steps at each of four hospitals, the phantom's own institutions, on five seeds with other patients each, with FedAvg (AdamW, and plain SGD), FedProx and SCAFFOLD, and sums up all traffic both ways. Hyperparameters are those that lesson 06's study chose *without* compression, but for two ways that try half and twice the rate. Some ways, those of much in long rounds, were added when the two seeds for trying (below) had shown that few numbers fall short. The goal set beforehand: **fifty times fewer megabytes, and at least 99 % of the Dice** (dotted lines, right; a paired interval, since every way trains on the same patients). Numbers name the ways of FedAvg, listed beside. A black star is *your* run from above: other patients and far fewer rounds, so that it stands in the right picture alone, where everybody is compared with himself.
#
# *Predict:* is there a point at which the curve breaks off? And which saves more at the same Dice: fewer numbers, or fewer bits for each?

# %%
from fedlab_utils.federated.frontier import kept_of_dice, plan_to_hold, plans_of, saving
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import METHOD_NAMES, compression_frontier, provenance_line

recorded = read_rows("compression_frontier")
ready = "none" in plans_of(recorded, "fedavg")
missing = (
    f"{len(recorded)} trainings are recorded so far, too few for a figure; "
    "`python -m fedlab_utils study compression_frontier` goes on with them, for hours."
)
score = {name: run.summary()["patients"] for name, run in runs.items()}
live = {
    name: (traffic["everything"] / traffic[name], score[name] / score["everything"])
    for name in ("8 bits", "top 3 %, 8 bits")
}
compression_frontier(recorded, provenance_line(recorded), live) if ready else print(missing)

# %% [markdown]
# Of the ways that save fifty times or more, which one is held to the goal was decided on two other seeds, by validation patients. If one looked for the best of them among the test results instead, chance would help. The interval is what decides: its lower end must reach 99 %.

# %%
methods = [m for m in METHOD_NAMES if "none" in plans_of(recorded, m)] if ready else []
for method in methods:
    chosen = plan_to_hold(recorded, method)
    if chosen not in plans_of(recorded, method):
        continue
    mean, worst = (kept_of_dice(recorded, method, chosen, figure) for figure in ("mean", "worst"))
    verdict = "reached" if mean.low >= 0.99 else "not shown" if mean.high >= 0.99 else "missed"
    print(
        f"{METHOD_NAMES[method]:18} {chosen}: {saving(recorded, method, chosen):.0f} times fewer, "
        f"keeps {mean:.1%} of the Dice, worst hospital {worst:.1%}: goal {verdict}"
    )
print("" if methods else missing)

# %% [markdown]
# *Fewer numbers, or fewer bits?* **Bits first.** Eight bits for every number, or four, cost nothing that the intervals can see: 100 % of the Dice, give or take one. **Then rounds.** A quarter of the rounds, each four times as long, keeps 99 %, a twelfth in four bits still 98 %, with 94 times fewer megabytes. **Numbers last.** A tenth of the numbers keeps 98 to 99 %, three in a hundred 93 %, one in a hundred 86 %. That is not what papers about top-k lead one to expect, which train for thousands of rounds. Here there are sixty, and what waits in a memory for thirty of them comes too late. The same picture from the other side: with fewer rounds, *few numbers* gets worse (a tenth of them in half the rounds 96 %, in a quarter 93 %).
#
# So what saves fifty times is to send *much, roughly and seldom*: half of the numbers, in four bits, in a sixth of the rounds. That is what validation patients chose. It keeps 98.6 % of the Dice (95 % interval 96.9 to 100.2) at 54 times fewer megabytes. **The goal of 99 % is not shown**: the mean misses it by a hair, and the interval holds both sides of it. Half or twice the learning rate, tried for the long rounds, did not help. FedProx, SCAFFOLD and plain SGD keep 97 to 98 % with a fifth of the numbers in four bits and a quarter of the rounds. The worst hospital loses a little more than the mean, and its intervals are wider.
#
# What the frontier does not show: other tasks, larger networks, more hospitals. A network with thirty million weights has more of them that hardly change. Nor does it show time: on a fast line compression saves nothing but seconds (go back to the sliders).
#
# ## What else saves
#
# - **Longer rounds.** Ten local steps instead of one: a tenth of the traffic, for nothing but a setting. It is the first thing to try, and what FedAvg was invented for (McMahan et al., 2017). Its price is drift (lesson 06); in the study it is small.
# - **Fewer hospitals in a round.** `fraction=0.3` asks a different third each time. Total traffic falls to a third, the thinnest wire is waited for less often, and the average is noisier. A hospital that was not asked must later be sent the whole model: changes are of use only to those who have the version before. So sampling and a compressed way down save less together than one by one.
# - **Some layers at a time.** `CompressionPlan(parts=4)` deals the layers into four parts, whose turn comes round by round; what the others changed waits in the memory. Simple and four times less, and slow to tell what is in the other parts.
# - **Fewer weights.** Layers that stay at home (`personal`, lesson 06) do not travel at all; and who fine-tunes some thousand weights of a network that was trained before (lesson 09) need send no others, though there the frozen ones travel too.
# - **Looking less often** at the validation patients, as the first table showed.

# %% [markdown]
# ## What goes with what
#
# Compression changes messages, and so do other parts of the course. Some pairs cannot be; a run that asks for one is refused with the reason. The table is what the package itself asks (a later lesson is about the robust rules).

# %%
from fedlab_utils.ui import CombinationTable

CombinationTable(("top-k", "quantisation", "partial layers", "small downlink"))

# %% [markdown]
# - **SCAFFOLD** sends control variates beside the weights, twice the bytes each way. So they must be compressed, too, or they cap the saving at two. Their differences need no memory: a hospital moves its own control variate by exactly what it *sent*, so that server and hospital agree, and what was left out is still in the next difference (Richtárik et al., 2021, call this EF21).
# - **Differential privacy.** Compressing what is private already is *post-processing*: epsilon stays what it was, and the memory does not change that. But noise lies on all weights alike, and then the largest changes are often the largest noise. Keep more, or quantise.
# - **Masks** (lesson 10). A mask makes every number look like any other; nothing is large or small, and a masked number takes 64 bits. If each hospital chose its own places, sums would be of different things. Compression *before* masking would have to use the same places and the same levels at all hospitals. The package refuses it, up; the way down carries the open model, and can be compressed.

# %%
from fedlab_utils.errors import CombinationError
from fedlab_utils.federated import MaskingPlan

try:
    federate(task, settings, masking=MaskingPlan(secure=True), compression=plans["top 3 %, 8 bits"])
except CombinationError as error:
    print(error)

# %% [markdown] quiz="what-to-try-first"
# A federation of ten hospitals takes a step per round and sends everything. The line up is thin, and training takes a week, most of it waiting. What do you try first?
#
# - [x] Ten local steps in a round
#   > Right: one setting, a tenth of the traffic, and every method goes with it. Look at the worst hospital's Dice afterwards, and compress what is left.
# - [ ] Top 1 % with 4 bits
#   > It may come to that, but it is the larger intervention, and secure aggregation is out then.
# - [ ] Zip
#   > A few percent.
# - [ ] Compress the way down
#   > It is the way *up* that is thin here.

# %% [markdown]
# ## What you have learnt
#
# - A model goes out, comes back, and goes out again to be judged: three equal parts. Minutes follow from the slowest hospital's line, up and down counted apart.
# - Top-k sends the largest changes. With error feedback nothing is lost, only late; without, what is small and steady is never told.
# - Rounding at random is right on average; rounding to the nearest is not, however near it is each time.
# - Both ways must be small, and headers set a floor.
# - Longer rounds and few bits come first, few numbers last. Masks and compressed answers do not go together.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - D. Alistarh, D. Grubic, J. Li, R. Tomioka, M. Vojnovic, QSGD: communication-efficient SGD via gradient quantization and encoding. NeurIPS 2017. arXiv:1610.02132
# - A. Beznosikov, S. Horváth, P. Richtárik, M. Safaryan, On biased compression for distributed learning. Journal of Machine Learning Research 24, 2023. arXiv:2002.12410
# - P. Elias, Efficient storage and retrieval by content and address of static files. Journal of the ACM 21:246-260, 1974. doi:10.1145/321812.321820
# - R. M. Fano, On the number of bits required to implement an associative memory. Memorandum 61, Project MAC, MIT, 1971.
# - S. P. Karimireddy, Q. Rebjock, S. U. Stich, M. Jaggi, Error feedback fixes SignSGD and other gradient compression schemes. ICML 2019. arXiv:1901.09847
# - H. B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Agüera y Arcas, Communication-efficient learning of deep networks from decentralized data. AISTATS 2017. arXiv:1602.05629
# - P. Richtárik, I. Sokolov, I. Fatkhullin, EF21: a new, simpler, theoretically better, and practically faster error feedback. NeurIPS 2021. arXiv:2106.05203
# - S. U. Stich, J.-B. Cordonnier, M. Jaggi, Sparsified SGD with memory. NeurIPS 2018. arXiv:1809.07599
