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
# *For computer scientists.* With one local step per round, federated averaging is gradient descent on the weighted sum of the hospitals' losses. With more steps it is another map, and its fixed point is in general **not** the minimum of that sum, however many rounds you run. We shall solve for it.
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
    open_patients,
    progress_board,
    quiz,
    show_source,
    solution,
)
from fedlab_utils.course.patients import draw_patients
from fedlab_utils.data.cohort import open_phantom

# %% [markdown]
# ## Drift in two dimensions
#
# A network has millions of weights; let ours have two. Three hospitals; the loss of each is a bowl, $f_i(x) = \tfrac12 (x-b_i)^\top A_i (x-b_i)$: it is happiest at $b_i$, and $A_i$ says how much it minds each direction. Bowls H1 and H2 are long and narrow, in different directions;
# H3 is round and shallow. All have as many patients. The *true optimum* is where the sum of all three is least, which is what one would find with all data in one place.
#
# A hospital's $K$ steps of size $\eta$ from the round's start $x$ walk $-\eta\, S_i A_i (x-b_i)$, with $S_i = \sum_{k=0}^{K-1} (1-\eta A_i)^k$. Averaging stands still where these walks cancel:
#
# $$\sum_i p_i\, S_i A_i\, (x-b_i) = 0$$
#
# For $K=1$, $S_i = 1$, and this is the condition of the true optimum. For large $K$, $\eta S_i A_i$ comes close to 1, so that the curvatures fall out and $x$ becomes the plain mean of the $b_i$: a hospital that hardly minds has as much to say as one that minds very much. That is the bias.

# %%
from fedlab_utils.federated.quadratics import fixed_point

show_source(fixed_point)

# %% [markdown]
# Move the sliders. The thin lines are the hospitals' local steps, the thick one the averages after each round; the cross is FedAvg's fixed point from the equation above, the star the true optimum.
#
# *Try:* local steps from 1 to 20. Then many steps at a small learning rate: where does the fixed point go? Then FedProx, with $\mu$ from 0 up. Then SCAFFOLD. *Before you look: which of the three ends at the star?*

# %%
from fedlab_utils.ui import DriftExplorer

DriftExplorer()

# %% [markdown]
# FedAvg ends at the cross, at any number of rounds. A smaller learning rate or fewer steps move the cross towards the star, at the price of more rounds, and rounds are what a federation pays for. FedProx pulls each hospital back to the round's start: the paths get shorter, the cross moves towards the star, and never gets there.
# SCAFFOLD bends the paths themselves, and the averages end at the star; when the hospitals take long walks, it needs a few rounds more to find out what the others want.

# %% [markdown] quiz="fixed-point"
# Three hospitals, quadratic losses, 20 local steps per round. FedAvg has come to rest away from the true optimum. What helps?
#
# - [ ] More rounds
#   > It rests. Another round gives the same model back: that is what a fixed point is.
# - [x] Fewer local steps, or a smaller learning rate
#   > Right. The bias grows with how far each hospital walks alone. With one step there is none.
# - [ ] More patients at each hospital, of the same kinds
#   > Then each knows its own optimum better, and the optima lie as far apart as before. The bias is none of noise.
# - [x] SCAFFOLD's correction
#   > Right. It adds to each step what the others' gradients are, so that at the optimum no hospital moves.

# %% [markdown]
# ## Repair 1: a spring
#
# **FedProx** (Li et al., 2020) lets a hospital minimise its own loss plus a pull towards $x^{(t)}$, the weights with which the round began:
#
# $$f_i(y) + \frac{\mu}{2} \lVert y - x^{(t)} \rVert^2$$
#
# The norm runs over all trained weights together, so its square is the sum of all squared differences. A network also carries *buffers*, such as running averages; they are no weights, and no gradient moves them. Write the term. (A version that circulates adds up the norms of the tensors, without squaring. It runs, and is another method.)


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
# A spring holds back good steps as well as bad ones. **SCAFFOLD** (Karimireddy et al., 2020) asks instead: by how much does this hospital's gradient differ from everybody's? Each hospital keeps a **control variate** $c_i$, an estimate of its own gradient, and the server keeps their mean $c$. In every local step
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
#   > Not with option II, which reads the gradients off the way walked. Option I takes one more gradient per round.
# - [x] A hospital must remember something from round to round
#   > Right, its own $c_i$. A hospital that joins rarely corrects with an old one, which is why SCAFFOLD suits a few steady hospitals better than millions of phones.
