# ---
# title: Hostile hospitals
# data: phantom or a BraTS folder
# minutes: 90
# ---

# %% [markdown]
# # What if a hospital lies to the federation?
#
# So far every hospital was honest, and perhaps curious. Now some are hostile: they send what they like in the place of their updates, because they were broken into, want the model to fail, want it for nothing, or have a bug. The server sees numbers, and no patients. Whom can it believe?
#
# *For physicians.* Eight colleagues are asked for an opinion, two of them are bribed, and you do not know which. If you average, one absurd answer decides. If you take the middle opinion, absurd answers lose their power, and plausible lies keep theirs. If you trust those who agree with each other, you lose the colleague who alone sees children, and agrees with nobody, for good reasons. All rules of this lesson are forms of these three, and each has its price.
#
# *For computer scientists.* **Byzantine** clients (after Lamport et al., 1982) may send anything, and know everything that the threat model grants them. Of $n$ updates $f$ are hostile; an aggregation rule is to return something close to the honest mean, whatever those $f$ are. All rules need that honest updates resemble each other, and that is the assumption that hospitals with different patients break.
#
# When you are done you can
#
# - write Krum and the trimmed mean, and say what each assumes,
# - break Krum with a lie that is smaller than honest differences,
# - tell an honest hospital with other patients from a hostile one, or say why the server cannot,
# - say what bucketing and client momentum do about that, and what they need,
# - measure a backdoor by its success, since Dice does not show it,
# - say why secure aggregation (lesson 10) forbids all of this.

# %%
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
from fedlab_utils.federated import AttackPlan, FederationSettings, RobustPlan, federate
from fedlab_utils.federated.attack_lab import MEAN, WarmTask, attacked_run

# %% [markdown]
# ## Eight hospitals and a warm model
#
# The patients are dealt at random to nine hospitals. The ninth stands for public patients, which one of the rules needs; the other eight federate a small network, which is trained in a few seconds. From that warm model every experiment below goes on for three short rounds. One seed, few patients: this shows how things work, and the recorded study at the end says how large they are.

# %%
coarse = PreprocessSettings(spacing=4.0)
some = several_patients(48, coarse)
dealt = make_hospitals(some, 9, "iid", seed=0, fractions=(0.6, 0.0, 0.4))
*members, public = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]

how = {
    "tier": Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48)),
    "batch": 8,
    "augment": False,
    "device": "cpu",
}
torch.set_num_threads(1)
warm_up = FederationSettings(
    rounds=10, local_steps=8, learning_rate=1e-2, schedule="cosine", evaluate_every=100
)
warm = federate(WarmTask(members, **how), warm_up)
task = WarmTask(members, start=warm.last, seed=1, **how)
root = WarmTask([public], start=warm.last, seed=1, **how)
print(f"warm model: Dice {warm.summary()['patients']:.3f} on the hospitals' test patients")

# %% [markdown]
# A hostile hospital runs the same code as the others. What it sends is changed by a *mod* around its training, as in lesson 10, so that any hospital can be made hostile. The server answers with a rule in the place of the average.

# %%
from fedlab_utils.federated import attacks

show_source(attacks.sign_flip)
show_source(attacks.inner_product)

# %%
from functools import cache

short = FederationSettings(rounds=3, local_steps=4, learning_rate=3e-3, evaluate_every=100)


@cache
def attacked(attack, robust):
    """Three rounds with an attack and a rule; what was run once is not run again."""
    return attacked_run(task, short, attack, robust, root)


NOBODY, TWO = AttackPlan(), "2,6"
for name, attack in {
    "nobody": NOBODY,
    "noise, 10 times as long": AttackPlan("noise", TWO, 10.0),
    "regions swapped, 4 times": AttackPlan("label-flip", TWO, 4.0),
    "sign flip, 4 times": AttackPlan("sign-flip", TWO, 4.0),
    "scaled, 10 times": AttackPlan("scaled", TWO, 10.0),
}.items():
    run = attacked(attack, MEAN)
    honest = attacked(NOBODY, MEAN).dice_without(run.hostile)
    print(f"{name:25} Dice {run.dice:.3f} (these hospitals with nobody hostile: {honest:.3f})")

# %% [markdown]
# *Did you expect that order?* Dice is that of the six honest hospitals' test patients. Noise ten times as long as an honest update hardly matters: in a space of 38,640 weights a random direction is nearly at right angles to everything that the network cares about. What hurts has a *direction*: turned around, or along the road and far too long. Lies that know what honest hospitals say are the dangerous ones.

# %% [markdown] quiz="own-size"
# In lesson 05 hospitals were weighted by the number of patients that they say they have. What does a robust rule do with that number?
#
# - [ ] It uses it as before; the number was screened
#   > Screening finds impossible numbers. A hostile hospital says the largest possible one, and is half of the average.
# - [x] It ignores it: every hospital counts once
#   > Right. A hospital's word about its own importance is the first thing that a hostile one would lie about. The price: a large honest hospital counts no more than a small one.
# - [ ] It takes the median of all numbers
#   > Then all have the same number, which is the same as ignoring it.

# %% [markdown]
# ## Krum: believe whoever has neighbours
#
# **Krum** (Blanchard et al., 2017) chooses *one* update. Each update gets a score: the sum of the *squared* distances to its $n-f-2$ nearest others. The smallest score wins. Why $n-f-2$? There are $n-f$ honest updates. Each of them has $n-f-1$ honest others; the theory asks for one fewer, so that even an honest update's score is decided by honest neighbours alone. And it asks for $n \ge 2f+3$, so that hostile ones among the neighbours stay a minority.
#
# Write it. Distances between all pairs fit into one array.


# %% exercise="krum"
def my_krum(rows, hostile):
    """Return which update Krum chooses: the number of its row.

    rows: array (n, d), one update per hospital. hostile: f, how many of them may be hostile.
    The score of an update is the sum of squared distances to its n - f - 2 nearest others; the smallest wins.
    """
    # BEGIN SOLUTION: squared distances of all pairs, none to itself; sort, sum over the nearest, find the least
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = np.sort(squares, axis=1)[:, : len(rows) - hostile - 2]
    return int(nearest.sum(axis=1).argmin())
    # END SOLUTION


# %% [markdown] hint="krum"
# `rows[:, None] - rows` holds the difference of each pair, of shape (n, n, d).

# %% [markdown] hint="krum"
# Nobody is its own neighbour: put `np.inf` on the diagonal with `np.fill_diagonal`. Then `np.sort(squares, axis=1)[:, :k]` are the `k` nearest of each.


# %% wrong="krum" diagnosis="n - f neighbours"
def my_krum(rows, hostile):
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    count = min(len(rows) - hostile, len(rows) - 1)
    return int(np.sort(squares, axis=1)[:, :count].sum(axis=1).argmin())


# %% wrong="krum" diagnosis="n - f - 3 neighbours"
def my_krum(rows, hostile):
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    return int(np.sort(squares, axis=1)[:, : len(rows) - hostile - 2].sum(axis=1).argmin())


# %% wrong="krum" diagnosis="not squared"
def my_krum(rows, hostile):
    distances = np.linalg.norm(rows[:, None] - rows, axis=2)
    np.fill_diagonal(distances, np.inf)
    return int(np.sort(distances, axis=1)[:, : len(rows) - hostile - 2].sum(axis=1).argmin())


# %% wrong="krum" diagnosis="all others"
def my_krum(rows, hostile):
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    return int(squares.sum(axis=1).argmin())


# %% [markdown] equivalent="krum"
# - `nearest = np.sort(squares, axis=1)[:, :len(rows) - hostile - 2]` -> `nearest = np.sort(squares)[:, :len(rows) - hostile - 2]`: numpy sorts along the last axis when it is not told otherwise

# %% [markdown]
# The package's Krum works on large matrices, refuses $n < 2f + 3$ with the numbers, and computes small distances anew, since $|x|^2 + |y|^2 - 2xy$ loses digits where two updates are much closer together than they are long. Choosing one hospital of eight throws seven away; **Multi-Krum** averages the $n-f-2$ best scored ones.

# %%
from fedlab_utils.federated.robust_rules import krum, multi_krum, trimmed_mean

show_source(krum)
show_source(multi_krum)

# %% [markdown]
# ## The trimmed mean: believe nobody at the edges
#
# The other idea treats each weight of the network by itself. In each coordinate sort the $n$ values, leave out the $f$ largest and the $f$ smallest, and average what is left (Yin et al., 2018). With as many trimmed as possible only the middle is left: the **median**. A hostile value is either trimmed, or it lies between honest ones and does little harm *in that coordinate*.


# %% exercise="trimmed_mean"
def my_trimmed_mean(rows, hostile):
    """Return in each coordinate the mean of what is left without the f largest and the f smallest values.

    rows: array (n, d), one update per hospital. hostile: f, 0 or more, less than half of n.
    Return an array (d,).
    """
    # BEGIN SOLUTION: sort each column, cut f off both ends (f may be 0), average
    ordered = np.sort(rows, axis=0)
    return ordered[hostile : len(rows) - hostile].mean(axis=0)
    # END SOLUTION


# %% [markdown] hint="trimmed_mean"
# `np.sort(rows, axis=0)` sorts each column by itself: its first row holds every coordinate's smallest value, whoever sent it.

# %% [markdown] hint="trimmed_mean"
# Keep rows `hostile` to `len(rows) - hostile` of the sorted array. (`[f:-f]` is empty where f is 0.)


# %% wrong="trimmed_mean" diagnosis="Whole hospitals are trimmed"
def my_trimmed_mean(rows, hostile):
    by_length = rows[np.linalg.norm(rows, axis=1).argsort()]
    return by_length[hostile : len(rows) - hostile].mean(axis=0)


# %% wrong="trimmed_mean" diagnosis="largest values only"
def my_trimmed_mean(rows, hostile):
    return np.sort(rows, axis=0)[: len(rows) - hostile].mean(axis=0)


# %% wrong="trimmed_mean" diagnosis="without sorting"
def my_trimmed_mean(rows, hostile):
    return rows[hostile : len(rows) - hostile].mean(axis=0)


# %% wrong="trimmed_mean" diagnosis="is empty"
def my_trimmed_mean(rows, hostile):
    return np.sort(rows, axis=0)[hostile:-hostile].mean(axis=0)


# %% [markdown]
# Two more rules complete the bench. **Norm clipping** (Sun et al., 2019) shortens updates that are longer than the median length: it bounds what one hospital can do, and removes nothing. **FLTrust** (Cao et al., 2021) lets the server train on public patients of its own, and trusts a hospital as far as its update points the same way.
#
# ## The workbench
#
# Choose an attack, how many are hostile, and a rule. Every rule is told that two may be. Each point is a hospital's update in the last of three rounds: to the right is the direction of the honest mean, up and down the direction in which updates differ most besides. A disc's area says how much of a hospital's update was taken (for median and trimmed mean: in how many coordinates), a ring is a hospital that was not taken at all. The star is what the rule made of it.
#
# *Predict, then look:*
#
# 1. Sign flip against the plain mean: where will the star be? Then against the median, and Krum.
# 2. *Inner product, half as long*: the hostile hospitals send a short step backwards. Which rule falls for it: the mean, or Krum?
# 3. Three hostile hospitals of eight, and rules told of two.

# %%
from fedlab_utils.ui import RobustnessExplorer

RobustnessExplorer(attacked)

# %% [markdown]
# The plane shows two of 38,640 directions. An honest update has length 1, and with the phantoms only some 0.6 of that lies along the mean; the rest leads *aside*, each to another side, in directions that the plane does not show: few patients, few steps, and AdamW, whose steps are of one length however noisy the gradient is. In the mean, what leads aside cancels. Keep that in mind for the next section: **an honest hospital is far from all others, and the middle is empty.**
#
# ## Breaking Krum
#
# If the middle is empty, a liar can sit there. *A little is enough* (**ALIE**, Baruch et al., 2019): take the mean of honest updates and go a little beside it, by $z$ standard deviations in each coordinate, to the side that is wrong,
#
# $$\text{lie} = \text{mean} - z \cdot \text{deviation}$$
#
# All hostile hospitals send the same lie, so that each has a neighbour at distance 0. The larger $z$, the more harm, and at some $z$ Krum chooses another one. The attacker knows the rule, and can try at home. Find the largest lie that passes.


# %% exercise="largest_lie"
def my_largest_lie(benign, copies, zs, krum):
    """Return the lie with the largest z that Krum still believes.

    benign: array (m, d), the honest updates. copies: how many hostile hospitals send the lie.
    zs: numbers, rising; the first one passes. krum: a function (rows, f) -> number of the row that it chooses.
    A lie is the mean less z standard deviations (`np.std`) of the benign updates in each coordinate. It passes if Krum, told of f = copies, chooses one of the copies among all m + copies updates.
    Return the lie, an array (d,).
    """
    # BEGIN SOLUTION: for each z put the copies below the benign rows, ask krum; keep the last lie that was chosen
    for z in zs:
        lie = benign.mean(axis=0) - z * benign.std(axis=0)
        rows = np.vstack([benign, np.tile(lie, (copies, 1))])
        if krum(rows, copies) >= len(benign):
            largest = lie
    return largest
    # END SOLUTION


# %% [markdown] hint="largest_lie"
# `np.tile(lie, (copies, 1))` is the lie as often as it is sent; `np.vstack` puts it below `benign`.

# %% [markdown] hint="largest_lie"
# The copies are the rows from `len(benign)` on, so `krum(rows, copies) >= len(benign)` says that the lie was believed. Keep it, and go on to the next z.


# %% wrong="largest_lie" diagnosis="on the other side"
def my_largest_lie(benign, copies, zs, krum):
    for z in zs:
        lie = benign.mean(axis=0) + z * benign.std(axis=0)
        rows = np.vstack([benign, np.tile(lie, (copies, 1))])
        if krum(rows, copies) >= len(benign):
            largest = lie
    return largest


# %% wrong="largest_lie" diagnosis="each coordinate has its own"
def my_largest_lie(benign, copies, zs, krum):
    for z in zs:
        lie = benign.mean(axis=0) - z * benign.std()
        rows = np.vstack([benign, np.tile(lie, (copies, 1))])
        if krum(rows, copies) >= len(benign):
            largest = lie
    return largest


# %% wrong="largest_lie" diagnosis="One copy of the lie"
def my_largest_lie(benign, copies, zs, krum):
    for z in zs:
        lie = benign.mean(axis=0) - z * benign.std(axis=0)
        if krum(np.vstack([benign, lie]), copies) >= len(benign):
            largest = lie
    return largest


# %% wrong="largest_lie" diagnosis="the smallest z"
def my_largest_lie(benign, copies, zs, krum):
    for z in zs:
        lie = benign.mean(axis=0) - z * benign.std(axis=0)
        rows = np.vstack([benign, np.tile(lie, (copies, 1))])
        if krum(rows, copies) >= len(benign):
            return lie


# %% [markdown]
# Now on the honest updates of the run above. Here the attacker is *omniscient*: it has all six honest updates. (In the federation, and so in the workbench, two colluders know only what they themselves would have sent honestly, and estimate mean and deviation from these two.)

# %%
quiet = attacked(NOBODY, MEAN)
benign = np.delete(quiet.rows, [2, 6], axis=0).astype(float)
middle, spread = benign.mean(axis=0), benign.std(axis=0)
apart = np.linalg.norm(benign[:, None] - benign, axis=2)
print(f"honest updates are {np.median(apart[apart > 0]):.2f} from each other (median),")
print(f"and {np.median(np.linalg.norm(benign - middle, axis=1)):.2f} from their mean")
for z in (0.0, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0):
    lie = middle - z * spread
    rows = np.vstack([benign, lie, lie])
    taken = krum(rows, 2).weights.argmax() >= len(benign)
    cosine = lie @ middle / np.linalg.norm(lie) / np.linalg.norm(middle)
    print(
        f"z {z:.1f}: Krum believes {'the lie' if taken else 'an honest one':14} cosine to the honest mean {cosine:+.2f}"
    )

# %% [markdown]
# The cosine says where the lie leads: 1 is where the honest mean goes, 0 at right angles, below 0 backwards. Even the largest lie that passes still leads forward a little: most of it is deviation that no hospital asked for, and it takes the place of what the hospitals learnt, but it does not turn the model around. **Inner-product manipulation** (Xie et al., 2020) needs no deviation at all: the honest mean turned around and made short. Being short, it is near the empty middle, and Krum takes it.

# %%
KRUM, MULTI = RobustPlan("krum", 2), RobustPlan("multi-krum", 2)
short_step = AttackPlan("ipm", TWO, 0.5)
for name, robust in {"plain mean": MEAN, "Krum": KRUM, "Multi-Krum": MULTI}.items():
    run = attacked(short_step, robust)
    rounds = [[report.rule[h]["weight"] for h in run.hostile] for report in run.federation.history]
    parts = ", ".join(f"{sum(pair):.0%}" for pair in rounds)
    clean = attacked(NOBODY, robust).dice_without(run.hostile)
    print(
        f"{name:11} Dice {run.dice:.3f}, without the attack {clean:.3f}; weight of the hostile two by round: {parts}"
    )

# %% [markdown]
# The rule that was to keep liars out may give them all the weight, in every round, where the plain mean gives them their quarter. How much that harms depends on how long it goes on: three short rounds from a warm model are little, and the recorded study below has sixty from a cold one. But the point does not need Dice: **Krum is safe against what is far away, and invites what is near.** A proof that a rule "tolerates $f$ Byzantine workers" is about updates whose honest scatter is small beside their mean. Look at the workbench: here it is the other way around.

# %% [markdown] quiz="why-krum-falls"
# Why does Krum believe a short step backwards, sent twice, among six honest updates?
#
# - [x] The two copies are at distance 0 from each other, and a short vector is nearer to each honest update than honest ones are to each other
#   > Right. Honest updates at right angles, all of length 1, are $\sqrt2$ apart; from the origin each is 1 away.
# - [ ] Krum measures angles, and a short vector has none
#   > It measures distances. The short vector's direction plays hardly any role, which is the trouble.
# - [ ] n >= 2f + 3 is violated
#   > 8 is more than 7. The precondition holds; what does not hold is that honest updates are alike.

# %% [markdown]
# ## Honest, and taken for hostile
#
# Twelve hospitals, **all honest**, sorted by the size of their tumours: the first has the smallest, the last the largest. From the warm model each trains a round, four times with other draws of its patients' slices (plain SGD here, whose updates tell more of the patients than AdamW's). In each of the four Multi-Krum, told that two may be hostile, chooses eight. *Guess:* does it leave out the same four each time?

# %%
from fedlab_utils.federated.bucketing import bucketed
from fedlab_utils.federated.drift import local_models

dealt = make_hospitals(some, 12, "volume", skew=1.0, seed=0, fractions=(0.9, 0.0, 0.1))
others = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]
apart_task = WarmTask(others, start=warm.last, seed=1, **how)
sgd = FederationSettings(local_steps=8, optimiser="sgd", learning_rate=0.3, weight_decay=0.0)


def honest_rows(number):
    """Return what each hospital's training makes of the warm model in a round, a row each."""
    models = local_models(apart_task, sgd, warm.last, number)
    moved = [[(m[n] - warm.last[n]).numpy().ravel() for n in warm.last] for m in models]
    return np.array([np.concatenate(parts) for parts in moved], float)


four = [honest_rows(number) for number in (1, 2, 3, 4)]
left_out = sum((multi_krum(rows, 2).weights == 0).astype(int) for rows in four)
rows = four[0]
for member, times in zip(others, left_out):
    volume = np.mean([(np.asarray(p.labels) > 0).sum() * 0.064 for p in member.train])
    print(f"{member.name}: tumours of {volume:5.1f} ml on average, left out {times} times of 4")

# %% [markdown]
# If it were chance, each hospital would be left out now and then. A hospital that differs is left out again and again, and its patients are as good as not there. A rule cannot tell *other* from *hostile*: to the server both are an update far from the rest.
#
# **Bucketing** (Karimireddy et al., 2022): put hospitals into buckets of $s$ at random, average within the bucket, and let the rule see the averages. Averages of two differ less (half the variance), and an odd hospital travels with another one. In each round the buckets are drawn anew. The price: a hostile hospital spoils its bucket, so that of only $n/s$ buckets still $f$ may be hostile. *Before you run it:* twelve hospitals, buckets of two, Multi-Krum needs $2f+3$. For how many hostile ones is that enough?

# %%
plan = RobustPlan("multi-krum", hostile=1, bucket=2)
draws = 200
parts = np.zeros(len(rows))
for draw in range(draws):
    combined, _ = plan.combine(rows, np.random.default_rng(draw))
    parts += combined.weights / draws
alone = multi_krum(rows, 1).weights
means, _ = bucketed(rows, 2, np.random.default_rng(0))


def scatter(updates):
    """Return the updates' mean squared distance to their mean, over the mean's squared length."""
    middle = updates.mean(axis=0)
    return np.square(updates - middle).sum(axis=1).mean() / np.square(middle).sum()


print(f"scatter of hospitals {scatter(rows):.1f}, of buckets of two {scatter(means):.1f}")
for member, before, after in zip(others, alone, parts):
    print(f"{member.name} weight {before:5.1%} alone, {after:5.1%} in buckets")

# %% [markdown]
# In buckets nobody is left out for good. With eight hospitals, buckets of two would make four rows, and the median withstands one hostile row among four ($2f+1 \le 4$); two hostile hospitals of eight are too many for it, and the package says so before the run begins:

# %%
from fedlab_utils.errors import FedLabError

try:
    federate(task, short, robust=RobustPlan("median", hostile=2, bucket=2))
except FedLabError as error:
    print(error)

# %% [markdown]
# **Client momentum** (Karimireddy et al., 2021) works on chance instead: each hospital sends $m \leftarrow (1-\beta)\,u + \beta\, m$, a running mean of what it did over several rounds. What was chance in a round averages out; what the hospital's patients say stays. So the scatter falls where it comes from few batches, and a lie as small as the scatter must become smaller. *Guess:* will it fall here?

# %%
longer = FederationSettings(rounds=5, local_steps=4, learning_rate=3e-3, evaluate_every=100)
for beta in (0.0, 0.8):
    run = attacked_run(task, longer, robust=RobustPlan("median", 2, client_momentum=beta))
    print(
        f"momentum {beta:.1f}: scatter of the eight hospitals {scatter(run.rows.astype(float)):.1f}, Dice {run.dice:.3f}"
    )

# %% [markdown]
# With the phantoms it does not: what sets these hospitals apart is not the luck of a batch, it is that each has four or five patients, the same ones in every round. Momentum has an answer to the first and none to the second. (The proofs are for many rounds of small steps, where chance is most of the scatter.) Try it, with the study's figures, before you pay for it.

# %% [markdown] quiz="odd-hospital"
# In a federation of twelve, Multi-Krum leaves out the same hospital in every round. What do you do?
#
# - [ ] Exclude it: the rule has found the attacker
#   > It has found who differs. That may be the only hospital with children, or with an old scanner.
# - [x] Ask the hospital what is special about its patients and scanners, and look at how the model does on its own validation patients
#   > Right. The rule cannot tell; people can. If the model fails there and nowhere else, it is more likely other than hostile.
# - [x] Try bucketing, if there are enough hospitals for the number that may be hostile
#   > Right: it gives the hospital a part in most rounds, at the price of tolerating fewer hostile ones.
# - [ ] Raise f, so that the rule is safer
#   > A larger f makes Multi-Krum leave out more honest hospitals, not fewer.

# %% [markdown]
# ## The backdoor
#
# Not every attacker wants the model to fail. This one wants it to be excellent, *except* where a bright square in FLAIR says: no tumour here. In half of its training images it writes the marker and denies the tumour; the others stay as they are (after Bagdasaryan et al., 2020). To outweigh the honest majority it sends its update several times as long: four times, by two of eight hospitals, puts their model in the place of the average. The rounds are more and longer here, six of twenty steps, since a backdoor takes some learning.
#
# Dice on test patients says nothing about it, since no test patient has the marker. What counts is the **success rate**: the share of patients in whom the marker makes nine tenths of the tumour that the model finds disappear.

# %%
from fedlab_utils.federated.spoilt_data import backdoor_success, plant_backdoor

show_source(plant_backdoor)

# %%
honest_test = [p for number, m in enumerate(members) if number not in (2, 6) for p in m.test]
backdoor = AttackPlan("backdoor", TWO, 4.0)
patient = FederationSettings(
    rounds=6, local_steps=20, learning_rate=1e-2, schedule="cosine", evaluate_every=100
)
for name, robust in {
    "plain mean": MEAN,
    "median": RobustPlan("median", 2),
    "Multi-Krum": MULTI,
}.items():
    run = attacked_run(task, patient, backdoor, robust)
    success = backdoor_success(task.model(run.federation.last), honest_test)
    print(
        f"{name:11} Dice {run.dice:.3f}, the marker hides the tumour in {success:.0%} of patients"
    )

# %% [markdown]
# Read both columns together. With the phantoms the plain mean's Dice gives nothing away: it is no worse than with a rule, and in a part of the patients the tumour is gone at a sign. A backdoor that also ruins Dice is noticed by anyone who looks at validation patients, and sends the attacker home; one that succeeds at a Dice like everybody's is the one to fear. A hospital that sends its update at honest length, and is patient, is hard to find with any rule of this lesson: it does train on real patients, and most of what it says is true.
#
# ## Caught without any rule
#
# Two kinds of misbehaviour are found by looking at one answer at a time. Who sends NaN, or infinity, is refused before anything is averaged; a single NaN would make every weight NaN. Who did not train, and sends the model back (a **free rider**, who wants the model for nothing), has an update of length 0 beside the others'.

# %%
for attack in ("nan", "free-rider"):
    run = attacked(AttackPlan(attack, TWO), RobustPlan("median", 2))
    for name, why in run.left_out.items():
        print(f"{attack:10} {name}: {why}")
    clean = attacked(NOBODY, RobustPlan("median", 2)).dice_without(run.hostile)
    print(f"{'':10} Dice {run.dice:.3f}, {clean:.3f} with nobody hostile")

# %% [markdown]
# A cleverer free rider sends noise of a fair length, or last round's change again, and is not found this way. That it *did not train* can then only be guessed from how little its updates help.
#
# ## Why masks forbid all this
#
# Every rule above looked at single updates. Secure aggregation (lesson 10) was built so that the server cannot. The package keeps one table of what goes together, and refuses the rest before the first round:

# %%
from fedlab_utils.federated import MaskingPlan
from fedlab_utils.federated.combinations import RULES, clash_of

for rule in RULES:
    print(f"masks with {rule:13} {clash_of('masks', rule).why}")
try:
    federate(task, short, masking=MaskingPlan(secure=True), robust=KRUM)
except FedLabError as error:
    print(error)

# %% [markdown]
# So a federation has to say whom it distrusts: the *server*, then masks hide updates from it, and a hostile hospital goes unseen; or *hospitals*, then the server must see what each one sends, and can try to read patients out of it (lesson 08). Differential privacy at home (lesson 09) goes with either, but its noise widens the scatter in which lies hide. Ways to have both exist in papers (hospitals prove in zero knowledge that an update is short, or several servers compute a rule together), at a price in computing, and are not in this course.

# %% [markdown] quiz="whom-to-distrust"
# Five university hospitals under one contract, each with its own security team; the server is rented from a company. Which protection do you take first?
#
# - [x] Masks: the stranger here is the server
#   > Right. Hospitals that know each other have other means against liars than statistics: contracts, audits, people. With five of them Krum would withstand one liar (2f + 3 = 5), and see four fifths of the updates thrown away.
# - [ ] Krum with f = 1
#   > It withstands one hostile hospital, chooses one hospital's update in each round, and shows every update to the server.
# - [ ] Both
#   > They exclude each other: the rule needs to see what the masks hide.

# %% [markdown]
# ## Over all seeds
#
# The recorded study trains the small stand-in for sixty rounds over eight hospitals, alike (IID) or sorted by the size of their tumours (*volume*). Two are hostile, others on each seed, and every rule is told of two. On two seeds of their own every rule meets every untargeted attack, and the rule whose *worst* attack leaves the best validation score of honest hospitals is **the chosen one**. On the same seeds an attacker who knows that rule tries more attacks and strengths, and the most harmful is **the adapted one**. Five other seeds, with other patients, are reported: the chosen rule and FedAvg under every attack, and what each rule costs when nobody is hostile. Only honest hospitals' patients count.

# %%
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import attack_grid, backdoor_table, kept_of_clean, provenance_line, rule_costs

recorded = read_rows("robustness")
note = provenance_line(recorded) if recorded else ""
missing = (
    "Nothing is recorded yet; `python -m fedlab_utils study robustness` works on it, for hours."
)
attack_grid(recorded, note) if recorded else print(missing)

# %%
kept_of_clean(recorded, note) if recorded else print(missing)

# %%
rule_costs(recorded, note) if recorded else print(missing)

# %%
backdoor_table(recorded) if recorded else print(missing)

# %% [markdown]
# Read the second figure as a court would: the left end of an interval against the line at 97 %. A rule that keeps that under every attack of a list has withstood *that list*. The adapted attack is there to remind of the others: it was found by trying a few strengths, on two seeds, by somebody who knew the rule. Real attackers have more time.
#
# ## What you have learnt
#
# - A mean has no defence: one long update with a direction decides it. Random noise, even long, does little.
# - Krum trusts who has neighbours, the trimmed mean trusts the middle of each coordinate. Both ignore what hospitals say of their own size, and each has a minimum of hospitals for a number of liars.
# - All rules assume that honest updates are alike. Where their scatter is larger than their mean, a small lie in the empty middle is more believable than any honest update.
# - Honest hospitals with other patients are left out as if hostile. Bucketing halves the scatter and needs many hospitals; momentum helps where scatter is chance, and here it is not.
# - A backdoor is judged by its success rate, a free rider and a NaN sender by detection.
# - Masks and robust rules exclude each other: decide whom to distrust.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - E. Bagdasaryan et al., How to backdoor federated learning. AISTATS 2020. arXiv:1807.00459
# - G. Baruch, M. Baruch, Y. Goldberg, A little is enough: circumventing defenses for distributed learning. NeurIPS 2019. arXiv:1902.06156
# - P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer, Machine learning with adversaries: Byzantine tolerant gradient descent. NeurIPS 2017. arXiv:1703.02757
# - X. Cao, M. Fang, J. Liu, N. Z. Gong, FLTrust: Byzantine-robust federated learning via trust bootstrapping. NDSS 2021. arXiv:2012.13995
# - S. P. Karimireddy, L. He, M. Jaggi, Learning from history for Byzantine robust optimization. ICML 2021. arXiv:2012.10333
# - S. P. Karimireddy, L. He, M. Jaggi, Byzantine-robust learning on heterogeneous datasets via bucketing. ICLR 2022. arXiv:2006.09365
# - L. Lamport, R. Shostak, M. Pease, The Byzantine generals problem. ACM Transactions on Programming Languages and Systems 4:382-401, 1982. doi:10.1145/357172.357176
# - Z. Sun, P. Kairouz, A. T. Suresh, H. B. McMahan, Can you really backdoor federated learning? 2019. arXiv:1911.07963
# - C. Xie, O. Koyejo, I. Gupta, Fall of empires: breaking Byzantine-tolerant SGD by inner product manipulation. UAI 2019. arXiv:1903.03936
# - D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, Byzantine-robust distributed learning: towards optimal statistical rates. ICML 2018. arXiv:1803.01498
