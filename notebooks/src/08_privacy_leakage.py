# ---
# title: Privacy leakage
# data: phantom or a BraTS folder
# minutes: 75
# ---

# %% [markdown]
# # What does an update tell about the patients it was made from?
#
# In federated learning no scan leaves a hospital. Weights leave, or gradients, and those were computed *from* scans. This lesson takes the other side: you hold what a hospital sent, and want its patient back. Then you hold a finished model, and want to know who was in it.
#
# *For physicians.* A gradient is the list of corrections that a patient's scan asks for: "a little more attention to bright rims, a little less to the left". Nobody can read a face out of one correction. But for one slice with 4,096 intensities the network of this lesson sends nearly three hundred thousand of them, and working backwards becomes conceivable.
#
# *For computer scientists.* **Gradient inversion** (Zhu et al., 2019; Geiping et al., 2020): search for an input whose gradient is the one that was observed. **Membership inference** (Shokri et al., 2017; Yeom et al., 2018): decide from a model's output on a record, its loss for example, whether the record was trained on.
#
# When you are done you can
#
# - read an image out of a linear layer's gradient by hand, and say why a U-Net is harder,
# - run a search for a patient's slice, and judge its result against guesses that need no gradient,
# - say what a *dishonest* server can do that a curious one cannot,
# - tell members from others by their loss, and say how sure that is with few patients,
# - say what larger batches, more local steps and noise do against it.
#
# Whether an update of weights is personal data in the sense of the GDPR is for lawyers to say; article 4(1) asks whether a person is identified or identifiable, and recital 26 counts all means reasonably likely to be used. This lesson is about what can be done.

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

from fedlab_utils.data import PreprocessSettings, load_preprocessed, to_regions
from fedlab_utils.data.windows import centred
from fedlab_utils.ui import inversion_pictures

# %% [markdown]
# ## The patients
#
# Small patches, so that an attack takes seconds: at 4 mm, 32 x 32 pixels around the middle of the brain, of each patient the slice with the most tumour. The first four patients are the hospital's, and the first of them is the one under attack. All others play the *public*: patients whom the attacker may look at, to know what brains look like.

# %% tags=["check-output"]
coarse = PreprocessSettings(spacing=4.0)
some = several_patients(37, coarse)


def largest_slice(case):
    """Return image (4, 32, 32), target (3, 32, 32) and brain (1, 32, 32) of the slice with most tumour."""
    patient = load_preprocessed(case, coarse)
    at = int((np.asarray(patient.labels) > 0).sum((0, 1)).argmax())
    planes = (patient.image, to_regions(patient.labels), patient.brain[None])
    return [centred(np.asarray(plane)[..., at], (32, 32)) for plane in planes]


parts = zip(*(largest_slice(case) for case in some))
images, target, brain = (torch.tensor(np.stack(part)) for part in parts)
images, target = images.float(), target.float()
HOSPITAL = 4
public = images[HOSPITAL:]
print(f"{len(images)} slices of {tuple(images.shape[1:])}")

# %% [markdown]
# ## One linear layer hides nothing
#
# Take the simplest network: one linear layer, $y = Wx + b$, and any loss $L(y)$. By the chain rule
#
# $$\frac{\partial L}{\partial W} = \frac{\partial L}{\partial y}\, x^\top, \qquad \frac{\partial L}{\partial b} = \frac{\partial L}{\partial y}.$$
#
# Row $i$ of the first is $x$ times a number, and that number is entry $i$ of the second. Unless all these numbers are 0, the input stands there, written out (Phong et al., 2018).


# %% exercise="linear_leak"
def my_linear_leak(weight_gradient, bias_gradient):
    """Return the input of a linear layer from the gradient of one sample.

    weight_gradient: array (outputs, inputs). bias_gradient: array (outputs,); some entries may be 0, not all.
    Return an array (inputs,).
    """
    # BEGIN SOLUTION: take the row with the largest bias gradient, and divide it by that
    row = np.argmax(np.abs(bias_gradient))
    return weight_gradient[row] / bias_gradient[row]
    # END SOLUTION


# %% [markdown] hint="linear_leak"
# Each row of the weight's gradient is the input times an entry of the bias's gradient. One row is enough.

# %% [markdown] hint="linear_leak"
# Do not take a row whose bias gradient is 0: `np.argmax(np.abs(bias_gradient))` finds the largest.


# %% wrong="linear_leak" diagnosis="divide"
def my_linear_leak(weight_gradient, bias_gradient):
    return weight_gradient[np.argmax(np.abs(bias_gradient))]


# %% wrong="linear_leak" diagnosis="is 0"
def my_linear_leak(weight_gradient, bias_gradient):
    return weight_gradient[0] / bias_gradient[0]


# %% wrong="linear_leak" diagnosis="signs cancel"
def my_linear_leak(weight_gradient, bias_gradient):
    return weight_gradient.sum(axis=0) / np.abs(bias_gradient).sum()


# %% [markdown]
# With the patient's four sequences, 4096 numbers, through one layer with ten outputs:

# %%
from fedlab_utils.privacy import linear_input

torch.manual_seed(0)
layer = torch.nn.Linear(4 * 32 * 32, 10)
loss = layer(images[:1].flatten(1)).square().sum()
weight_gradient, bias_gradient = torch.autograd.grad(loss, list(layer.parameters()))
leaked = linear_input(weight_gradient, bias_gradient).reshape(4, 32, 32)

two = layer(images[:2].flatten(1)).square().sum()
mixed = linear_input(*torch.autograd.grad(two, list(layer.parameters()))).reshape(4, 32, 32)
inversion_pictures(
    {
        "the patient": images[0].numpy(),
        "out of the gradient": leaked.numpy(),
        "out of a batch of two": mixed.numpy(),
    },
    f"A slice, the same slice computed from the gradient of a linear layer (largest difference "
    f"{float((leaked - images[0]).abs().max()):.0e}), and a mixture of two patients' slices.",
)

# %% [markdown]
# Exact but for rounding, without a search. Of two patients it gives a mixture, and one can see both. So the question is not whether gradients hold images. It is how much the layers in between stand in the way.
#
# ## Searching
#
# In a U-Net no layer gives its input away so directly. But the attacker has the same network and can compute, for any image, the gradient that it *would* give. Hence the search: begin with noise, and change it step by step until its gradient points where the observed one does. Geiping et al. compare directions, by the cosine, and ask for little *total variation* (differences between neighbouring pixels), since brains are smoother than noise.


# %% exercise="gradient_gap"
def my_gradient_gap(found, sent):
    """Return 1 less the cosine between two gradients.

    found, sent: lists of arrays, one per tensor of the network, of equal shapes. The cosine is that of all numbers together, as if they stood in one long row.
    """
    # BEGIN SOLUTION: one scalar product and two lengths, over all tensors together
    product = sum((f * s).sum() for f, s in zip(found, sent))
    lengths = [np.sqrt(sum((part**2).sum() for part in of)) for of in (found, sent)]
    return 1 - product / (lengths[0] * lengths[1])
    # END SOLUTION


# %% [markdown] hint="gradient_gap"
# The cosine is the scalar product over both lengths. Add up the scalar products of all tensors, and the squares for the lengths, before you take a root.

# %% [markdown] hint="gradient_gap"
# `product = sum((f * s).sum() for f, s in zip(found, sent))`; a length is `np.sqrt(sum((p**2).sum() for p in found))`.


# %% wrong="gradient_gap" diagnosis="mean of the tensors' cosines"
def my_gradient_gap(found, sent):
    cosines = [(f * s).sum() / np.sqrt((f**2).sum() * (s**2).sum()) for f, s in zip(found, sent)]
    return 1 - np.mean(cosines)


# %% wrong="gradient_gap" diagnosis="1 less"
def my_gradient_gap(found, sent):
    product = sum((f * s).sum() for f, s in zip(found, sent))
    lengths = [np.sqrt(sum((part**2).sum() for part in of)) for of in (found, sent)]
    return product / (lengths[0] * lengths[1])


# %% wrong="gradient_gap" diagnosis="squared distance"
def my_gradient_gap(found, sent):
    return sum(((f - s) ** 2).sum() for f, s in zip(found, sent))


# %% [markdown] equivalent="gradient_gap"
# - `product = sum(((f * s).sum() for f, s in zip(found, sent)))` -> `product = sum(((f * s).sum() for f, s in zip(sent, found)))`: a scalar product is the same in either order

# %% [markdown]
# **When does a picture count?** A grey blob looks like a brain to whoever expects one. So the result is compared with two guesses that need no gradient: the *mean* of the public patients, and the public patient *nearest* to the truth (an unfair guess, since one must know the truth to pick it). Two scores, each the mean over the four sequences. The *peak signal-to-noise ratio* (PSNR, in decibels) sets the mean squared error against the range of the patient's intensities: 10 dB more are a tenth of the error. The *structural similarity* (SSIM) compares mean, contrast and pattern in small windows: 1 for equal images, about 0 for unrelated ones. Both are needed, since an even grey has a fair PSNR and no structure. An attack counts if it beats both guesses in both.
#
# First the course's U-Net, as a server would begin a federation: random weights. The attacker knows the tumour's mask and where the brain is, and sees the gradient of one single slice. All of this is in his favour.

# %%
from fedlab_utils.privacy import InversionSettings, open_rectifiers, try_inversion
from fedlab_utils.segmentation import UNetSettings, make_unet


def attack(network, iterations, **how):
    """Attack the first patients' update, and print how it went."""
    settings = InversionSettings(iterations=iterations)
    trial = try_inversion(network, images, target, public, brain=brain, settings=settings, **how)
    for row in trial.table:
        verdict = {True: "counts", False: "does not count", None: ""}[row["counts"]]
        print(f"{row['name']:22} {row['psnr']:5.1f} dB   SSIM {row['ssim']:.2f}   {verdict}")
    return trial


def shown(trial, title):
    """Show what an attack on one slice found."""
    found = trial.inversion.images[0].numpy()
    row = trial.table[-1]
    words = f"The patient's slice, and what the attack found ({title}): {row['psnr']:.1f} dB."
    return inversion_pictures({"the patient": images[0].numpy(), title: found}, words)


honest = make_unet(UNetSettings(width=8), seed=0)
failed = attack(honest, 150)
shown(failed, "honest weights")

# %% [markdown]
# Noise; if the tumour's place shines through, remember that the attacker was given it. With the settings that we tried (a few hundred iterations, both papers' distances, several searches) no attack on honest weights, random or trained, beat the guesses. We blame the *rectifiers*, the units that pass positive values and shrink negative ones: at 0 their slope jumps, and through eighteen layers of them the gradient changes abruptly from one image to the next, so that a search which follows slopes gets nowhere. The next section tests that.
#
# *This is no proof of safety.* It says that these searches, for this long, failed. Zhu et al. put smooth functions in place of the rectifiers; Geiping et al. did recover images through rectifiers, from other networks and with thousands of iterations and several restarts. Attacks get better; patients stay the same.
#
# ## A server that cheats
#
# Who chooses the weights of the first round? The server. A *curious* server runs the protocol and looks. A *dishonest* one sends weights that are good for reading patients rather than for segmenting tumours, and a hospital that does not look into them trains as ever. Such weights need not be clever. Here every shift of the normalisation layers is set to 3 standard deviations, so that about 99 in 100 values lie above 0, away from the bend of the rectifiers (with honest weights it is half of them). The layers are the same, the hospital's code is the same. Whoever looks would notice shifts of 3 where 0 is usual; but who looks?

# %%
show_source(open_rectifiers)

# %%
chosen = open_rectifiers(make_unet(UNetSettings(width=8), seed=0))
trial = attack(chosen, 150)
shown(trial, "chosen weights")

# %% [markdown]
# A hospital's patient, out of one gradient, within a minute on a laptop, and with as many iterations as failed before. That speaks for the rectifiers: max-pooling, which jumps too, is still there. The bright rim and the dark core can be seen; fine anatomy cannot.
#
# But is the comparison fair? The attacker knew the mask, the guesses did not. Here is a guess that does: each region of the mask painted in the public patients' mean intensity of that region.


# %%
from fedlab_utils.privacy import against_guesses, painted_guess

show_source(painted_guess)

# %%
known = (public, target[HOSPITAL:], brain[HOSPITAL:])
painted = {"painted mask": painted_guess(*known, target[:HOSPITAL], brain[:HOSPITAL])}
more = {name: guess[:1] for name, guess in painted.items()}
fair = against_guesses({"attack": trial.inversion.images}, images[:1], public, more=more)
for row in fair[2:]:
    print(f"{row['name']:22} {row['psnr']:5.1f} dB   SSIM {row['ssim']:.2f}")

# %% [markdown]
# Painted by numbers, without any gradient, and on our phantoms better than both guesses: by our rule it would count. So a guess must be given all that the attacker is given. The attack beats this one too, and by how much is what the gradient told. Call `attack(chosen, 150, masks_known=False)` to see how it does when it has to find the mask as well. In one run of 110 iterations on phantoms it did not beat the guesses (16.3 dB, SSIM 0.10): much of this success hangs on the known mask.
#
# Stronger dishonest servers exist. Boenisch et al. (2023) choose the weights of a fully connected layer, Fowl et al. (2022) put an extra layer into the network, in such a way that many rows of the layer answer to one image only. Each of these rows gives its image away as the linear layer above did, exactly and without a search, for a good part of a large batch.

# %% [markdown] quiz="curious-or-dishonest"
# Which of these protects against a *dishonest* server that sends weights of its own choice?
#
# - [ ] Encrypting the messages on their way
#   > The server is one end of the line. Encryption keeps others out.
# - [ ] That attacks on honest weights fail
#   > It chooses the weights. What fails on honest ones says nothing.
# - [ ] Secure aggregation over many hospitals: the server sees nothing but their sum
#   > Good against a curious server (lesson 10). A dishonest one can choose weights that keep the images of a sum apart (Fowl et al., 2022), or send each hospital other weights, so that all but one send zeros (Pasquini et al., 2022).
# - [x] Noise that the hospital adds itself before anything is sent
#   > Right, if it is enough: lesson 09 says how much that is.

# %% [markdown]
# ## What helps?
#
# Choose how many slices share the gradient, how many local steps the hospital takes before it sends (the update is then the difference of weights), and how much noise it adds, as a multiple of the update's own size. Each press of the button is a new attack of 150 iterations. One slice and one step take well under a minute; time grows with both, so that 4 slices and 4 steps take several minutes. Of several slices the first is shown, and the scores are their mean.
#
# *Before you press:* order these by how well you think they protect: 4 slices, 4 local steps, noise as large as the update, noise ten times as large.

# %%
from dataclasses import replace

from fedlab_utils.ui import InversionExplorer

InversionExplorer(
    {"chosen by the server": chosen, "honest": honest},
    images,
    target,
    brain,
    public,
    replace(trial, table=fair),
    painted,
)

# %% [markdown]
# Batches and local steps make this search harder and longer, but nothing rules it out: the attacker retraces the local steps (we grant knowledge of how many there were, and of the learning rate), and searches for all slices of a batch at once. That one search fails within 150 iterations is, again, no proof.
#
# Noise *as large as the update* takes little away, which surprises most people. The update has seventy times as many numbers as the slice. Changing the slice moves the update in 4,096 directions at most, and only what the noise has in *those* directions can be mistaken for a change of the patient: about $1/\sqrt{70}$, an eighth of its length. Of noise ten times as large that is more than the update itself.
#
# How does that compare with differential privacy? There the noise on *each weight* of the sum over patients has standard deviation $\sigma C$ ($\sigma$ is called the noise multiplier), and the *whole* clipped gradient of a patient is no longer than $C$. Over $D$ weights the noise is about $\sigma\sqrt{D}$ times as long as the patient's gradient, or more where that is shorter than $C$.

# %%
weights = sum(parameter.numel() for parameter in chosen.parameters())
print(
    f"{weights} weights: noise of multiplier 1 is {weights**0.5:.0f} times as long as a clipped gradient"
)
private = attack(chosen, 150, noise=float(weights**0.5))
shown(private, "with the noise of differential privacy")

# %% [markdown]
# No picture: even in the 4,096 directions of the slice the noise is some sixty times as long as the gradient. It is the same in a step of many patients: each one's gradient is at most $C$, and the noise on the sum is what it was. Only the sum grows, which is what makes training possible at all.
#
# But do not take the ratio of lengths for the guarantee. Somebody who holds a patient's scan and asks only *is this one in the sum?* looks along a single direction, and there the noise is $\sigma C$ against $C$: with multiplier 1, no larger than what is looked for. And each round is another look. What noise promises against *every* attack, that question included, is computed from $\sigma$ and the number of rounds, not from pictures: lesson 09.
#
# ## Who was in it?
#
# A finished model is often meant to be handed out. **Membership inference** asks of it: was this patient trained on? The attacker holds the patient's scan (and here also its segmentation, to compute a loss), but not where the patient was treated or in which study the patient took part. The answer may tell. The plainest attack uses that networks fit what they have seen better than the rest: call those with a small loss members.
#
# Two networks, on half of the patients: one is stopped early, one is trained far too long on far too little, until it knows its patients by heart.

# %%
from fedlab_utils.segmentation import OptimiserSettings, dice_ce_loss, local_update, make_optimiser

half = len(images) // 2
everyone = torch.arange(len(images))


def trained(steps):
    """Return a U-Net after so many steps on all slices of the first half at once."""
    network = make_unet(UNetSettings(width=8), seed=1)
    batch = {"image": images[:half], "target": target[:half], "patient": everyone[:half]}
    optimiser = make_optimiser(network, OptimiserSettings(learning_rate=5e-3))
    local_update(network, [batch] * steps, optimiser)
    return network.eval()


def losses(network):
    """Return each patient's loss."""
    with torch.no_grad():
        return dice_ce_loss(network(images), target, everyone).numpy()


found = {"stopped early": losses(trained(15)), "trained too long": losses(trained(150))}
for name, each in found.items():
    print(
        f"{name:17} mean loss of members {each[:half].mean():.2f}, of others {each[half:].mean():.2f}"
    )

# %% [markdown]
# How good is the attack? At each threshold it finds a share of the members (*true positive rate*) and accuses a share of the others (*false positive rate*). The difference of the two is the attack's **advantage** (Yeom et al., 2018); we take the largest over all thresholds: 0 for a coin in the long run, 1 for certainty.


# %% exercise="advantage_of"
def my_advantage_of(members, others):
    """Return the largest lead of members found over others accused, over all thresholds.

    members, others: float arrays of scores, one per patient; whoever scores at least the threshold is called a member.
    Return a number from 0 to 1.
    """
    # BEGIN SOLUTION: try each score as the threshold; the largest difference of the two shares, 0 at least
    thresholds = np.concatenate([members, others])
    leads = [np.mean(members >= t) - np.mean(others >= t) for t in thresholds]
    return max(0.0, *leads)
    # END SOLUTION


# %% [markdown] hint="advantage_of"
# `np.mean(members >= t)` is the share of members found at threshold `t`. Nothing changes between two scores, so it is enough to try each score.

# %% [markdown] hint="advantage_of"
# Go through `np.concatenate([members, others])` and take the maximum. A threshold above all scores finds nobody and accuses nobody: the lead is never below 0.


# %% wrong="advantage_of" diagnosis="one threshold"
def my_advantage_of(members, others):
    middle = np.median(np.concatenate([members, others]))
    return np.mean(members >= middle) - np.mean(others >= middle)


# %% wrong="advantage_of" diagnosis="members found alone"
def my_advantage_of(members, others):
    return max(np.mean(members >= t) for t in np.concatenate([members, others]))


# %% wrong="advantage_of" diagnosis="difference of the means"
def my_advantage_of(members, others):
    return np.mean(members) - np.mean(others)


# %%
from fedlab_utils.privacy.membership import advantage
from fedlab_utils.ui import membership_curves

scores = {name: (-each[:half], -each[half:]) for name, each in found.items()}
rng = np.random.default_rng(0)
others_too = len(images) - half
# The first of the two numbers that advantage returns is the one you wrote; the second is for the scores' negatives.
chance = [advantage(rng.normal(size=half), rng.normal(size=others_too))[0] for _ in range(300)]
for name, (members, others) in scores.items():
    print(f"{name:17} advantage {advantage(members, others)[0]:.2f}")
print(
    f"scores that say nothing: {np.mean(chance):.2f}, one in twenty above {np.quantile(chance, 0.95):.2f}"
)
membership_curves(scores, f"live: {half} members, {len(images) - half} others, one seed")

# %% [markdown]
# Look at the last line before you look at the curves. (A curve that is flat at the left edge found that share of the members before it accused anybody else: a logarithmic axis has no 0.) With so few patients even scores that say nothing have an advantage, since the threshold is the best one for these very patients. A claim of leakage must lie clearly above that, and a claim that there is none needs many more patients. And the axes are logarithmic for a reason: an attack that is a little better than a coin on everybody is sure of nobody; one that is *certain of three patients* harms these three, and the area under the curve hardly shows it (Carlini et al., 2022). To know who is found at one false alarm in a hundred takes a thousand or more patients who were not trained on: then ten false alarms fix the threshold, with a hundred patients a single one.
#
# Carlini et al. sharpen the attack: a patient's loss may be small because the patient is easy. They train many *shadow* networks (an idea of Shokri et al.), some with this patient and some without, and ask which of the two the loss under attack looks like: a likelihood ratio for each patient. That finds members that one threshold for all cannot, and costs as many trainings as there are shadows.

# ### With a thousand others
#
# That takes hundreds of networks, so it is recorded. On 1,536 phantoms the study trains the small stand-in of lesson 05 (38,640 weights, slices of 4 mm) in two ways. An *overfitted* target has 32 patients and goes on until it knows them by heart. A *healthy* one has 384, and stops where 64 further patients say. Each target has at least 1,152 phantoms it was not trained on. Nobody is a member of two targets of one kind, so that every member counts once.
#
# *Is the comparison fair?* An attack on membership finds whatever else tells members from others, and it is easy to build something in. Here a target's members are drawn at random. Shadows were trained on other random parts, and each patient, member or not, is known to just as many of them (three of 144 for the overfitted, six of 24 for the healthy). The same score is taken of everybody, and no target serves as a shadow: its members would have one shadow more on their side. To be sure, twenty *controls* were trained on phantoms from elsewhere and attacked as if they knew the members of the twenty overfitted targets. Whatever is found there is chance, or a fault of the attack. (The healthy kind has no controls of its own.)
#
# *Before you look:* a healthy network and a blunt attack, an overfitted one and a sharp attack are the extremes. Which of the two others finds more: the blunt attack on the overfitted network, or the sharp one on the healthy?

# %%
from fedlab_utils.privacy.shadows import ATTACKS, attack_recorded, leak_of
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import provenance_line, recorded_membership

recorded = read_rows("membership")
attacked = attack_recorded(recorded)
for kind, targets in attacked.items():
    print(f"{kind}: {len(targets)} networks")
    for attack in ATTACKS:
        leak = leak_of(targets, attack)
        at = leak.found
        print(
            f"  {attack:14} area {leak.area:.2f}, advantage {leak.lead:z.2f} (turned round "
            f"{leak.lead_turned:z.2f}), at 1 % false alarms {at.rate:.1%} [{at.low:.1%}, {at.high:.1%}] "
            f"of {leak.area.patients} members found"
        )
missing = (
    f"Not recorded yet: {len(recorded)} networks are there, too few for an attack. "
    "`python -m fedlab_utils study membership` trains them, for an hour or two."
)
note = provenance_line(recorded) if attacked else ""
recorded_membership(attacked, note) if attacked else print(missing)

# %% [markdown]
# At one false alarm in a hundred, the blunt attack finds 68 % of the overfitted networks' members, and the shadows find 97 %. Of the healthy networks' members it is 2.7 % (95 % interval 2.0 to 3.7) and 13.5 % (11.8 to 15.3). *So a network that generalises well is not thereby safe.* (These four do: a mean loss of 0.34 on members and of 0.37 on others. Validation stopped them at the last look or the one before.) One in seven members is found, out of a network whose loss alone tells next to nothing: with an area of 0.60, and a few dozen patients to try it on, a hospital would have called it harmless. The attack that one tries bounds nothing but itself.
#
# How sure is an accusation? That depends on how many members there are to find. Of those accused at one false alarm in a hundred, 82 % are members here, where every fourth patient is one. Were it every hundredth, about 12 % would be: most of the accused would be strangers.
#
# How to read the figure. A threshold is set for each target, so that it accuses a given share of the patients this target does not know; the curve is the mean over the targets. Bars at one false alarm in a hundred are exact 95 % intervals (Clopper and Pearson, 1934) that take members for independent draws and the threshold as given. They are not quite: members share a network, and of the four healthy ones 11, 12, 14 and 17 % are found, so that for further networks the interval should be wider. The areas' intervals are bootstrapped over networks and patients, and with four networks they are too narrow as well. Controls must lie on the diagonal, within their interval; if they do not, believe nothing else in the figure. What the attacker is granted: the scan, its segmentation and the very slices that were trained on, the recipe of the training, the very patients who decided when to stop, and phantoms just like the hospital's. A real attacker has less. What he might have besides, more networks of the same hospital or one after each round, is not tried here.

# %% tags=["author-only"]
from fedlab_utils.studies.membership import KINDS, POOL, VALIDATION

sizes = {
    kind: (r.patients, r.deals, r.deals * POOL // r.patients, r.targets)
    for kind, r in KINDS.items()
}
assert (POOL, VALIDATION) == (1536, 64)
assert sizes == {"overfitted": (32, 3, 144, 20), "healthy": (384, 6, 24, 4)}

# %% [markdown] quiz="membership-defence"
# A network is stopped early, and membership inference by the loss finds nothing beyond chance on 18 members and 19 others. What may the hospital say?
#
# - [ ] "Our model does not reveal who was trained on."
#   > One attack, few patients. A sharper one, or one that looks at rare patients, may find some.
# - [x] "This attack did not tell members from others, and with so few patients it would have had to be good to be noticed."
#   > Right: a statement on an attack and its power.
# - [ ] "Since it generalises, nothing can leak."
#   > Models that generalise well on average have been found to remember single, unusual records.

# %% [markdown]
# ## What you have learnt
#
# - A gradient holds its input. A linear layer gives it away in one division; our U-Net made the search fail, and weights chosen by a dishonest server made it succeed.
# - A reconstruction counts only against guesses that need no gradient and know all else that the attacker knows.
# - Batches and local steps are no defence to rely on. To blur a picture, noise must be much longer than one patient's update; what noise guarantees is the subject of lesson 09.
# - Membership shows in the loss of networks that were trained too long. Shadow models also find members of a network that generalises, and whose loss tells little.
# Few patients prove little, in both directions.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - F. Boenisch et al., When the curious abandon honesty: federated learning is not private. EuroS&P 2023. arXiv:2112.02918
# - N. Carlini et al., Membership inference attacks from first principles. IEEE S&P 2022. arXiv:2112.03570
# - C. J. Clopper, E. S. Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 26:404-413, 1934. doi:10.1093/biomet/26.4.404
# - L. Fowl et al., Robbing the fed: directly obtaining private data in federated learning with modified models. ICLR 2022. arXiv:2110.13057
# - J. Geiping et al., Inverting gradients: how easy is it to break privacy in federated learning? NeurIPS 2020. arXiv:2003.14053
# - D. Pasquini, D. Francati, G. Ateniese, Eluding secure aggregation in federated learning via model inconsistency. CCS 2022. arXiv:2111.07380
# - L. T. Phong et al., Privacy-preserving deep learning via additively homomorphic encryption. IEEE TIFS 13:1333-1345, 2018. doi:10.1109/TIFS.2017.2787987
# - R. Shokri et al., Membership inference attacks against machine learning models. IEEE S&P 2017. arXiv:1610.05820
# - S. Yeom et al., Privacy risk in machine learning: analyzing the connection to overfitting. CSF 2018. arXiv:1709.01604
# - L. Zhu, Z. Liu, S. Han, Deep leakage from gradients. NeurIPS 2019. arXiv:1906.08935
# - Regulation (EU) 2016/679 (GDPR), article 4 and recital 26.
