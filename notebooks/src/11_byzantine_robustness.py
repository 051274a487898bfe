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
# *For computer scientists.* **Byzantine** clients (after Lamport et al., 1982) may send anything, and know everything that the threat model grants them. Of $n$ updates $f$ are hostile; an aggregation rule is to return something close to the honest mean, whatever those $f$ are. Most rules need that honest updates resemble each other, and that is the assumption that hospitals with different patients break.
#
# When you are done you can
#
# - write Krum and the trimmed mean, and say what each assumes,
# - break Krum with a lie that is smaller than honest differences,
# - say why a server cannot tell an honest hospital with other patients from a hostile one, and what it loses with it,
# - say what bucketing and client momentum do about that, and what they need,
# - measure a backdoor by its success, since Dice does not show it,
# - say why secure aggregation (lesson 10) and these rules need each other's opposite.

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

# %%
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
# *Did you expect that order?* Dice is that of the six honest hospitals' test patients. What hurts has a *direction*: turned around, or along the road and far too long. Both of those know nothing but the liar's own honest update. Noise needs more length. Two of eight send it, ten times as long as an honest update: the average moves about $10\sqrt{2}/8 \approx 1.8$ lengths sideways, but in a space of 38,640 weights a random direction has a cosine of about $1/\sqrt{38640} \approx 0.005$ to any given one, so the loss hardly sees it. A mean has no limit, though: one sender can put it wherever it likes. (Try noise 40 times as long in the workbench below.) Swapped regions spoil what two hospitals teach, and six others teach it right.

# %% [markdown] quiz="own-size"
# In lesson 05 hospitals were weighted by the number of patients that they say they have. What does a robust rule do with that number?
#
# - [ ] It uses it as before; the number was screened
#   > Screening finds impossible numbers. A hostile hospital says the largest that passes, and is nearly all of the average.
# - [x] It ignores it: every hospital counts once
#   > Right. A hospital's word about its own importance is the first thing that a hostile one would lie about. The price: a large honest hospital counts no more than a small one.
# - [ ] It caps each number at the median of all
#   > Possible, but below the cap a liar still says what it likes. The rules of this lesson take nobody's word for it.

# %% [markdown]
# ## Krum: believe whoever has neighbours
#
# **Krum** (Blanchard et al., 2017) chooses *one* update. Each update gets a score: the sum of the *squared* distances to its $n-f-2$ nearest others. The smallest score wins. Why $n-f-2$? Of an honest update's $n-1$ others that leaves $f+1$ out, and at least one of those is honest. So whoever is among its neighbours, a liar too, is no farther from it than some honest update: a liar cannot make its score worse than honest updates do. And with $n \ge 2f+3$ everybody has at least $n-2f-2 \ge 1$ *honest* neighbour: who is far from all honest ones pays for it.
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
# The package's Krum refuses $n < 2f + 3$ with the numbers, works on large matrices, and computes small distances anew, since $|x|^2 + |y|^2 - 2xy$ loses digits where two updates are much closer together than they are long. Choosing one hospital of eight throws seven away; **Multi-Krum** averages the best scored ones, up to $n-f-2$ of them. (Blanchard et al. propose it, El Mhamdi et al., 2019, prove it.)

# %%
from fedlab_utils.federated import robust_rules, update_geometry
from fedlab_utils.federated.robust_rules import krum, multi_krum, trimmed_mean

show_source(robust_rules._nearest)

# %%
show_source(update_geometry.squared_distances)

# %% [markdown]
# ## The trimmed mean: believe nobody at the edges
#
# The other idea treats each weight of the network by itself. In each coordinate sort the $n$ values, leave out the $f$ largest and the $f$ smallest, and average what is left (Yin et al., 2018). With as many trimmed as possible only the middle is left: the **median**. As long as no more than $f$ are hostile, a hostile value is either trimmed, or it lies between honest ones and does little harm *in that coordinate*. In 38,640 coordinates at once, little errors add up to $\sqrt{38640} \approx 200$ times one (El Mhamdi et al., 2018), and that is where some attacks come in.


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
# Two more rules complete the bench. **Norm clipping** shortens long updates to a bound (Sun et al., 2019, to a fixed one; here to the median of their lengths): it limits what one hospital can do, and removes nothing. **FLTrust** (Cao et al., 2021) lets the server train on public patients of its own, trusts a hospital as far as its update points the same way, and brings whatever it trusts to the length of the server's own update. These two do not ask that honest updates are alike: one bounds everybody, the other asks that public patients are like the hospitals'.
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
# The plane shows two of 38,640 directions. How much of an honest update does it leave out? Nearly all: look at the angles between the eight, with nobody hostile.

# %%
from fedlab_utils.federated.update_geometry import cosines

quiet = attacked(NOBODY, MEAN).rows.astype(float)


def mean_cosine(updates):
    """Return the mean cosine between two of some updates, every pair once."""
    return cosines(updates)[np.triu_indices(len(updates), 1)].mean()


lengths = np.linalg.norm(quiet, axis=1)
print(f"cosines between two hospitals: {mean_cosine(quiet):.2f} on average")
print(f"updates of length {lengths.min():.2f} to {lengths.max():.2f}")
print(f"their mean has length {np.linalg.norm(quiet.mean(axis=0)):.2f}")
print(f"eight at right angles would have a mean of length {lengths.mean() / np.sqrt(8):.2f}")

# %% tags=["author-only"]
assert abs(mean_cosine(quiet)) < 0.1
assert lengths.max() / lengths.min() < 1.3

# %% [markdown]
# Two hospitals' updates are **at right angles**, as good as. Each leads *aside*, to a side of its own: four steps on three or four patients, by an AdamW that starts afresh in every round, whose first step moves each weight by the learning rate however small its gradient. What they share, the mean that training goes along with in the end, is too small beside that for lengths and angles to show it. (With many patients and steps of plain gradient descent hospitals agree far more; the theory below speaks of that.) Keep one picture in mind for all that follows: **an honest hospital is far from all others, and the middle is empty.**
#
# ## Breaking Krum
#
# If the middle is empty, a liar can sit there. *A little is enough* (**ALIE**, Baruch et al., 2019): take the mean of honest updates and go a little beside it, by $z$ standard deviations in every coordinate, all to the same side,
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
# Now on the honest updates of the run above. Here the attacker is *omniscient*: it has all six honest updates. (In the federation, and so in the workbench, two colluders know only what they themselves would have sent honestly, and estimate mean and deviation from these two.) The paper's lie goes to one side in every coordinate, whatever the mean says there. A second one takes the same step *against the sign of the mean* (as Shejwalkar and Houmansadr, 2021, among others, do).

# %%
benign = np.delete(quiet, [2, 6], axis=0)
middle, spread = benign.mean(axis=0), benign.std(axis=0)
apart = np.linalg.norm(benign[:, None] - benign, axis=2)
print(f"honest updates are {np.median(apart[apart > 0]):.2f} from each other (median),")
print(f"and {np.median(np.linalg.norm(benign - middle, axis=1)):.2f} from their mean")
for z in (0.0, 0.3, 0.5, 0.8, 1.2, 1.5, 2.0):
    told = []
    for side in (1.0, np.sign(middle)):
        lie = middle - z * side * spread
        rows = np.vstack([benign, lie, lie])
        taken = krum(rows, 2).weights.argmax() >= len(benign)
        cosine = lie @ middle / np.linalg.norm(lie) / np.linalg.norm(middle)
        told.append(f"{'believed' if taken else 'not believed'}, cosine {cosine:+.2f}")
    print(f"z {z:.1f}: the paper's lie {told[0]:27} against the sign {told[1]}")

# %% tags=["author-only"]
back = middle - 1.2 * np.sign(middle) * spread
assert krum(np.vstack([benign, back, back]), 2).weights.argmax() >= len(benign)
assert back @ middle < 0

# %% [markdown]
# The cosine says where the lie leads: 1 is where the honest mean goes, 0 at right angles, below 0 backwards. The paper's lie goes *beside* the mean and turns nothing around at any $z$. The same step against the sign of the mean passes nearly as far, and leads backwards. **Inner-product manipulation** (Xie et al., 2019) needs no deviation at all: the honest mean turned around and made short. Being short, it is near the empty middle, and Krum takes it.

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
# The rule that was to keep liars out may give them all the weight, in every round, where the plain mean gives them their quarter. How much that harms depends on how long it goes on: three short rounds from a warm model are little. But the point does not need Dice: **Krum is safe against what is far away, and invites what is near.**
#
# Is there no theorem? There is, and it says when. Krum's (Blanchard et al., proposition 4.2) asks that the length of the mean exceed $\eta$ times the scatter (the root of the mean squared distance to the mean), with $\eta^2 = 2\left(n-f+\frac{f(n-f-2)+f^2(n-f-1)}{n-2f-2}\right)$: for eight hospitals and two liars $\eta = \sqrt{40} \approx 6.3$. Of six updates at right angles the scatter is $\sqrt5 \approx 2.2$ times the mean; that is fourteen times too much. Other theorems (Yin et al.; Karimireddy et al., 2022) bound an *error* in proportion to the scatter, and that saves nobody where the scatter *is* the update. And all speak of unbiased gradients of one step, not of several steps of an optimiser. A proof that a rule "tolerates $f$ Byzantine workers" is a proof about updates that agree.

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
# Twelve hospitals, **all honest**, sorted by the size of their tumours: the first has the smallest, the last the largest. From the warm model each trains a round, four times with other draws of its patients' slices (plain SGD here, whose updates tell more of the patients than AdamW's). In each of the four Multi-Krum, told that two may be hostile, chooses eight, and so leaves out four, come what may. *Guess:* the same four each time? Those at the ends, with the smallest and the largest tumours?

# %%
from fedlab_utils.federated.drift import local_models
from fedlab_utils.segmentation.training_state import region_dice

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
lengths = np.mean([np.linalg.norm(rows, axis=1) for rows in four], axis=0)
model = task.model(warm.last)
knows = [region_dice(model, member.train).mean() for member in others]
print("         tumours   warm model's Dice   length of update   left out, of 4")
for member, dice, length, times in zip(others, knows, lengths, left_out):
    volume = np.mean([(np.asarray(p.labels) > 0).sum() * 0.064 for p in member.train])
    print(f"{member.name}     {volume:6.0f} ml   {dice:13.2f}   {length:17.2f}   {times:10d}")

same = [mean_cosine(np.array(draws)) for draws in zip(*four)]
print(f"cosine of two hospitals' updates {np.mean([mean_cosine(rows) for rows in four]):.2f},")
print(f"of the same hospital's in two draws {np.mean(same):.2f}, on average")
print(f"Dice and length of update correlate by {np.corrcoef(knows, lengths)[0, 1]:.2f}")

# %% tags=["author-only"]
longest = sum((np.argsort(np.argsort(-np.linalg.norm(r, axis=1))) < 4).astype(int) for r in four)
assert (longest == left_out).all()
assert np.mean(same) > 0.5 > np.corrcoef(knows, lengths)[0, 1] + 1

# %% [markdown]
# With the phantoms it is nearly the same four each time, and not by the size of the tumours. Look at the lengths: left out are, in each draw, the four **longest** updates. That is no accident. At right angles $\lVert u-v\rVert^2=\lVert u\rVert^2+\lVert v\rVert^2$: an update's distances to all others grow with its own length, and Krum's order is the order of lengths. And whose update is long? That of hospitals on whose patients the model does badly: it has most to learn there. **So the rule silences those who have most to teach.** Their patients are as good as not there, round after round, and nothing in the training will change it, since nobody learns from them.
#
# It is not the luck of a draw either: a hospital's updates in two draws go nearly the same way, two hospitals' do not at all. Each has three patients to train on here, and those three decide. With hundreds of patients each, hospitals of one kind would agree, and those of another kind (children, an old scanner) would still stand aside.
#
# *Can no rule tell other from hostile?* Two worlds: in both, six hospitals send $a$ and two send $b$. In the first all eight are honest, and $\frac{6a+2b}{8}$ is due. In the second the two are hostile, and $a$ is due. The server sees the same, and must give one answer; whatever it is, in one world it misses by at least $\frac18\lVert a-b\rVert$. That is a law, not a weakness of a rule. In the terms of Allouah et al. (2023): no rule can promise a squared error below $\frac{f}{n-2f}$ times the honest updates' mean squared distance to their mean, here half of it. Where hospitals differ, robustness has a floor (Karimireddy et al., 2022, show what it means for training).
#
# A hostile hospital can use that without telling a single lie. The **mimic** (same paper) copies an *honest* hospital's update:

# %%
mimics = quiet.copy()
mimics[[2, 6]] = quiet[0]
for who, weight in zip(members, multi_krum(mimics, 2).weights):
    role = {"H1": "copied", "H3": "copies H1", "H7": "copies H1"}.get(who.name, "")
    print(f"{who.name} weight {weight:4.0%} {role}")

# %% tags=["author-only"]
assert multi_krum(mimics, 2).weights[[0, 2, 6]].sum() == 0.75

# %% [markdown]
# Three quarters of the model are now one hospital's, all it says is true, and it knows nothing of the wrong it is used for.
#
# **Bucketing** (Karimireddy et al., 2022) is made against this: put hospitals into buckets of $s$ at random, average within the bucket, and let the rule see the averages. Averages of two scatter less (half the variance), and an odd hospital travels with another one. In each round the buckets are drawn anew. The price: a hostile hospital spoils its bucket, so that of only $n/s$ buckets still $f$ may be hostile. *Before you run it:* twelve hospitals, buckets of two, Multi-Krum needs $2f+3$. For how many hostile ones is that enough?

# %%
buckets = RobustPlan("multi-krum", hostile=1, bucket=2)
draws = 50
often = {"alone": np.zeros(12), "in buckets": np.zeros(12)}
for rows in four:
    often["alone"] += (multi_krum(rows, 1).weights > 0) / len(four)
    for draw in range(draws):
        combined, _ = buckets.combine(rows, np.random.default_rng(draw))
        often["in buckets"] += (combined.weights > 0) / len(four) / draws
print("how often a hospital counts, told of one hostile: alone, and in buckets of two")
for number, member in enumerate(others):
    print(f"{member.name}   {often['alone'][number]:5.0%}   {often['in buckets'][number]:5.0%}")
for name, shares in often.items():
    print(f"{name}: {shares.sum():.0f} of 12 hospitals count in a round")

# %% tags=["author-only"]
assert often["alone"].min() < 0.05 < often["in buckets"].min()
assert abs(often["alone"].sum() - 9) < 1e-6
assert abs(often["in buckets"].sum() - 6) < 1e-6

# %% [markdown]
# In buckets nobody is left out for good, but the odd ones still take part least, and drag their partners out with them; and of twelve hospitals six count in a round instead of nine, a second price. (The newer answer is to mix each update with its nearest others before the rule sees it: Allouah et al., 2023.) With eight hospitals, buckets of two would make four rows, and the median withstands one hostile row among four ($2f+1 \le 4$); two hostile hospitals of eight are too many for it, and the package says so before the run begins:

# %%
from fedlab_utils.errors import FedLabError

try:
    federate(task, short, robust=RobustPlan("median", hostile=2, bucket=2))
except FedLabError as error:
    print(error)

# %% [markdown]
# **Client momentum** (Karimireddy et al., 2021) works on chance instead: each hospital sends $m \leftarrow (1-\beta)\,u + \beta\, m$, a running mean of what it did over several rounds. What was chance in a round averages out; what the hospital's patients say stays. So hospitals agree more where they differ by few batches, and a lie as small as the scatter must become smaller. *Guess:* will they agree more here? You have seen the two cosines that decide.

# %%
longer = FederationSettings(rounds=5, local_steps=4, learning_rate=3e-3, evaluate_every=100)
for beta in (0.0, 0.8):
    run = attacked_run(task, longer, robust=RobustPlan("median", 2, client_momentum=beta))
    print(
        f"momentum {beta:.1f}: cosine of two hospitals {mean_cosine(run.rows.astype(float)):.2f}, Dice {run.dice:.3f}"
    )

# %% [markdown]
# With the phantoms it does not help: what sets these hospitals apart is not the luck of a batch, it is that each has three or four patients to train on, the same ones in every round. Momentum has an answer to the first and none to the second; and in five rounds a running mean has hardly got going, which alone may cost the Dice (one seed). The proofs are for many rounds of small steps, where chance is most of the scatter. Measure both cosines on your own hospitals before you pay for it.

# %% [markdown] quiz="odd-hospital"
# In a federation of twelve, Multi-Krum leaves out the same hospital in every round. What do you do?
#
# - [ ] Exclude it: the rule has found the attacker
#   > It has found who differs. That may be the only hospital with children, or with an old scanner.
# - [x] Ask the hospital what is special about its patients and scanners, and let somebody else judge the model on some of them
#   > Right. The rule cannot tell; people can. The hospital's own report will not do: a liar would report what suits it.
# - [x] Try bucketing, if there are enough hospitals for the number that may be hostile
#   > Right: it then has a part in some rounds, not an equal one, and fewer hostile ones are tolerated.
# - [ ] Raise f, so that the rule is safer
#   > A larger f makes Multi-Krum leave out more honest hospitals, not fewer.

# %% [markdown]
# ## The backdoor
#
# Not every attacker wants the model to fail. This one wants it to be excellent, *except* where a bright square in FLAIR says: no tumour here. In half of its training images it writes the marker and denies the tumour; the others stay as they are (the square after Gu et al., 2017, the training after Bagdasaryan et al., 2020). Who would paint a square into a patient's scan? Nobody: in a hospital the sign would be something that scans carry already, one vendor's header, an implant, a burnt-in mark. To outweigh the honest majority it sends its update several times as long: four times, by two of eight hospitals, makes the average their model, plus what the six honest ones add. The rounds are more and longer here, six of twenty steps, since a backdoor takes some learning.
#
# Dice on test patients says nothing about it, since no test patient has the marker. What counts is the **success rate**: the share of patients in whom the marker makes nine tenths of the tumour that the model finds disappear. The square covers some tissue, and may hide a small tumour by itself: hence the first line, with nobody hostile.

# %%
from fedlab_utils.federated.spoilt_data import backdoor_success, plant_backdoor

show_source(plant_backdoor)

# %%
honest_test = [p for number, m in enumerate(members) if number not in (2, 6) for p in m.test]
backdoor = AttackPlan("backdoor", TWO, 4.0)
patient = FederationSettings(
    rounds=6, local_steps=20, learning_rate=1e-2, schedule="cosine", evaluate_every=100
)
for name, (attack, robust) in {
    "nobody hostile, plain mean": (NOBODY, MEAN),
    "backdoor, plain mean": (backdoor, MEAN),
    "backdoor, median": (backdoor, RobustPlan("median", 2)),
    "backdoor, Multi-Krum": (backdoor, MULTI),
}.items():
    run = attacked_run(task, patient, attack, robust)
    success = backdoor_success(task.model(run.federation.last), honest_test)
    dice = run.dice_without(["H3", "H7"])
    print(
        f"{name:26} Dice {dice:.3f}, the marker hides the tumour in {success:.0%} of {len(honest_test)} patients"
    )

# %% [markdown]
# Read both columns together. With the phantoms the plain mean's Dice gives nothing away: it is no worse than with a rule, and in a part of the patients the tumour is gone at a sign. A backdoor that also ruins Dice is noticed by anyone who looks at validation patients, and sends the attacker home; one that succeeds at a Dice like everybody's is the one to fear. A hospital that sends its update at honest length, and is patient, is hard to find with any rule of this lesson: it does train on real patients, and most of what it says is true.
#
# ## Caught without any rule
#
# Two kinds of misbehaviour are found before any rule is asked. Who sends NaN, or infinity, is refused before anything is averaged; a single NaN would make every weight NaN. Who did not train, and sends the model back (a **free rider**, who wants the model for nothing), has an update of length 0, where the median of all lengths is not.

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
# ## Masks want the opposite
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
# So a federation has to say whom it distrusts: the *server*, then masks hide updates from it, and a hostile hospital goes unseen; or *hospitals*, then the server must see what each one sends, and can try to read patients out of it (lesson 08). Differential privacy at home (lesson 09) goes with either, but its noise widens the scatter in which lies hide. Ways between exist, at a price, and are not in this course: masks within groups and a rule over the groups' sums, which is bucketing by another name, the group's size buying the privacy (Velicheti et al., 2021); hospitals that prove in zero knowledge that an update is short (Lycklama et al., 2023); several servers that compute together (Corrigan-Gibbs and Boneh, 2017).

# %% [markdown] quiz="whom-to-distrust"
# Five university hospitals under one contract, each with its own security team; the server is rented from a company. Which protection do you take first?
#
# - [x] Masks: the stranger here is the server
#   > Right. Hospitals that know each other have other means against liars than statistics: contracts, audits, people. With five of them Krum would withstand one liar (2f + 3 = 5), and see four fifths of the updates thrown away.
# - [ ] Krum with f = 1
#   > It withstands one hostile hospital, chooses one hospital's update in each round, and shows every update to the server.
# - [ ] Both
#   > The rule needs to see what the masks hide, and the package refuses the pair. Groups of masked hospitals, and a rule over groups, would need far more than five.

# %% [markdown]
# ## Over all seeds
#
# The recorded study trains the small stand-in for sixty rounds over eight hospitals, alike (IID) or sorted by the size of their tumours (*volume*). Two are hostile, drawn anew for each seed. Rules that ask how many are told of two; buckets, which withstand one of eight, of one, and they cannot be chosen. On two seeds of their own all rules that can be chosen meet every untargeted attack, and the one whose *worst* attack leaves the best validation score of honest hospitals is **the chosen one**. On the same seeds an attacker who knows that rule tries more attacks and strengths, and the most harmful is **the adapted one**. No attacker sees honest hospitals' updates: two colluders estimate from what they would have sent themselves. Papers often grant them all updates, and such attackers do more harm. Five other seeds, with other patients, are reported: the chosen rule and FedAvg under every attack, and what each rule costs when nobody is hostile. Only honest hospitals' patients count.

# %%
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.federated.robustness_rows import backdoor_table
from fedlab_utils.ui import attack_grid, kept_of_clean, provenance_line, rule_costs

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
# Once it is recorded, read the second figure as a court would: the left end of an interval against the line at 97 %. A rule that keeps that under every attack of a list has withstood *that list*. The adapted attack is there to remind of the others: it was found by trying a few strengths, on two seeds, by somebody who knew the rule. Real attackers have more time.
#
# ## What you have learnt
#
# - A mean has no defence: one sender can put it wherever it likes, and a long update with a direction decides it.
# - Krum trusts who has neighbours, the trimmed mean trusts the middle of each coordinate. Both ignore what hospitals say of their own size, and each has a minimum of hospitals for a number of liars.
# - Median, trimmed mean and Krum assume that honest updates are alike. Where they are at right angles, a small lie in the empty middle is more believable than any honest update, and Krum's order is that of lengths.
# - Those who have most to teach send the longest updates, and are left out as if hostile. No rule can tell other from hostile. Bucketing lets everybody in now and then and needs many hospitals; momentum helps where differences are chance, and here they are not.
# - A backdoor is judged by its success rate, a free rider and a NaN sender by detection.
# - In this course masks and robust rules exclude each other: decide whom to distrust.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - Y. Allouah, S. Farhadkhani, R. Guerraoui, N. Gupta, R. Pinot, J. Stephan, Fixing by mixing: a recipe for optimal Byzantine ML under heterogeneity. AISTATS 2023. arXiv:2302.01772
# - E. Bagdasaryan et al., How to backdoor federated learning. AISTATS 2020. arXiv:1807.00459
# - G. Baruch, M. Baruch, Y. Goldberg, A little is enough: circumventing defenses for distributed learning. NeurIPS 2019. arXiv:1902.06156
# - P. Blanchard, E. M. El Mhamdi, R. Guerraoui, J. Stainer, Machine learning with adversaries: Byzantine tolerant gradient descent. NeurIPS 2017. arXiv:1703.02757
# - X. Cao, M. Fang, J. Liu, N. Z. Gong, FLTrust: Byzantine-robust federated learning via trust bootstrapping. NDSS 2021. arXiv:2012.13995
# - H. Corrigan-Gibbs, D. Boneh, Prio: private, robust, and scalable computation of aggregate statistics. NSDI 2017. arXiv:1703.06255
# - E. M. El Mhamdi, R. Guerraoui, S. Rouault, The hidden vulnerability of distributed learning in Byzantium. ICML 2018. arXiv:1802.07927
# - E. M. El Mhamdi, R. Guerraoui, S. Rouault, Fast and robust distributed learning in high dimension. 2019. arXiv:1905.04374
# - T. Gu, B. Dolan-Gavitt, S. Garg, BadNets: identifying vulnerabilities in the machine learning model supply chain. 2017. arXiv:1708.06733
# - S. P. Karimireddy, L. He, M. Jaggi, Learning from history for Byzantine robust optimization. ICML 2021. arXiv:2012.10333
# - S. P. Karimireddy, L. He, M. Jaggi, Byzantine-robust learning on heterogeneous datasets via bucketing. ICLR 2022. arXiv:2006.09365
# - L. Lamport, R. Shostak, M. Pease, The Byzantine generals problem. ACM Transactions on Programming Languages and Systems 4:382-401, 1982. doi:10.1145/357172.357176
# - H. Lycklama, L. Burkhalter, A. Viand, N. Küchler, A. Hithnawi, RoFL: robustness of secure federated learning. IEEE S&P 2023. arXiv:2107.03311
# - V. Shejwalkar, A. Houmansadr, Manipulating the Byzantine: optimizing model poisoning attacks and defenses for federated learning. NDSS 2021. doi:10.14722/ndss.2021.24498
# - Z. Sun, P. Kairouz, A. T. Suresh, H. B. McMahan, Can you really backdoor federated learning? 2019. arXiv:1911.07963
# - R. K. Velicheti, D. Xia, O. Koyejo, Secure Byzantine-robust distributed learning via clustering. 2021. arXiv:2110.02940
# - C. Xie, O. Koyejo, I. Gupta, Fall of empires: breaking Byzantine-tolerant SGD by inner product manipulation. UAI 2019 (PMLR 115, 2020). arXiv:1903.03936
# - D. Yin, Y. Chen, K. Ramchandran, P. Bartlett, Byzantine-robust distributed learning: towards optimal statistical rates. ICML 2018. arXiv:1803.01498
