# ---
# title: Client drift
# data: phantom or a BraTS folder
# minutes: 90
# ---

# %% [markdown]
# # Why does averaging go wrong when hospitals differ, and what repairs it?
#
# In lesson 05 hospitals trained a network together: each took some steps alone, the server averaged, and again. It worked. This lesson looks at what can go wrong between two averages, watches it happen, and builds two repairs by hand.
#
# *For physicians.* Between two rounds a hospital tunes the network to its own patients, as a resident picks up the habits of the house. The longer it is alone and the more its patients differ from the others', the more of this is habit and the less is medicine. This is
# called **client drift** (a *client* is a hospital). Averaging habits does not give you what a doctor would have learnt who had seen everybody.
#
# *For computer scientists.* With one local step per round, of plain SGD on all of a hospital's patients, federated averaging is gradient descent on the weighted sum of the hospitals' losses. With more steps it is another map, and its fixed point is in general **not** the minimum of that sum, however many rounds you run. We shall solve for it.
#
# When you are done you can
#
# - say where federated averaging ends when each hospital takes several steps, and why that is biased,
# - measure drift between networks: the angles between updates, and the loss along the way from one model to another,
# - write FedProx's term and SCAFFOLD's correction, and say what each costs,
# - say what averaging does to batch normalisation, and what FedBN does about it,
# - compare methods by their worst hospital and by intervals, not by one lucky run.

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

# %% [markdown]
# ## Drift in two dimensions
#
# That hospitals' weights part the further, the less their patients are alike, was measured early (Zhao et al., 2018); McMahan et al. (2017), who proposed the averaging, already saw that too many local steps can hurt. To see why, take a network with two weights instead of millions. Three hospitals; the loss of each is a bowl, $f_i(x) = \tfrac12 (x-b_i)^\top A_i (x-b_i)$: it is happiest at $b_i$, and $A_i$ says how much it minds each direction. Bowls H1 and H2 are long and narrow, in different directions;
# H3 is round and shallow. All have equally many patients. The *true optimum* is where the sum of all three is least, which is what one would find with all data in one place.
#
# A hospital's $K$ steps of size $\eta$ from the round's start $x$ walk $-\eta\, S_i A_i (x-b_i)$, with $S_i = \sum_{k=0}^{K-1} (1-\eta A_i)^k$, where 1 is the identity matrix and $\eta$ small enough for the steps to settle. With $p_i$ the hospital's share of all patients, here a third, averaging stands still where these walks cancel:
#
# $$\sum_i p_i\, S_i A_i\, (x-b_i) = 0$$
#
# For $K=1$, $S_i = 1$, and this is the condition of the true optimum. For large $K$, $\eta S_i A_i$ comes close to 1, so that the curvatures fall out and $x$ becomes the plain mean of the $b_i$: a hospital that hardly minds has as much to say as one that minds very much. That is the bias. Pathak and Wainwright (2020) show it for convex losses beyond bowls: where FedAvg and FedProx come to rest need not be the optimum.

# %%
from fedlab_utils.federated.quadratics import fixed_point

show_source(fixed_point)

# %% [markdown]
# Move the sliders. The thin lines are the hospitals' local steps, the thick one the averages after each round; the cross is FedAvg's fixed point from the equation above, the star the true optimum. On each grey ring the sum of the three losses is the same.
#
# *Try:* local steps from 1 to 20, after 10 rounds and after 60. Then many steps at a small learning rate: where does the fixed point go? Then FedProx, with $\mu$ from 0 up. Then SCAFFOLD. *Before you look: which of the three ends at the star?*

# %%
from fedlab_utils.ui import DriftExplorer

DriftExplorer()

# %% [markdown]
# FedAvg ends at the cross, and more rounds do not take it further. A smaller learning rate or fewer steps move the cross towards the star, at the price of more rounds, and rounds are what a federation pays for. At learning rate 0.1, ten local steps have all but come to rest after ten rounds, 1.39 from the star (the cross: 1.38); one local step is still 1.60 away from it then, but 0.04 after sixty. (At learning rate 0.02 one local step is 1.41 away even after sixty.) FedProx pulls each hospital back to the round's start. With many local steps the paths get shorter and the cross moves towards the star, but does not reach it (10 steps at learning rate 0.1: 1.38 away at $\mu = 0$, 0.63 at $\mu = 4$). With two or three steps there is little to hold back, and the pull can even move the cross away (2 steps at 0.1: from 0.16 to 0.21).
# SCAFFOLD bends the paths themselves, and the averages end at the star; when the hospitals take long walks, it needs a few rounds more to find out what the others want.

# %% [markdown] quiz="fixed-point"
# Three hospitals, quadratic losses, 20 local steps per round. FedAvg has come to rest away from the true optimum. What helps?
#
# - [ ] More rounds
#   > It rests. Another round gives the same model back: that is what a fixed point is.
# - [x] Fewer local steps, or a smaller learning rate
#   > Right. The bias grows with how far each hospital walks alone. With one step there is none.
# - [ ] More patients at each hospital, of the same kinds
#   > Then each knows its own optimum better, and the optima lie as far apart as before. The bias does not come from noise.
# - [x] SCAFFOLD's correction
#   > Right. In each step it takes off the hospital's own usual gradient and puts in the mean of all hospitals', so that at the optimum no hospital moves.

# %% [markdown]
# ## Drift in networks
#
# Now networks, with patients. This lesson takes at most 48 scans at 4 mm, so coarse that every training below is over in seconds, and none of them is finished; what it shows is **one seed**, and stands for nothing but itself.
#
# The patients are dealt to four hospitals twice. Once at random (IID). Once the same way, but each hospital lacks one of the four sequences, which then reaches the network as zeros: every hospital has the same patients and the same task as before, and other images.

# %% tags=["check-output"]
from fedlab_utils.data import PreprocessSettings, hospital_patients, make_hospitals

coarse = PreprocessSettings(spacing=4.0)
some = several_patients(48, coarse)


def deal(kind, count=4, skew=1.0):
    """Deal the patients, 60 % to train on and 40 % to test; none to choose by, nothing is chosen."""
    dealt = make_hospitals(some, count, kind, skew=skew, seed=0, fractions=(0.6, 0.0, 0.4))
    return [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]


alike, lacking = deal("missing_sequence", skew=0.0), deal("missing_sequence")
for h in lacking:
    print(f"{h.name}: {len(h.hospital.patients)} patients, no {h.hospital.missing}")

# %% [markdown]
# First a U-Net is warmed up on all hospitals' patients for a moment, so that we do not look at the very first steps, which everywhere say the same ("most of it is background"). Then each hospital takes ten steps alone from that network, once in each dealing.

# %%
from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated import FederationSettings, UNetTask
from fedlab_utils.federated.drift import local_models, loss_along, update_cosines
from fedlab_utils.segmentation import FitSettings, OptimiserSettings, UNetSettings, fit_unet

tier = Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48))
small = {"unet": UNetSettings(width=8), "per_patient": 4, "batch": 8, "augment": False}
everybody = [patient for hospital in alike for patient in hospital.train]
warm = fit_unet(
    everybody,
    (),
    FitSettings(**small, epochs=5, optimiser=OptimiserSettings(learning_rate=1e-2)),
    tier,
)
begin = {name: value.cpu() for name, value in warm.model.network.state_dict().items()}
alone = FederationSettings(optimiser="sgd", learning_rate=0.2, weight_decay=0.0, local_steps=10)
tasks = {
    "IID": UNetTask(alike, tier=tier, **small),
    "each lacks a sequence": UNetTask(lacking, tier=tier, **small),
}
models = {name: local_models(task, alone, begin) for name, task in tasks.items()}

# %% [markdown]
# **Angles.** A hospital's *update* is the vector from where it started to where it got, one number per weight. The cosine between two updates is 1 if they point the same way, 0 at right angles, negative if one takes down what the other builds. Two random vectors of so many weights would be very nearly at right angles.
#
# *Before you look:* will IID hospitals have cosines of 1?

# %%
from fedlab_utils.federated.corrections import trained
from fedlab_utils.ui import cosine_matrices, loss_between

names = list(trained(warm.model.network))
cosines = {name: update_cosines(begin, of, names) for name, of in models.items()}
cosine_matrices(cosines, tasks["IID"].hospitals)

# %% [markdown]
# Nearly, and not quite: ten batches of a few patients are a noisy sample, and every hospital has its own. That is the mark to compare with. What lies below it is drift.
#
# (These steps were plain SGD: each is the gradient times the learning rate. AdamW, the optimiser of lessons 03 to 05, divides by a running mean of the gradient's size and so rescales every weight's step to about the same length, also where the gradient is mostly noise; its updates are close to right angles for IID hospitals too, when we tried, and the angle says little about skew.)
#
# **The way across.** Averaging two models assumes that the middle of the straight line between them is a good place. Is it? H1 and H2 now walk further, twenty steps with AdamW. Then we go along the line from H1's model to H2's and beyond, and measure the loss on training patients of both (after Goodfellow et al., 2015, who looked along the line from a network's first weights to its last).

# %%
far = FederationSettings(learning_rate=0.01, weight_decay=0.0, local_steps=20)
shares = np.linspace(-0.25, 1.25, 7).round(2)
losses = {}
for name, hospitals in (("IID", alike), ("each lacks a sequence", lacking)):
    task = UNetTask(hospitals[:2], tier=tier, **small)
    first, second = local_models(task, far, begin)
    batches = {task.hospitals[h]: list(task.batches(h, 100, 2)) for h in (0, 1)}
    losses[name] = loss_along(task.network(), first, second, batches, shares)
loss_between(shares, losses, ("H1", "H2"))

# %% [markdown]
# Read each panel from both ends. Where a hospital's curve is lower at its own end than at the other, its model has gone its own way: better at home, worse next door. Where the black line sags in the middle, the average is better for both together than either model: that is one reason why federated averaging can work, and why it pays even for hospitals that differ. It takes a common start: McMahan et al. (2017, figure 1) found the middle of two networks better than both when they began with the same weights, and far worse when each began with its own.
# The sag is no law. Between two models of hospitals that are alike one may simply be the better for both, and then the line runs from one end to the other, as it may in the left panel. And the further the models part, the less the middle is a place that anybody has trained for.

# %% [markdown] quiz="cosines"
# Two hospitals, whose patients were dealt at random (IID), train on about 7 patients each. After ten steps of SGD from a common start the cosine of their updates is 0.95, not 1. What does that say?
#
# - [ ] They are not IID after all
#   > The patients were dealt at random. The updates are noisy because each step sees a few patients.
# - [x] Nothing about skew, until it is compared with what chance gives hospitals of this size
#   > Right. The left matrix of the figure above shows just that: IID hospitals, and cosines of 0.93 to 0.98 with the phantoms. Only what lies clearly below, as much of the right matrix does, speaks of skew.
# - [ ] The hospitals' models cannot be averaged
#   > A cosine of 0.95 is close agreement, and averaging even cancels part of the noise. Far lower ones would not forbid it either.

# %% [markdown]
# ## Repair 1: a spring
#
# **FedProx** (Li et al., 2020) lets a hospital minimise its own loss plus a pull towards $x^{(t)}$, the weights with which the round began:
#
# $$f_i(y) + \frac{\mu}{2} \lVert y - x^{(t)} \rVert^2$$
#
# The norm runs over all trained weights together, so its square is the sum of all squared differences. A network also carries *buffers*, such as running averages; they are no weights, and no gradient moves them. The pull serves another end, too: hospitals need not all take the same number of steps, so a slow one may stop early and still be averaged. Write the term. (A version that circulates adds up the norms of the tensors, without squaring. It runs, and is another method.)


# %% exercise="proximal_term"
def my_proximal_term(model, start, mu):
    """Return FedProx's term for a model: mu / 2 times the sum of all squared differences to the round's start.

    model: a torch module, some steps into the round. start: dict, name -> tensor, what `model.state_dict()` was when the round began (weights and buffers). mu: a number.
    Count trained weights only. Return a tensor with one number, through which a gradient flows to the model's weights.
    """
    # BEGIN SOLUTION: over the named parameters, add up squared differences to start; times mu / 2
    squares = [(p - start[name]).square().sum() for name, p in model.named_parameters()]
    return mu / 2 * sum(squares)
    # END SOLUTION


# %% [markdown] hint="proximal_term"
# `for name, p in model.named_parameters()` gives the trained weights. `start[name]` is what each was.

# %% [markdown] hint="proximal_term"
# `(p - start[name]).square().sum()` is one tensor's share. Add these up, then multiply by `mu / 2`. No root anywhere.


# %% wrong="proximal_term" diagnosis="not squared"
def my_proximal_term(model, start, mu):
    norms = [(p - start[name]).norm() for name, p in model.named_parameters()]
    return mu / 2 * sum(norms)


# %% wrong="proximal_term" diagnosis="The 2 is missing"
def my_proximal_term(model, start, mu):
    return mu * sum((p - start[name]).square().sum() for name, p in model.named_parameters())


# %% wrong="proximal_term" diagnosis="mu / 2 is squared"
def my_proximal_term(model, start, mu):
    return sum((mu / 2 * (p - start[name])).square().sum() for name, p in model.named_parameters())


# %% wrong="proximal_term" diagnosis="You halve twice"
def my_proximal_term(model, start, mu):
    squares = [(p - start[name]).square().sum() / 2 for name, p in model.named_parameters()]
    return mu / 2 * sum(squares)


# %% wrong="proximal_term" diagnosis="current weights to themselves"
def my_proximal_term(model, start, mu):
    now = {name: p.detach().clone() for name, p in model.named_parameters()}
    return mu / 2 * sum((p - now[name]).square().sum() for name, p in model.named_parameters())


# %% wrong="proximal_term" diagnosis="no gradient flows"
def my_proximal_term(model, start, mu):
    return (
        mu
        / 2
        * sum((p.detach() - start[name]).square().sum() for name, p in model.named_parameters())
    )


# %% wrong="proximal_term" diagnosis="Buffers are counted too"
def my_proximal_term(model, start, mu):
    everything = [*model.named_parameters(), *model.named_buffers()]
    return mu / 2 * sum((value - start[name]).square().sum() for name, value in everything)


# %% wrong="proximal_term" diagnosis="root of the whole sum"
def my_proximal_term(model, start, mu):
    squares = sum((p - start[name]).square().sum() for name, p in model.named_parameters())
    return mu / 2 * squares.sqrt()


# %% [markdown]
# From here the package's version serves. It is a *correction*: an object that looks at the one training loop of lesson 03 from outside, and adds its term to the loss.

# %%
from fedlab_utils.federated import Proximal

show_source(Proximal)

# %% [markdown]
# ## Repair 2: knowing what the others want
#
# A spring holds back good steps as well as bad ones. **SCAFFOLD** (Karimireddy et al., 2020) asks instead: by how much does this hospital's gradient differ from everybody's? Each hospital keeps a **control variate** $c_i$ (statisticians' word for a known quantity that is subtracted to steady an estimate), here an estimate of its own gradient, and the server keeps their mean $c$. In every local step
#
# $$y \leftarrow y - \eta\,\bigl(g_i(y) + c - c_i\bigr)$$
#
# The hospital's own habit $c_i$ is taken out and the common direction $c$ put in. At the true optimum $g_i = c_i$ and $c = 0$: nobody moves.


# %% exercise="corrected_gradient"
def my_corrected_gradient(gradient, server, own):
    """Return a hospital's gradient as SCAFFOLD corrects it.

    gradient, server, own: dicts, parameter's name -> tensor: the gradient of this step, the server's control variate c and this hospital's c_i.
    Return a new dict of the same names; the three that are given stay as they are.
    """
    # BEGIN SOLUTION: for each name, gradient plus server less own, in new tensors
    return {name: g + server[name] - own[name] for name, g in gradient.items()}
    # END SOLUTION


# %% [markdown] hint="corrected_gradient"
# A dict comprehension: `{name: ... for name, g in gradient.items()}`.

# %% [markdown] hint="corrected_gradient"
# `g + server[name] - own[name]`. Not `g += ...`: that changes the tensor that was given.


# %% wrong="corrected_gradient" diagnosis="sign is turned"
def my_corrected_gradient(gradient, server, own):
    return {name: g - server[name] + own[name] for name, g in gradient.items()}


# %% wrong="corrected_gradient" diagnosis="changes `gradient`"
def my_corrected_gradient(gradient, server, own):
    for name, g in gradient.items():
        g += server[name] - own[name]
    return gradient


# %% wrong="corrected_gradient" diagnosis="`own` is not taken off"
def my_corrected_gradient(gradient, server, own):
    return {name: g + server[name] for name, g in gradient.items()}


# %% [markdown]
# Where do the $c_i$ come from? The paper's *option II* costs nothing. A hospital that walked from $x$ to $y$ in $K$ steps of size $\eta$ followed, on average, the corrected gradient $(x - y) / (K \eta)$. That was its own gradient plus $c - c_i$; take this off again, and what is left is the mean of its own gradients on the way:
#
# $$c_i^{\text{new}} = c_i - c + \frac{x - y}{K\,\eta}$$
#
# It sends the server two things: its weights, and the *change* $c_i^{\text{new}} - c_i$. The server adds the weighted changes to $c$, so that $c$ stays the mean of all $c_i$, also of those hospitals that were absent.


# %% exercise="new_variate"
def my_new_variate(own, server, start, end, steps, learning_rate):
    """Return a hospital's next control variate by option II, and by how much it changed.

    own, server: dicts, parameter's name -> tensor: c_i and c, both as they were during the round. start, end: dicts, the weights x at the beginning and y at the end of the round.
    steps: K. learning_rate: eta.
    Return (new, change): two dicts of the same names, in new tensors; what is given stays as it is.
    """
    # BEGIN SOLUTION: own less server plus the way walked over K times eta; then the difference to own
    stride = steps * learning_rate
    new = {name: own[name] - server[name] + (start[name] - end[name]) / stride for name in own}
    return new, {name: new[name] - own[name] for name in own}
    # END SOLUTION


# %% [markdown] hint="new_variate"
# First the way walked: gradients point uphill and the steps go downhill, so it is `start[name] - end[name]`. Divide it by `steps * learning_rate`.

# %% [markdown] hint="new_variate"
# `new = {name: own[name] - server[name] + (start[name] - end[name]) / (steps * learning_rate) for name in own}`; the change is `new[name] - own[name]` for each name, so do not overwrite `own`.


# %% wrong="new_variate" diagnosis="K times eta"
def my_new_variate(own, server, start, end, steps, learning_rate):
    new = {name: own[name] - server[name] + (start[name] - end[name]) for name in own}
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="learning rate is missing"
def my_new_variate(own, server, start, end, steps, learning_rate):
    new = {name: own[name] - server[name] + (start[name] - end[name]) / steps for name in own}
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="divide by K and multiply by eta"
def my_new_variate(own, server, start, end, steps, learning_rate):
    walked = {name: (start[name] - end[name]) / steps * learning_rate for name in own}
    new = {name: own[name] - server[name] + walked[name] for name in own}
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="`server` and `own` are swapped"
def my_new_variate(own, server, start, end, steps, learning_rate):
    stride = steps * learning_rate
    new = {name: server[name] - own[name] + (start[name] - end[name]) / stride for name in own}
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="way has the wrong sign"
def my_new_variate(own, server, start, end, steps, learning_rate):
    stride = steps * learning_rate
    new = {name: own[name] - server[name] + (end[name] - start[name]) / stride for name in own}
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="The change is 0"
def my_new_variate(own, server, start, end, steps, learning_rate):
    stride = steps * learning_rate
    own = {name: own[name] - server[name] + (start[name] - end[name]) / stride for name in own}
    new = own
    return new, {name: new[name] - own[name] for name in own}


# %% wrong="new_variate" diagnosis="changes `own`"
def my_new_variate(own, server, start, end, steps, learning_rate):
    change = {}
    for name in own:
        change[name] = (start[name] - end[name]) / (steps * learning_rate) - server[name]
        own[name] += change[name]
    return own, change


# %% [markdown]
# The package's version, with the same two formulas. SCAFFOLD's theory is of plain SGD at a constant learning rate, and so is option II: after AdamW, $(x-y)/(K\eta)$ is no gradient. So the package refuses SCAFFOLD with another optimiser.

# %%
from fedlab_utils.federated import ControlVariates

show_source(ControlVariates)

# %% [markdown] quiz="scaffold-cost"
# What does SCAFFOLD cost, compared with FedAvg?
#
# - [x] Twice the traffic: a control variate travels beside the model, both ways
#   > Right. It is as large as the trained weights.
# - [ ] Twice the computing: each step needs a second gradient
#   > Not with option II, which reads the gradients off the way walked. Option I takes gradients at the server's weights: here as many more as there are steps.
# - [x] A hospital must remember something from round to round
#   > Right, its own `c_i`. A hospital that joins rarely corrects with an old one, which is why SCAFFOLD suits a few steady hospitals better than millions of phones. One that leaves for good goes on pulling: its last `c_i` stays in `c`.

# %% [markdown]
# ## The three, side by side
#
# One seed, four rounds of eight steps, plain SGD, the four hospitals that each lack a sequence, and a network of five layers instead of the U-Net, which trains faster. All three begin with the same weights and see the same batches. *Guess first: by how much will they differ?*

# %%
from fedlab_utils.federated import federate
from fedlab_utils.federated.norm_lab import NormTask
from fedlab_utils.ui import METHOD_NAMES, hospital_scores

sgd = {"optimiser": "sgd", "learning_rate": 0.3, "weight_decay": 0.0, "evaluate_every": 100}
scores = {}
for method, more in (("fedavg", {}), ("fedprox", {"mu": 0.1}), ("scaffold", {})):
    task = NormTask(lacking, tier=tier, norm="instance", **small)
    settings = FederationSettings(strategy=method, rounds=4, local_steps=8, **sgd, **more)
    federation = federate(task, settings)
    scores[METHOD_NAMES[method]] = {name: row["score"] for name, row in federation.test.items()}
    told = federation.summary()
    print(
        f"{METHOD_NAMES[method]:9} mean {told['patients']:.3f}, "
        f"worst hospital {told['worst']:.3f} ({told['worst_hospital']})"
    )
hospital_scores(scores, "one seed, four rounds")

# %% [markdown]
# The hospitals differ more than the methods. With the phantoms the worst hospital is the same whichever way they train: the one without T1ce. Enhancement is defined on T1 before and after contrast agent, and no way of averaging shows what was never scanned. **First ask whether a gap is drift at all.**
#
# With five test patients in a hospital and one seed, nobody can say which of the three is best, and a paper that shows such a table shows nothing. (Few rounds are also the worst case for SCAFFOLD: its first round has all control variates at zero and *is* FedAvg, to the bit.)
# Take another learning rate, or another seed for the dealing, and see whether the order stays. For an answer we need many seeds, methods that were each given their best settings, and a decision on patients that the answer is not measured on: that is the recorded study below.
#
# ## Layers that remember patients
#
# Many networks use **batch normalisation** (Ioffe and Szegedy, 2015): in training each channel is brought to mean 0 and deviation 1 over the *batch*; on the side, running averages of mean and variance are kept, and used when the network is applied. Those averages are no weights. They are statistics of a hospital's images.
# What should a federation do with them? Average them like weights? Keep them at home? **FedBN** (Li et al., 2021) keeps the whole layer at home: running averages, scale and shift. **Instance normalisation** takes mean and deviation of each image by itself, so that there is nothing to keep.
#
# The lab: two hospitals with different scanners, and nobody did the homework of lesson 02: the intensities of the second are 8 times as large, since a scanner's units are arbitrary. A third hospital, with units of its own, did not take part; it just gets the model.

# %%
from fedlab_utils.federated.norm_lab import in_units, tiny_network

show_source(tiny_network)

# %%
UNITS = (1.0, 8.0, 3.0)

three = [in_units(patients, unit) for patients, unit in zip(deal("iid", 3), UNITS)]
members, newcomer = three[:2], three[2]
adam = {"learning_rate": 0.01, "weight_decay": 0.0, "evaluate_every": 100}
lab = {}
for title, norm, method in (
    ("batch norm, averaged", "batch", "fedavg"),
    ("batch norm, at home (FedBN)", "batch", "fedbn"),
    ("instance norm, averaged", "instance", "fedavg"),
):
    task = NormTask(members, tier=tier, norm=norm, **small)
    settings = FederationSettings(strategy=method, rounds=6, local_steps=8, **adam)
    federation = federate(task, settings)
    lab[title] = {name: row["dice-wt"] for name, row in federation.test.items()}
    # The newcomer gets what the server has; layers that stayed at home are as they began.
    visit = NormTask([newcomer], tier=tier, norm=norm, **small)
    received = task.model(federation.last).network
    lab[title][f"{newcomer.name}, new"] = visit.evaluate(received, 0, "test")["dice-wt"]
    first, *_, last = (report.loss for report in federation.history)
    print(f"{title:28} training loss {first:.2f} in the first round, {last:.2f} in the last")
units = "units {:g}, {:g} and {:g}".format(*UNITS)
hospital_scores(lab, f"one seed, six rounds, {units}", "Dice of the whole tumour")

# %% [markdown]
# Look at the training losses first: they fell much alike in all three, and nothing warns you. In training batch normalisation divides each batch by its own deviation, and a factor of 8 does not show. Applied, the averaged network divides H1's images by statistics that are mostly H2's, and sees next to nothing. That the newcomer does well is luck: its units happen to suit the average. **The network fails silently, and only a test at each hospital shows it.**
#
# FedBN repairs that at home. But a hospital that did not take part gets layers that never saw a patient, so FedBN has nothing for the newcomer (it would have to collect statistics of its own images first). Instance normalisation treats every image by itself and does not care about units: no hospital fails. (At the two members its Dice lies below FedBN's after these six rounds; its loss has come down least, too.) This is why the course's U-Net has it.
#
# Two fair words for batch normalisation. Set `UNITS = (1.0, 1.0, 1.0)`: with lesson 02's normalisation in place, the averaged version does as well as the others here, or better. And FedBN is a method of *personalisation*: each hospital ends with a model of its own. Its fair rival is FedAvg with a few steps of tuning at home, not FedAvg.

# %% [markdown] quiz="batch-norm"
# Batch-normalised networks were averaged over hospitals, running averages included. Training loss is fine everywhere. Where do you look for harm?
#
# - [ ] At the training loss of later rounds
#   > In training the layer uses the batch's own statistics. The running averages, where the harm is, are only used when the network is applied.
# - [x] At each hospital's own validation patients, in evaluation mode
#   > Right. Each hospital, because the averaged statistics may suit some of them.
# - [ ] At the mean Dice over all hospitals
#   > A hospital that fails altogether moves it, but so would many other things. Look at the worst.

# %% [markdown]
# ## Over all seeds
#
# What one seed cannot say, a study can. It deals phantoms to hospitals in several ways, alike or apart. For each way every method tries three settings on two seeds of their own, which are not reported; the setting that does best **on validation patients** is trained on five other seeds with other patients, and the figure shows their test patients. All ways take as many steps one after the other: where four hospitals take one each on sixteen slices, pooled training takes one on sixty-four. AdamW keeps its moments (running means of past gradients and of their squares) from round to round, in each hospital.
#
# Intervals are bootstrapped over seeds and patients; the right panel shows the *paired* difference of the worst hospital's Dice to that of FedAvg with the same optimiser (plain SGD for SCAFFOLD, AdamW for the others). An interval that holds 0 has shown no difference. How far to trust them:
#
# - In each bootstrap draw the worst hospital is looked for anew, which makes the interval lie a little low: the least of noisy means is lower than the least of the true ones. In a difference most of this cancels, but a method that makes hospitals more alike is pulled down more.
# - Five seeds are few. Where seeds scatter more than their patients explain, such an interval is too narrow: in a simulation in which they scattered twice as much, about 90 of 100 held the truth, not 95. Where seeds hardly differ it is too wide, since patients are drawn again within seeds that already differ by their patients.
# - Some of dozens of comparisons will leave out 0 by luck.
#
# What this study does not say: it trains a small stand-in for the U-Net, 38,640 weights on slices of 4 mm. A few of its trainings, repeated with the U-Net, follow at the end of the section. The stand-in has instance normalisation, so its FedBN keeps only scale and shift at home; this says nothing about FedBN with batch normalisation, whose point is the local statistics.

# %%
from fedlab_utils.federated.recorded_trials import reported, trials_of
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import HyperparameterExplorer, method_comparison, provenance_line

recorded = read_rows("heterogeneity")
trials = trials_of(recorded)
note = provenance_line(recorded) if trials else ""
ready = bool(reported(trials))  # settings are tried before anything is reported
missing = (
    f"{len(recorded)} trainings are recorded so far, none yet of a seed that is reported; "
    "`python -m fedlab_utils study heterogeneity` goes on with them, for hours."
)
method_comparison(trials, note) if ready else print(missing)

# %% [markdown]
# *Did you expect that?* Under strong skew, with hospitals sorted by the size of their tumours or each with a scanner of its own, going alone costs the worst hospital 0.07 of Dice against FedAvg (and 0.08 where hospitals are alike, IID: the cost seems to be that of having few patients, rather than other ones), and every federation but FedAdam's avoids all or most of that loss. The worst hospitals' differences between those methods are within the intervals; FedAdam, with the best of three server rates, is worse than FedAvg by 0.05 to 0.07. **No repair shows a gain on FedAvg for the worst hospital, and the likely reason is in the first row: pooled training, which no drift can touch, shows none either** (both intervals hold 0, and reach to 0.02). So there is little or nothing left to repair. With hospitals only half sorted by size (*volume, skew 0.5*) no method beats FedAvg in the worst hospital either. Eight local steps on slices that all show the same disease probably drift little; the walks of the first section, on bowls that disagree, were made to drift.
#
# Two methods could do better than they do here. FedProx and FedAdam tried their own setting alone, at the rate that suited FedAvg: FedProx took the weakest of its three pulls in every way of dealing, which is nearly FedAvg, and FedAdam's server kept its rate while the hospitals' fell (Reddi et al., 2021, tune both rates together). And not every curve was flat: averaged over seeds, seven of the forty still rose by 0.005 to 0.010 in the last fifth of the sixty rounds, and FedAdam's between institutions fell by 0.025. Since the rate falls to nothing, a flat end says that this schedule is over, not that a longer one would gain nothing.
#
# That is a finding about this network (a small stand-in for the U-Net), phantoms, these skews and eight local steps, not about the methods. Li et al. (2020) and Karimireddy et al. (2020) show tasks on which their repairs help much; there hospitals often held different *classes*. Measure drift on your own task (angles, and what pooled training would gain) before you repair it.
#
# Plain SGD takes surprising learning rates here: 3, 10 and 30 do about equally well, within 0.012 of each other in validation score, averaged over the two seeds they were tried on. Instance normalisation makes the network blind to the length of the weights before it, so a long step makes the weights longer and the next step relatively shorter.
#
# Which method would you take, if the hospital that fares worst is what you care about? Choose on validation patients, and look at test patients once. Below, for each way of dealing, the federated method whose worst hospital validates best, and what its worst hospital gains on FedAvg's on **test** patients. (FedAvg is the one with AdamW here, since that is what one would otherwise take; if SCAFFOLD is chosen, the difference is also that of the optimiser. FedAvg itself can hardly be chosen: tuned at home, a hospital goes back where its validation patients do not gain, so that on those very patients it never looks worse.)

# %%
from fedlab_utils.federated.comparison import difference, share_of_gain
from fedlab_utils.federated.recorded_trials import chosen, fairest
from fedlab_utils.ui import METHOD_NAMES

for condition in dict.fromkeys(t["condition"] for t in reported(trials)):
    method = fairest(trials, condition)
    ours, fedavg = (chosen(trials, m, condition) for m in (method, "fedavg"))
    gain = difference(ours, fedavg, "worst")
    print(f"{condition:18} {METHOD_NAMES[method]:22} less FedAvg {gain:+.3f}, {len(ours)} seeds")

# %% [markdown]
# And behind the first figure: what each setting gave, on the two seeds that settings were tried on. Choose a method and how hospitals differ. Grey marks what validation chose. *Try:* would you have chosen another one, had you looked at the test patients? By how much would you have fooled yourself?

# %%
HyperparameterExplorer(trials, note) if ready else print(missing)

# %% [markdown]
# ### The same question, put to the U-Net
#
# A conclusion about a stand-in is a guess about the network that matters. So the trainings that carry it were repeated with this course's U-Net on slices of 2 mm: hospitals sorted by the size of their tumours, and the phantoms' own institutions; five seeds, each with about 105 patients to train on and 127 to report on; thirty rounds of eight steps, with products in bfloat16, numbers of 16 bits. All methods have AdamW at the package's usual learning rate, 0.002, which was not tuned; the stand-in chose among 0.003, 0.01 and 0.03, and lesson 05 took 0.01. FedProx and SCAFFOLD are not among the methods: the repairs here are FedBN, which keeps instance normalisation's scale and shift at home, and tuning at home, 24 steps more at each hospital by itself.
#
# The table gives the worst hospital's Dice less that of FedAvg (left) and less that of going alone (right).

# %%
with_unet = trials_of(unet_rows := read_rows("heterogeneity_unet"))
for condition in dict.fromkeys(t["condition"] for t in with_unet):
    best = METHOD_NAMES[fairest(with_unet, condition)]
    print(f"{condition}: validation chooses {best}\n{'':23}less FedAvg{'':13}less going alone")
    found = {
        m: chosen(with_unet, m, condition) for m in ("pooled", "fedavg", "fedbn", "tuned", "local")
    }
    for method, ours in found.items():
        cells = ""
        for rival in ("fedavg", "local"):
            gain = difference(ours, found[rival], "worst")
            cells += f" {'' if method == rival else f'{gain:+.3f}':23}"
        print(f" {METHOD_NAMES[method]:21}{cells}")
    kept = share_of_gain(found["fedavg"], found["pooled"])
    told = "{:.1f} % [{:.1f}, {:.1f}]".format(*(100 * x for x in (kept.mean, kept.low, kept.high)))
    print(f" FedAvg's Dice over all patients: {told} of pooled training's\n")
method_comparison(with_unet, provenance_line(unet_rows))

# %% [markdown]
# **At this rate there is something to repair, and repair helps, a little.** With hospitals sorted by size, pooled training gains 0.028 [0.008, 0.045] on FedAvg in the worst hospital, which the stand-in did not show. FedBN, which validation chooses, gets back 0.019 [0.004, 0.035] of it. So does FedAvg tuned at home, its fair rival: 0.016 [0.001, 0.031], and between the two there is no difference to be seen. What helps may thus be that each hospital ends with a model of its own, rather than what FedBN keeps at home. Both leave the worst hospital 0.04 better off than if each went alone (0.043 [0.013, 0.067] and 0.040 [0.010, 0.064]). In all five seeds pooled training and FedBN gain, and tuning loses in none; but of pooled training's gain one seed has 0.068, the others 0.010 to 0.026.
#
# In the phantoms' institutions FedAvg keeps 98.9 % [96.6, 101.3] of pooled training's Dice over all patients (97.1 % [95.0, 99.0] where hospitals are sorted by size); five seeds do not rule out that it loses 3 %. Neither a repair nor pooling gives the worst hospital a gain that its interval tells from 0, and to go alone costs it 0.08: 0.02 to 0.06 in four seeds, 0.24 in the fifth.
#
# Be as strict with this figure as with any other. The lower ends lie close to 0, five seeds are few, and a dozen comparisons and more were looked at. Thirty rounds are not quite enough: in the last fifth the validation score (which the figure does not show) still rose, by 0.006 to 0.014 averaged over seeds, except for pooled training with hospitals sorted by size, where it fell by 0.005. So the levels, and pooled training's lead in the institutions, may be a little low. And one rate was set for all: one that suits FedAvg better might close the gap. The stand-in gives reason to think so. At 0.003, the lowest of its three rates, its pooled training, too, led FedAvg where hospitals were sorted by size, by 0.025 in validation score; at 0.01 it led by 0.001 (two seeds each).
#
# **What the stand-in got right and wrong:** that a federation is worth joining holds for both, with one caution: where hospitals were sorted by size, FedAvg without a repair was not shown to be better than going alone (its interval in the right column holds 0). Between the institutions no repair is shown to beat FedAvg with either network. That there is nothing left to repair where hospitals were sorted was found with the stand-in alone. Even that is not certain: pooled training's gain is 0.027 larger with the U-Net, and the interval of this difference of differences reaches from about 0 to 0.05. (That one interval leaves out 0 and another does not is no proof that the two differ.) Should it be so, why? It may be the rate, as just said, or the rounds, sixty there and thirty here. Or, our guess, 38,640 weights on coarse slices cannot specialise in small or large tumours, and what cannot specialise cannot drift. Compare methods on a cheap network to find out which questions to ask, and answer them on the network that you mean to use.

# %% [markdown]
# ## What you have learnt
#
# - Several local steps make federated averaging a map with a fixed point of its own, and that point is biased where curvatures differ. More rounds do not help.
# - FedProx holds hospitals back: shorter walks and, with many local steps, less bias, but never none. SCAFFOLD corrects the direction: no bias on quadratics, twice the traffic, plain SGD.
# - Drift can be measured, by angles and along paths, and must be compared with chance.
# - Statistics of a hospital's images are not weights. Averaging them can fail without a sign in training.
# - A conclusion about a small stand-in has to be tried on the network itself: here one of them came out otherwise.
# - One seed is an anecdote. Choose on validation, report the worst hospital, pair, and give intervals.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - I. J. Goodfellow, O. Vinyals, A. M. Saxe, Qualitatively characterizing neural network optimization problems. ICLR 2015. arXiv:1412.6544
# - S. Ioffe, C. Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate shift. ICML 2015. arXiv:1502.03167
# - S. P. Karimireddy et al., SCAFFOLD: stochastic controlled averaging for federated learning. ICML 2020. arXiv:1910.06378
# - T. Li et al., Federated optimization in heterogeneous networks. MLSys 2020. arXiv:1812.06127
# - X. Li et al., FedBN: federated learning on non-IID features via local batch normalization. ICLR 2021. arXiv:2102.07623
# - B. McMahan et al., Communication-efficient learning of deep networks from decentralized data. AISTATS 2017. arXiv:1602.05629
# - R. Pathak, M. J. Wainwright, FedSplit: an algorithmic framework for fast federated optimization. NeurIPS 2020. arXiv:2005.05238
# - S. J. Reddi et al., Adaptive federated optimization. ICLR 2021. arXiv:2003.00295
# - Y. Zhao et al., Federated learning with non-IID data. 2018. arXiv:1806.00582
