# ---
# title: Secure aggregation
# data: phantom or a BraTS folder
# minutes: 75
# ---

# %% [markdown]
# # Can the server learn the average without seeing what it averages?
#
# In lesson 05 every hospital sent its weights to the server, which averaged them. So the server saw each hospital's weights, and weights are made from patients: whoever holds one hospital's update may read things out of it that the average no longer shows. Yet of the weights the server needs the *average* only. This lesson gives it that, and nothing else of them.
#
# *For physicians.* Three colleagues want to know what they earn on average, and none wants to tell. Each pair agrees in secret on a random number; one of the two adds it to his salary, the other takes it away. What they then call out is nonsense, each by itself. In the sum every secret number is added once and taken away once, and the true sum is left. That is all of it. The rest of the lesson is about what happens when somebody leaves the room in the middle.
#
# *For computer scientists.* **Secure aggregation** by pairwise masks (Bonawitz et al., 2017): additive masks modulo $2^{64}$ from keys that pairs agree on, a second mask per hospital, and secret sharing, so that the sum survives dropouts. It is a protocol of a few messages between clients and a server. Then the other way to the same end, homomorphic encryption, and what each costs.
#
# When you are done you can
#
# - write numbers so that masks hide them perfectly and cancel to the bit,
# - write pairwise masks, and take what is left of them off the sum when a hospital drops out,
# - say why each hospital needs a second mask, and why the server gets only one of two secrets,
# - average under homomorphic encryption, and say who can read everything then,
# - run a federation in which the server never sees a hospital's numbers, and say what it costs,
# - say what masks do **not** protect.

# %%
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
from fedlab_utils.data.regions import to_regions
from fedlab_utils.data.windows import centred
from fedlab_utils.ui import server_view

# %% [markdown]
# ## Something worth hiding
#
# Before networks, something one can look at. Four hospitals want to know where in the brain gliomas sit. Each adds up its patients' tumour masks, seen from above: at each point, the number of its patients with tumour somewhere above or below. With few patients such a map shows single patients. In the sum over all hospitals they blur together.

# %% tags=["check-output"]
coarse = PreprocessSettings(spacing=4.0)
some = several_patients(36, coarse)
dealt = make_hospitals(some, 4, "iid", seed=0, fractions=(0.6, 0.1, 0.3))
members = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]


def tumour_map(patients):
    """Return at each point, seen from above, how many of these patients have tumour there."""
    whole = [to_regions(patient.labels)[2].any(axis=2) for patient in patients]
    return sum(centred(mask, (48, 48)).astype(float) for mask in whole)


maps = {member.name: tumour_map(member.train) for member in members}
for member in members:
    print(f"{member.name}: {len(member.train)} patients")

# %%
server_view({f"{name}'s map": one for name, one in maps.items()} | {"sum": sum(maps.values())})

# %% [markdown]
# The outlines of single tumours can be told apart in each hospital's map. Whoever has seen the patient's scan elsewhere may recognise it. (Whether such a map, or an update of weights, is *personal data* in the sense of the GDPR, article 4(1) with recital 26, depends on whether a person can be identified from it, alone or with other information, by means that are reasonably likely to be used. HIPAA lets health information count as de-identified if listed identifiers are removed, or if an expert determines that the risk of identification is very small, 45 CFR 164.514(b); it does not say how to judge a map, or weights. A course cannot settle that; it can show what is in the numbers.)
#
# ## Numbers that a mask can hide
#
# Adding a random number hides a value only if the result could have come from *any* value. Add a normal random number to 7, and a result of 7.3 says a lot. A wider bell curve says less, but none says nothing; and in floating point the mask would leave rounding errors behind when it is taken away.
#
# So the numbers become whole numbers modulo $2^{64}$, a clock with $2^{64}$ hours. A mask drawn uniformly from that clock hides *perfectly*: whatever the value, every hour is equally likely afterwards. And sums on a clock are exact. A number $x$ is written as $\mathrm{round}(x \cdot 2^f)$, with $f$ bits after the point; a negative one counts backwards from midnight, $-1$ is $2^{64}-1$, which is how processors write negative whole numbers anyway.


# %% exercise="to_whole_numbers"
def my_to_whole_numbers(values, fraction_bits):
    """Return numbers as whole numbers modulo 2**64, with so many bits after the point.

    values: float64 array of any shape, each less than 2**20 from 0. fraction_bits: an int up to 40.
    Return an array of type uint64 and the same shape: each value times 2**fraction_bits, rounded to the nearest whole number, negative ones counted backwards from 2**64.
    """
    # BEGIN SOLUTION: scale, round, make int64 of it, and read the same bits as uint64
    scaled = np.rint(values * 2.0**fraction_bits)
    return scaled.astype(np.int64).view(np.uint64)
    # END SOLUTION


# %% [markdown] hint="to_whole_numbers"
# Multiply by `2.0**fraction_bits` and round with `np.rint`; `astype` alone cuts off what comes after the point.

# %% [markdown] hint="to_whole_numbers"
# `np.int64` holds negative numbers. `array.view(np.uint64)` reads the same 64 bits as a number without sign, which is exactly the counting backwards.


# %% wrong="to_whole_numbers" diagnosis="cut off"
def my_to_whole_numbers(values, fraction_bits):
    return (values * 2.0**fraction_bits).astype(np.int64).view(np.uint64)


# %% wrong="to_whole_numbers" diagnosis="Negative numbers lose their sign"
def my_to_whole_numbers(values, fraction_bits):
    return np.rint(np.abs(values) * 2.0**fraction_bits).astype(np.uint64)


# %% wrong="to_whole_numbers" diagnosis="two to the power"
def my_to_whole_numbers(values, fraction_bits):
    return np.rint(values * 2.0 * fraction_bits).astype(np.int64).view(np.uint64)


# %% wrong="to_whole_numbers" diagnosis="Return an array of type uint64"
def my_to_whole_numbers(values, fraction_bits):
    return np.rint(values * 2.0**fraction_bits)


# %% [markdown]
# The package's version also proves that no sum can overflow: a hospital's number is at most `bound`, counts at most `heaviest` times (its patients), and there are at most `summands` hospitals. If their product does not fit into 63 bits, it refuses to begin. A number beyond the bound is refused, not clipped: a clipped one would falsify the sum, and nobody would notice.

# %%
from fedlab_utils.privacy import FixedPoint

show_source(FixedPoint)

# %% [markdown]
# ## Pairwise masks
#
# Each pair of hospitals needs a common random row of numbers, as long as the data, that nobody else knows. They agree on a **key** (Diffie and Hellman's exchange, on the curve X25519: each sends a public key, each computes the same secret from its own private and the other's public one, and a listener cannot), and stretch that key with a stream cipher (ChaCha20) to as many numbers as needed. Both hospitals get the same row. It is not truly random, as a perfect mask would be; but nobody who lacks the key can tell the difference, unless he breaks the cipher.
#
# The hospital with the *smaller* number adds the row, the one with the larger takes it away. On the clock, of course: uint64 arrays of numpy wrap around by themselves.


# %% exercise="pairwise_masks"
def my_pairwise_masks(numbers, own, rows):
    """Return a hospital's numbers under its pairwise masks.

    numbers: uint64 array (D,). own: this hospital's number.
    rows: dict, another hospital's number -> uint64 array (D,), the row that this pair has in common.
    Of each pair the hospital with the smaller number adds the row, the other one takes it away, modulo 2**64.
    Return a new uint64 array (D,).
    """
    # BEGIN SOLUTION: start from the numbers; for each other hospital add its row, or take it away
    total = numbers
    for other, row in rows.items():
        total = total + row if own < other else total - row
    return total
    # END SOLUTION


# %% [markdown] hint="pairwise_masks"
# Go through `rows.items()`, and compare `own` with the other one's number.

# %% [markdown] hint="pairwise_masks"
# `total = total + row if own < other else total - row`. Not `numbers += row`, which changes what you were given.


# %% wrong="pairwise_masks" diagnosis="always added"
def my_pairwise_masks(numbers, own, rows):
    return numbers + sum(rows.values())


# %% wrong="pairwise_masks" diagnosis="the smaller number adds"
def my_pairwise_masks(numbers, own, rows):
    total = numbers
    for other, row in rows.items():
        total = total - row if own < other else total + row
    return total


# %% wrong="pairwise_masks" diagnosis="changes `numbers`"
def my_pairwise_masks(numbers, own, rows):
    for other, row in rows.items():
        numbers += row if own < other else -row
    return numbers


# %% wrong="pairwise_masks" diagnosis="Return an array of type uint64"
def my_pairwise_masks(numbers, own, rows):
    total = numbers.astype(float)
    for other, row in rows.items():
        total = total + row if own < other else total - row
    return total


# %% wrong="pairwise_masks" diagnosis="exclusive or"
def my_pairwise_masks(numbers, own, rows):
    total = numbers
    for row in rows.values():
        total = total ^ row
    return total


# %% [markdown] equivalent="pairwise_masks"
# - `total = total + row if own < other else total - row` -> `total = total + row if own <= other else total - row`: a hospital shares no row with itself, so that `own` and `other` are never equal

# %% [markdown]
# Here are the four maps as the server gets them, with the package's streams: one key for each pair, made by the operating system.

# %%
import os

from fedlab_utils.privacy.masks import pair_mask, stream

FRACTION = 16
writing = FixedPoint(bound=1000.0, fraction=FRACTION, summands=4, heaviest=1)
numbers = {h: writing.encode(maps[m.name].ravel()) for h, m in enumerate(members)}
keys = {(a, b): os.urandom(32) for a in numbers for b in numbers if a < b}
ROUND = b"round 1"


def pair_masks(own, others):
    """Return the sum of all rows that a hospital adds or takes away, with the package's streams."""
    size = len(numbers[own])
    pairs = ((other, keys[min(own, other), max(own, other)]) for other in others if other != own)
    return sum(pair_mask(key, own, other, ROUND, size) for other, key in pairs)


masked = {h: numbers[h] + pair_masks(h, numbers) for h in numbers}


def as_map(row):
    """Return a row of whole numbers as the map that it stands for."""
    return writing.decode(row).reshape(48, 48)


server_view(
    {f"{members[h].name} as it arrives": as_map(masked[h]) for h in masked}
    | {"sum of what arrives": as_map(sum(masked.values()))}
)

# %%
difference = as_map(sum(masked.values())) - sum(maps.values())
print(f"largest difference to the true sum: {np.abs(difference).max():.0e} patients")

# %% [markdown]
# Noise in, truth out, to the last bit. Note the scale of the noise: what arrives runs over the whole clock.
#
# ## When somebody leaves
#
# Hospitals fail: a firewall, a power cut, an update at the wrong moment. Say the last hospital exchanged keys and then fell silent. The other three have added and taken away rows that it shares with them, and their sum is nonsense.

# %%
gone = 3
left = [h for h in numbers if h != gone]
server_view({"sum of those who are left": as_map(sum(masked[h] for h in left))})

# %% [markdown]
# The repair: the hospitals that are left can tell the server the keys that they have in common with the one that is gone. Or, since they might be gone next: at the beginning each hospital splits its private key into **shares** (Shamir, 1979), one for each hospital, such that any $t$ of them (the *threshold*) give the key back and fewer say nothing at all. The shares travel through the server in *boxes*, each encrypted for the one hospital that is to hold it. When a hospital is gone, the server asks the others for their shares of its key.
#
# But this opens a hole. Suppose the server *says* that H4 has dropped out, although its numbers arrived, only late. It gets the key, computes all rows that H4 masked its numbers with, and takes them off.

# %%
server_view({"what a lying server sees of H4": as_map(masked[gone] - pair_masks(gone, left))})

# %% [markdown]
# So each hospital adds a second mask, its **self mask**, a row from a seed of its own, and splits that seed into shares as well. For each hospital the server may ask for shares of *one* of the two secrets: of the seed, if the hospital is left (to take its self mask off), or of the key, if it is gone (to take its pairwise rows off the others' sum). Hospitals never give out both for the same one. Now the lying server, which asked for the key, is stuck with the self mask.

# %%
seeds = {h: os.urandom(32) for h in numbers}
size = 48 * 48
self_masks = {h: stream(seeds[h], ROUND, size) for h in numbers}
masked = {h: numbers[h] + pair_masks(h, numbers) + self_masks[h] for h in numbers}
server_view({"the same server, with a self mask": as_map(masked[gone] - pair_masks(gone, left))})

# %% [markdown]
# Now write what the honest server does when a hospital has dropped out.


# %% exercise="sum_of_those_left"
def my_sum_of_those_left(masked, self_masks, leftover):
    """Return the sum of the numbers of all hospitals that are left, modulo 2**64.

    masked: dict, number of a hospital that is left -> uint64 array (D,): its numbers, plus its self mask, plus or minus the row of each pair (the smaller number of a pair has added it).
    self_masks: dict, number of a hospital that is left -> its self mask, found again from the shares of its seed.
    leftover: dict, (left, gone) -> the row that these two have in common, found again from the shares of the key of the one that is gone.
    """
    # BEGIN SOLUTION: add up what is masked, take off self masks, then undo each row that lacks its partner
    total = sum(masked.values()) - sum(self_masks.values())
    for (left, gone), row in leftover.items():
        total = total - row if left < gone else total + row
    return total
    # END SOLUTION


# %% [markdown] hint="sum_of_those_left"
# Rows of pairs of which both are left cancel in the sum. Three things are left over: the numbers, the self masks, and the rows shared with those who are gone.

# %% [markdown] hint="sum_of_those_left"
# If `left < gone`, the one that is left *added* the row, so take it off; otherwise it took the row away, so add it.


# %% wrong="sum_of_those_left" diagnosis="self masks are still"
def my_sum_of_those_left(masked, self_masks, leftover):
    total = sum(masked.values())
    for (left, gone), row in leftover.items():
        total = total - row if left < gone else total + row
    return total


# %% wrong="sum_of_those_left" diagnosis="rows shared with those who are gone"
def my_sum_of_those_left(masked, self_masks, leftover):
    return sum(masked.values()) - sum(self_masks.values())


# %% wrong="sum_of_those_left" diagnosis="signs of the rows are turned"
def my_sum_of_those_left(masked, self_masks, leftover):
    total = sum(masked.values()) - sum(self_masks.values())
    for (left, gone), row in leftover.items():
        total = total + row if left < gone else total - row
    return total


# %% wrong="sum_of_those_left" diagnosis="always taken off"
def my_sum_of_those_left(masked, self_masks, leftover):
    return sum(masked.values()) - sum(self_masks.values()) - sum(leftover.values())


# %% [markdown] equivalent="sum_of_those_left"
# - `total = total - row if left < gone else total + row` -> `total = total - row if left <= gone else total + row`: nobody is left and gone at once, so that the two are never equal

# %% [markdown]
# With the package's streams, H4 gone:

# %%
there = {h: masked[h] for h in left}
off = sum(self_masks[h] for h in left) + sum(
    pair_mask(keys[min(h, gone), max(h, gone)], h, gone, ROUND, size) for h in left
)
recovered = as_map(sum(there.values()) - off)
difference = recovered - sum(maps[members[h].name] for h in left)
print(f"largest difference to the true sum of three: {np.abs(difference).max():.0e} patients")

# %% [markdown] quiz="two-masks"
# A hospital's masked numbers arrive after the server had already asked for the shares of its key. What now?
#
# - [ ] The server adds them to the sum as well
#   > Its pairwise rows have been taken off the others' sum as if it were gone. Adding its numbers would leave its self mask in the sum, and nobody may give out its seed any more.
# - [x] They are thrown away; the hospital takes part again in the next round
#   > Right. For this round it counts as gone. With both secrets known, its numbers would lie open.
# - [ ] The other hospitals give out the shares of its seed as well
#   > That is what they must never do: with key and seed the server could take off both masks.

# %% [markdown]
# ## The whole protocol
#
# In the package a hospital in a round is a `Masker`, with five steps: it *advertises* fresh public keys, *shares* its two secrets, *masks* its numbers, *confirms* by signature who is left, and *reveals* shares. Why confirm? A server that lies about *who is left* to different hospitals could still collect both secrets, one from each half. Therefore the hospitals sign the list of those who are left, and give out shares only when as many as the threshold, which is more than half of all, have signed the same list.

# %%
from fedlab_utils.federated.hospital_keys import make_keys
from fedlab_utils.privacy import Masker, unmasked_sum

identities = make_keys(4)
threshold = 3
maskers = {
    h: Masker(h, ROUND, own.identity, own.known, threshold) for h, own in enumerate(identities)
}

adverts = {h: m.advertise() for h, m in maskers.items()}
boxes = {h: m.share(adverts) for h, m in maskers.items()}
arrived = {h: maskers[h].mask(numbers[h], {o: boxes[o][h] for o in boxes if o != h}) for h in left}
peers = {h: maskers[h].peers() for h in left}
signatures = {h: maskers[h].confirm(left) for h in left}
revealed = {h: maskers[h].reveal(signatures) for h in left}
total = unmasked_sum(ROUND, threshold, adverts, peers, arrived, revealed)
print(
    "equal to the sum of three, bit by bit:", np.array_equal(total, sum(numbers[h] for h in left))
)

# %%
show_source(Masker.reveal)

# %% [markdown]
# Three things in this protocol are there because without them a lying server wins.
#
# - **Signed keys.** If the server could hand out keys of its own making, it could play all hospitals but one. So hospitals know each other's long-lived public keys (Ed25519) from a list that they agreed on when they founded the federation, not from the server.
# - **A threshold over half.** Else the server could tell two halves two different stories. Hospitals that help the server can sign both stories; if there may be $c$ of them among $n$, the threshold must be more than $(n + c)/2$, and at least $c + 2$, so that two honest ones are in every sum. The package's default, just over half, is against a server that lies alone.
# - **Fresh keys in each round.** A key that was given out in an old round must be worth nothing in a new one; a hospital refuses a round whose name is not newer than the last.

# %% [markdown] quiz="collusion"
# Five hospitals, threshold 4. Two of them and the server put their heads together. Nobody drops out, and the server does not pretend so. What do they learn about a third hospital's numbers?
#
# - [x] Nothing beyond the sum over the three others, which they can compute from the sum and their own numbers
#   > Right. They know all rows that they share with it, but not those that it shares with the two honest others, nor its self mask: two shares are fewer than four. With threshold 3 a lying server would win: it says that the two other honest hospitals dropped out, gets the sum over the third and its two helpers, and takes their numbers off.
# - [ ] Everything: they hold two shares each
#   > They hold one share each of every secret, two in all, and four are needed.
# - [ ] Nothing at all
#   > The sum over all, less their own two numbers, is the sum over the other three. Masks cannot hide what the sum itself says.

# %% [markdown]
# ## In a federation
#
# In Flower the hospital's part is a *mod* around its training, and the server's part stands before the strategy: keys and boxes go around before the training message, signatures and the shares that are given out after it. Everything else is as in lesson 05. Four hospitals, a small network, two rounds; in the second a hospital trains, and its line goes dead before it answers.

# %%
import torch

from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated import FederationSettings, MaskingPlan, federate
from fedlab_utils.federated.norm_lab import NormTask

tier = Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48))
task = NormTask(members, tier=tier, norm="instance", augment=False, seed=0)
settings = FederationSettings(rounds=2, local_steps=4, learning_rate=1e-2, evaluate_every=2)


def line_goes_dead(message, context, call_next):
    """A mod: the fourth hospital trains in round 2, and its answer never arrives."""
    answer = call_next(message, context)
    if context.node_config["partition-id"] == 3 and message.content["config"]["server-round"] == 2:
        raise ConnectionError("the line is dead")
    return answer


runs = {}
for name, masking in (("plain", None), ("masked", MaskingPlan(secure=True))):
    runs[name] = federate(task, settings, masking=masking, mods=[line_goes_dead])
    for report in runs[name].history:
        print(f"{name}, round {report.round}: left out {report.left_out or 'nobody'}")

# %%
apart = max(
    float((runs["masked"].last[n] - value).abs().max()) for n, value in runs["plain"].last.items()
)
largest = max(float(value.abs().max()) for value in runs["plain"].last.values())
count = sum(value.numel() for value in runs["plain"].last.values())
print(
    f"{count} weights; largest {largest:.2f}, largest difference between the two models {apart:.0e}"
)
for name, run in runs.items():
    print(f"{name:7} {1e3 * run.history[0].received:.0f} kB to the server in round 1")

# %% [markdown]
# The same model, but for the rounding of fixed point and of float32, which two rounds of AdamW have magnified a little. A masked weight takes 64 bits where a plain one takes 32, so that of a large model twice as much goes to the server. Of this small one it is less than that: names and headers of the plain messages, one array per layer, are a quarter of them, while a masked row is one array. Keys, boxes, signatures and shares, some hundred bytes per pair of hospitals, are counted too. In time, a hospital makes one row for each other hospital and one for itself: hundredths of a second here (the table below), little beside the training.

# %% [markdown]
# ## Another way: adding what is locked
#
# **Homomorphic encryption** lets the server add numbers that it cannot read. In the CKKS scheme (Cheon et al., 2017) a ciphertext holds thousands of numbers, two ciphertexts can be added, and the sum decrypts to the sum, with a small error. Here the hospitals share one secret key; the server has none. No masks, no pairs, no trouble when a hospital drops out: its ciphertext is just not in the sum.
#
# Below the maps go through TenSEAL, a library for this. (There is no TenSEAL for Macs with an Intel processor; there the cells say so and the lesson goes on.)

# %%
from importlib.util import find_spec

from fedlab_utils.privacy import CkksSettings, KeyHolder
from fedlab_utils.privacy.encryption import Adder, overheard

HERE = find_spec("tenseal") is not None
if not HERE:
    print("TenSEAL is not installed here: read on, the numbers below are in the stored notebook.")
else:
    ckks = CkksSettings(summands=4)
    first = KeyHolder(ckks)
    hospitals = [first, *(KeyHolder(ckks, first.secret()) for _ in members[1:])]
    server = Adder(first.public(), ckks, size)
    sent = [h.encrypt(maps[m.name].ravel()) for h, m in zip(hospitals, members)]
    for ciphertexts in sent:
        server.add(ciphertexts)
    total = hospitals[2].decrypt(server.total(), size, summed=4).reshape(48, 48)
    truth = sum(maps.values())
    error = np.linalg.norm(total - truth) / np.linalg.norm(truth)
    print(f"relative error of the sum: {error:.0e}")
    print(
        f"{size} numbers of a hospital in {len(sent[0])} ciphertexts of {len(sent[0][0]) / 1e6:.2f} MB"
    )

# %% [markdown]
# Now the weak spot. *One* hospital, or one administrator at one hospital, passes what the server stores through the key that all have in common:

# %%
if HERE:
    stolen = overheard(hospitals[2], sent[3], size, 1.0).reshape(48, 48)
    picture = server_view({"H4's map, read by H3 from what the server stored": stolen})
else:
    picture = None
picture

# %% [markdown]
# Everything lies open. Masks fall only when several hospitals help the server, how many is for the threshold to decide (with four hospitals and threshold 3, two); the shared key falls with one. (*Threshold* homomorphic encryption splits the key as Shamir splits a secret; TenSEAL does not have it.) There is a second, finer trap: what hides the key in a ciphertext is a small error, and decryption leaves that error in the last digits of the numbers. A server that holds a ciphertext, and is told its decryption with all digits, knows the error and can solve for the key (Li and Micciancio, 2021). It need not even cheat. Before a decrypted sum is handed to the server, its last digits must be drowned in noise, which takes longer numbers. The package's `publish` does that as far as double precision allows, which is less than the 128 bits of security that the encryption itself has.
#
# What do the ways cost? Four hospitals, 40,000 weights. *Each decrypts*: every hospital decrypts the sum, and the server never learns the model. *One publishes*: a hospital decrypts it, drowns its last digits, and hands it to the server. Bytes are per hospital and round, seconds at a hospital are a mean over hospitals, and the error is relative to the average in double precision.

# %%
from fedlab_utils.privacy import measure_costs

if HERE:
    print(f"{'way':22} {'MB up':>6} {'MB down':>8} {'s hospital':>11} {'s server':>9} {'error':>8}")
    for cost in measure_costs(40_000, 4):
        print(
            f"{cost.method:22} {cost.bytes_up / 1e6:6.2f} {cost.bytes_down / 1e6:8.2f} "
            f"{cost.hospital_seconds:11.3f} {cost.server_seconds:9.3f} {cost.error:8.0e}"
        )

# %% [markdown]
# Encryption sends eight times the bytes of plain float32, or seventeen times where a sum is published. It takes some ten times a hospital's seconds under masks, which is still little beside training. Its error is smaller than float32's own, or about ten times as large where the last digits are drowned. What decides is not speed. It is whom you have to trust.
#
# ## What masks do not do
#
# | who | sees | does not see |
# |---|---|---|
# | the server | the sum over those who are left; how many patients each hospital has; its training loss and scores, who dropped out | any hospital's update |
# | another hospital | the new model, as before | any other's update |
# | server and $c$ of $n$ hospitals together (threshold more than $(n + c)/2$, and at least $c + 2$) | the sum over the others that are left, two at least | a single honest hospital's update |
# | whoever taps the line | who sends how much, and when, if messages are encrypted | what is in them |
#
# - **The sum itself speaks.** With two hospitals each knows the other's part: the package asks for three. If a hospital takes part in one round and not in the next, the difference of two sums says something about it. A patient's mark on the average is smaller than on the hospital's update, and it is still there. What bounds it is differential privacy (lesson 09), and the two go together: clip and add noise at home, then mask. The guarantee then comes from the noise, in the view of everyone who sees what leaves the hospital; the masks add that the server sees the sum alone.
# - **Nobody can look for cheats.** In lesson 05 the server left out answers that were not finite, or absurd. Under masks one hospital's garbage spoils the sum, and nobody can tell whose it was. Rules that compare hospitals with each other (the median, Krum, in a later lesson) need to see them, and do not work under these masks. Protocols exist in which a hospital proves that its hidden numbers are within bounds (RoFL, Lycklama et al., 2023), at a much higher price; the package has none.
# - **A server that prepares the model** is not stopped. It can send weights of its own making, so built that a slice can be read out of the sum itself (Fowl et al., 2022), or different weights to each hospital, so that all but one contribute nothing that it does not know (Pasquini et al., 2022). Masks are for a server that sends the model it should.
# - **The hospital's own word.** That it trains on the patients it says, on as many as it says, is not proved by masks.
# - **The model that comes out** is the same as without masks, and says as much about patients as before. Membership inference (lesson 08) works on it.

# %% [markdown] quiz="masks-protect"
# A federation of twenty hospitals runs secure aggregation, without differential privacy. Which attacks of a curious server does that stop?
#
# - [x] Reconstructing a patient's slice from one hospital's update
#   > Right: it never sees one hospital's update. From the sum over twenty a slice is far harder to get, though nothing proves that it cannot be done. (A server that is not just curious, and sends a model made for the purpose, has done it.)
# - [ ] Finding out whether a patient was among those that the final model was trained on
#   > The final model is the same. Whoever holds it can try membership inference.
# - [ ] A hospital that sends a sabotaged update
#   > On the contrary: under masks nobody can look at single updates.

# %% [markdown]
# ## What you have learnt
#
# - Masks that are uniform on whole numbers modulo a power of two hide perfectly and cancel exactly; floating point does neither.
# - Pairwise masks cancel in the sum. Dropouts need secret sharing, and secret sharing needs a second mask, or a lying server sees everything.
# - Hospitals must know each other's keys from somewhere else than the server, and set the threshold by how many of them might help it.
# - Secure aggregation hides updates from the server, and nothing from the sum. It forbids looking for cheats.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - K. Bonawitz et al., Practical secure aggregation for privacy-preserving machine learning. CCS 2017. doi:10.1145/3133956.3133982
# - J. H. Cheon, A. Kim, M. Kim, Y. Song, Homomorphic encryption for arithmetic of approximate numbers. ASIACRYPT 2017. doi:10.1007/978-3-319-70694-8_15
# - W. Diffie, M. E. Hellman, New directions in cryptography. IEEE Transactions on Information Theory 22:644-654, 1976. doi:10.1109/TIT.1976.1055638
# - A. Langley, M. Hamburg, S. Turner, Elliptic curves for security (X25519). RFC 7748, 2016.
# - L. Fowl, J. Geiping, W. Czaja, M. Goldblum, T. Goldstein, Robbing the Fed: directly obtaining private data in federated learning with modified models. ICLR 2022. arXiv:2110.13057
# - S. Josefsson, I. Liusvaara, Edwards-curve digital signature algorithm (Ed25519). RFC 8032, 2017.
# - B. Li, D. Micciancio, On the security of homomorphic encryption on approximate numbers. EUROCRYPT 2021. IACR ePrint 2020/1533
# - H. Lycklama et al., RoFL: robustness of secure federated learning. IEEE Symposium on Security and Privacy 2023. arXiv:2107.03311
# - Y. Nir, A. Langley, ChaCha20 and Poly1305 for IETF protocols. RFC 8439, 2018.
# - D. Pasquini, D. Francati, G. Ateniese, Eluding secure aggregation in federated learning via model inconsistency. CCS 2022. arXiv:2111.07380
# - A. Shamir, How to share a secret. Communications of the ACM 22:612-613, 1979. doi:10.1145/359168.359176
# - Regulation (EU) 2016/679 (GDPR), article 4 and recital 26; HIPAA, 45 CFR 164.514.
