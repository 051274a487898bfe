# ---
# title: Differential privacy
# data: phantom or a BraTS folder
# minutes: 80
# ---

# %% [markdown]
# # What can a hospital promise each patient, and what does the promise cost?
#
# Weights are made from patients, and something of each patient is left in them. This lesson limits how much, with a proof: **differential privacy** (Dwork, McSherry et al., 2006). You write its ingredients (sampling, clipping and noise), train with them, keep the books, and then do not believe the books and try to refute them.
#
# *For physicians.* A patient asks: "What will anybody learn about me if I let you use my scan?" No honest answer is "nothing". But this one can be kept: "Nearly the same as if you had stayed away. Whatever anybody concludes from our model, he would have concluded with nearly the same probability without you." How near is a number, $\varepsilon$ (epsilon): no probability changes by more than a factor $e^{\varepsilon}$ (but for a small rest, delta, see below). Who thought it a toss-up whether you took part can be at most 52 % sure afterwards at epsilon 0.1, 73 % at 1, 88 % at 2, and 99.97 % at 8, where the proof alone promises little. The promise says nothing about what the model teaches about *gliomas*: that is what research is for, and it holds whether you take part or not.
#
# *For computer scientists.* A randomised algorithm $M$ is $(\varepsilon, \delta)$-differentially private if for all neighbouring data sets $D, D'$ and all sets $S$ of outcomes
#
# $$\Pr[M(D) \in S] \le e^{\varepsilon} \Pr[M(D') \in S] + \delta$$
#
# (The form with $\delta$ is that of Dwork, Kenthapadi et al., 2006.) Here *neighbouring*, or *adjacent*, means that one **patient**, with all scans and slices, is added or removed. (Others let one patient be *replaced* by another: the same algorithm then has a larger epsilon.) The *outcome* is everything that training sends out of the hospital, in every round, not just the final model. $\delta$ is, roughly, a small probability with which the promise may fail. It is $10^{-5}$ here, and must be well under one over the number of patients: with one over it, an algorithm that publishes a patient drawn at random would pass.
#
# When you are done you can
#
# - say what epsilon means, with its delta, its unit, and in whose view it holds,
# - write the sampling by patients and the clipped, noisy mean of DP-SGD, and name the mistakes that silently void the promise,
# - say what a budget costs in noise, and how many patients make it bearable,
# - keep a ledger that survives crashes, and audit a claim of privacy by experiment.

# %%
import numpy as np
from scipy.stats import norm

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
from fedlab_utils.privacy import epsilon_of, noise_for

# %% [markdown]
# ## One noisy number
#
# A hospital publishes a count, say of patients with a glioma in the left temporal lobe. One patient more or less changes it by 1. Publish it with normal noise of deviation $\sigma$, and an observer sees a number drawn from one of two bell curves, the one with you or the one without, a distance of 1 apart. If they overlap enough, one number hardly tells which.
#
# How enough is enough? For each $\varepsilon$ the bells have the smallest $\delta$ for which the promise holds (Balle and Wang, 2018), with $\Phi$ the distribution function of the standard normal distribution:
#
# $$\delta(\varepsilon) = \Phi\!\left(\frac{1}{2\sigma} - \varepsilon\sigma\right) - e^{\varepsilon}\, \Phi\!\left(-\frac{1}{2\sigma} - \varepsilon\sigma\right)$$


# %% exercise="gaussian_delta"
def my_gaussian_delta(epsilon, noise):
    """Return the smallest delta with which one noisy sum is (epsilon, delta)-private.

    epsilon: 0 or more. noise: the deviation sigma, where one patient moves the sum by 1.
    """
    # BEGIN SOLUTION: the two terms of the formula, with norm.cdf for Phi
    high = 1 / (2 * noise) - epsilon * noise
    low = -1 / (2 * noise) - epsilon * noise
    return norm.cdf(high) - np.exp(epsilon) * norm.cdf(low)
    # END SOLUTION


# %% [markdown] hint="gaussian_delta"
# `norm.cdf(x)` is $\Phi(x)$. Compute the two arguments first; they differ in the sign of `1 / (2 * noise)`.

# %% [markdown] hint="gaussian_delta"
# `high = 1 / (2 * noise) - epsilon * noise`, and likewise `low`. The factor $e^{\varepsilon}$ is `np.exp(epsilon)`; it stands before the second term only.


# %% wrong="gaussian_delta" diagnosis="exp(epsilon)"
def my_gaussian_delta(epsilon, noise):
    shift = epsilon * noise
    return norm.cdf(1 / (2 * noise) - shift) - norm.cdf(-1 / (2 * noise) - shift)


# %% wrong="gaussian_delta" diagnosis="taken off, not added"
def my_gaussian_delta(epsilon, noise):
    shift = epsilon * noise
    return norm.cdf(1 / (2 * noise) - shift) + np.exp(epsilon) * norm.cdf(-1 / (2 * noise) - shift)


# %% wrong="gaussian_delta" diagnosis="second term is missing"
def my_gaussian_delta(epsilon, noise):
    return norm.cdf(1 / (2 * noise) - epsilon * noise)


# %% [markdown]
# So a *mechanism* (a randomised algorithm, such as this one) has no *one* epsilon: it has a curve, and a number without its delta says nothing. Some points of the curve for $\sigma = 1$, as the package computes them:

# %% tags=["check-output"]
for delta in (1e-1, 1e-2, 1e-3, 1e-5, 1e-8):
    print(f"delta {delta:.0e}: epsilon {epsilon_of([(1.0, 1.0, 1)], delta):.2f}")

# %% [markdown] quiz="meaning-of-epsilon"
# A hospital reports: "Our model is private with epsilon 2." What is missing?
#
# - [x] Delta
#   > Right: with another delta the same mechanism has another epsilon.
# - [x] The unit: whose data is added or removed, a slice's, a scan's, a patient's
#   > Right. Epsilon 2 per slice can be epsilon 120 for a patient of sixty slices, which is no promise at all.
# - [x] In whose view: the server's, who sees every round, or that of whoever gets the final model
#   > Right. The two can be far apart.
# - [ ] The accuracy of the model
#   > Worth knowing, and no part of the promise.

# %% [markdown]
# ## From a count to a gradient
#
# **DP-SGD** (Abadi et al., 2016) makes each step of training such a noisy sum. Two things are different from a count. A gradient has no natural bound, so one has to be made: each patient's gradient is *clipped* to a length $C$. And each step looks at some patients only, drawn at random; an observer who does not know who was drawn learns less, so that epsilon is smaller (*amplification by sampling*). The program that computes epsilon of all steps together is called the *accountant*; ours composes the steps numerically (Gopi et al., 2021).
#
# Both have traps. Sampling first. The accountant's sums hold if **each patient is in or out by a coin of its own** (*Poisson sampling*), with all slices. The usual loop shuffles slices and deals them in batches of 8. Its unit would be a slice, and even for slices the sums do not hold: with shuffling, the true epsilon can be much larger than that of coins (Chua et al., 2024).


# %% exercise="patient_sample"
def my_patient_sample(patient_of, rate, uniform):
    """Return the numbers of the slices that take part in a private step.

    patient_of: list of str, the patient of each slice, in no particular order.
    rate: probability of a patient to take part. uniform: a function; uniform(count) returns so many random numbers from 0 to below 1.
    Draw one number for each patient, in alphabetical order of the patients. Who draws a number below the rate takes part with all slices.
    Return a list of ints, in rising order; it may be empty.
    """
    # BEGIN SOLUTION: the patients in order, a coin for each, then the slices of those chosen
    patients = sorted(set(patient_of))
    coins = dict(zip(patients, uniform(len(patients))))
    return [number for number, patient in enumerate(patient_of) if coins[patient] < rate]
    # END SOLUTION


# %% [markdown] hint="patient_sample"
# `sorted(set(patient_of))` are the patients. Ask for as many random numbers as there are patients, not slices.

# %% [markdown] hint="patient_sample"
# `coins = dict(zip(patients, uniform(len(patients))))`; then go through `enumerate(patient_of)`.


# %% wrong="patient_sample" diagnosis="coin for each slice"
def my_patient_sample(patient_of, rate, uniform):
    coins = uniform(len(patient_of))
    return [number for number, coin in enumerate(coins) if coin < rate]


# %% wrong="patient_sample" diagnosis="fixed number of patients"
def my_patient_sample(patient_of, rate, uniform):
    patients = sorted(set(patient_of))
    chosen = patients[: round(rate * len(patients))]
    return [number for number, patient in enumerate(patient_of) if patient in chosen]


# %% wrong="patient_sample" diagnosis="one slice is taken"
def my_patient_sample(patient_of, rate, uniform):
    patients = sorted(set(patient_of))
    coins = dict(zip(patients, uniform(len(patients))))
    return sorted(patient_of.index(patient) for patient in patients if coins[patient] < rate)


# %% [markdown]
# Now the step. Each sampled patient has *one* gradient, whatever number of slices it came from. Clip each, add them up, add noise measured by the bound, and divide: not by the number of patients in the step, which is private too, but by the *expected* number, the rate times the hospital's number of patients. (That last number counts as public here: epsilon does not hide it.)


# %% exercise="private_mean"
def my_private_mean(gradients, bound, noise, expected, normal):
    """Return the private mean gradient of a step.

    gradients: float array (P, D), one row per sampled patient; P may be 0.
    bound: largest length of one patient's gradient. noise: the multiplier, deviation of the noise on the sum over the bound.
    expected: expected number of patients in a step. normal: a function; normal(shape) returns standard normal numbers.
    Return an array (D,).
    """
    # BEGIN SOLUTION: shorten rows that are longer than the bound, sum, noise of deviation noise times bound, divide by expected
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    factors = np.minimum(1.0, bound / np.maximum(lengths, 1e-12))
    total = (gradients * factors).sum(axis=0)
    return (total + noise * bound * normal(total.shape)) / expected
    # END SOLUTION


# %% [markdown] hint="private_mean"
# A row's factor is `min(1, bound / length)`; guard against a length of 0. `np.linalg.norm(gradients, axis=1, keepdims=True)` are the lengths.

# %% [markdown] hint="private_mean"
# The noise goes on the *sum*: `noise * bound * normal((D,))`. Then all of it is divided by `expected`. With no patient at all the sum is 0, and noise is left.


# %% wrong="private_mean" diagnosis="number of patients in this step"
def my_private_mean(gradients, bound, noise, expected, normal):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    total = (gradients * np.minimum(1.0, bound / np.maximum(lengths, 1e-12))).sum(axis=0)
    return (total + noise * bound * normal(total.shape)) / max(1, len(gradients))


# %% wrong="private_mean" diagnosis="not multiplied by the bound"
def my_private_mean(gradients, bound, noise, expected, normal):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    total = (gradients * np.minimum(1.0, bound / np.maximum(lengths, 1e-12))).sum(axis=0)
    return (total + noise * normal(total.shape)) / expected


# %% wrong="private_mean" diagnosis="You clip the sum"
def my_private_mean(gradients, bound, noise, expected, normal):
    total = gradients.sum(axis=0)
    total = total * min(1.0, bound / max(np.linalg.norm(total), 1e-12))
    return (total + noise * bound * normal(total.shape)) / expected


# %% wrong="private_mean" diagnosis="each number by itself"
def my_private_mean(gradients, bound, noise, expected, normal):
    total = np.clip(gradients, -bound, bound).sum(axis=0)
    return (total + noise * bound * normal(total.shape)) / expected


# %% wrong="private_mean" diagnosis="made longer"
def my_private_mean(gradients, bound, noise, expected, normal):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    total = (gradients * bound / np.maximum(lengths, 1e-12)).sum(axis=0)
    return (total + noise * bound * normal(total.shape)) / expected


# %% wrong="private_mean" diagnosis="added to the mean"
def my_private_mean(gradients, bound, noise, expected, normal):
    lengths = np.linalg.norm(gradients, axis=1, keepdims=True)
    total = (gradients * np.minimum(1.0, bound / np.maximum(lengths, 1e-12))).sum(axis=0)
    return total / expected + noise * bound * normal(total.shape)


# %% [markdown]
# The package does the same inside the one training loop of lesson 03: `local_update(..., gradient=...)` takes another way to make a gradient, and this is it. Note what comes first: the step is charged before it is taken. What comes after it is free: whatever is computed from noisy gradients alone, AdamW's moments or the server's average, spends nothing more (*post-processing*).

# %%
from fedlab_utils.privacy import PrivateGradient

show_source(PrivateGradient.__call__)

# %% [markdown]
# ## What a budget costs
#
# Choose a budget for the whole training. The accountant then says how much noise each step needs: left, the two bell curves of a step, with and without the patient; right, how the steps spend the budget.
#
# *Try:* halve epsilon, and look at the noise. Ten times as many steps. Then a higher rate: more of it is spent on each step, but the noise is shared by more patients. Last the patients: ten times as many, and the noise on their mean is a tenth. *Which of the four is the cheapest way to less noise on the mean?*

# %%
from fedlab_utils.ui import EpsilonExplorer

EpsilonExplorer()

# %% [markdown]
# Patients: ten times as many, and the noise on their mean is a tenth, under the same promise to each. (At the same rate a step also computes ten times as much. The same computing spent on a rate of 1 instead of 0.1 lowers the noise by a third only, at the settings shown.) Of the others, a larger epsilon is a weaker promise, and fewer steps are less training. So privacy is cheapest where there is much data, which is the opposite of what many fear.
#
# ## Private training, live
#
# Three hospitals, a small network at 4 mm, a few rounds. Each hospital trains privately, with its own ledger. It sends weights, the number of its patients, and how much it has spent: no training loss and no count of slices, which would tell of patients. The noise below comes from a seed, so that the lesson comes out the same each time, and the run says so: it protects nobody. Real noise comes from the operating system's cryptographic generator, and nobody can draw it again, neither an attacker nor you. (The proof speaks of real numbers. In floating point the last bits of noise may betray what it was added to, Mironov, 2012; the package adds up several draws for each number, which makes that attack hopeless in practice, and is no proof.)

# %%
from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated import FederationSettings, PrivacyPlan, federate
from fedlab_utils.federated.norm_lab import NormTask

coarse = PreprocessSettings(spacing=4.0)
some = several_patients(48, coarse)
dealt = make_hospitals(some, 3, "iid", seed=0, fractions=(0.6, 0.1, 0.3))
members = [hospital_patients(some, hospital, coarse) for hospital in dealt.hospitals]
tier = Tier("lesson", spacing=4.0, spatial_dims=2, size=(48, 48))
task = NormTask(members, tier=tier, norm="instance", augment=False, seed=0)
print(
    [f"{member.name}: {task.patients(n)} patients to train on" for n, member in enumerate(members)]
)

# %%
RATE, BOUND = 0.5, 0.5
settings = FederationSettings(rounds=6, local_steps=4, learning_rate=1e-2, evaluate_every=6)
runs = {"no privacy": federate(task, settings)}
for noise in (0.3, 1.0, 3.0):
    budget = PrivacyPlan(epsilon=1e4, noise=noise, bound=BOUND, patient_rate=RATE, simulated=True)
    runs[f"noise {noise:g}"] = federate(task, settings, privacy=budget)
for name, run in runs.items():
    told = run.summary()["patients"]
    spent = max(row.get("epsilon", np.inf) for row in run.history[-1].trained.values())
    print(f"{name:10}  epsilon {spent:7.1f} per patient (delta 1e-5)   mean Dice {told:.3f}")

# %% [markdown]
# With so few patients a hospital can keep most of the model or make a meaningful promise, not both. What the network feels is not epsilon: it is the noise on the *mean* gradient. On the sum its standard deviation in each weight is $\sigma = zC$, with noise multiplier $z$ and bound $C$; on the mean it is $\sigma / (qN)$, with rate $q$ and $N$ patients. So the same trainings tell something about hospitals of another size. For each noise above: with how many patients would the same noise on the mean be had at epsilon 8, at the same rate and number of steps?

# %%
steps = settings.rounds * settings.local_steps
needed = noise_for(8.0, 1e-5, RATE, steps)
patients = min(task.patients(n) for n in range(3))
for noise in (0.3, 1.0, 3.0):
    share = noise / (RATE * patients)
    print(
        f"noise {noise:g}: as in a hospital of {needed / (RATE * share):.0f} patients at epsilon 8"
    )

# %% [markdown]
# This counts the noise alone, and takes all hospitals to be of that size. Other things do not stay equal: a hospital with more patients also learns from more patients, and its gradients vary less from step to step, so that it should fare better than the score above says; a smaller one should fare worse. And epsilon 8 is a weak promise: at epsilon 2 the same noise on the mean takes about three times as many patients.

# %% [markdown] quiz="what-epsilon-covers"
# The hospitals train privately with epsilon 2, and each round the server picks the best model by the hospitals' validation scores. What is *not* covered by epsilon 2?
#
# - [x] The validation patients
#   > Right: their scores leave the hospital without noise, in each round. They are not the patients trained on, and the promise was not made to them.
# - [ ] A patient who was trained on, seen from the server
#   > That is just what is covered.
# - [x] That the clipping bound was chosen by trying ten of them on the same patients
#   > Right. Each trial is a training, and spends. Choose such settings on public data (here: phantoms), or charge for them.
# - [x] How many patients each hospital has
#   > Right: it is sent as it is, and counts as public. Where even that tells (a hospital for one rare disease), it needs noise of its own.
# - [ ] A patient with two scans
#   > Covered: the unit is the patient, and both scans go into one clipped gradient.

# %% [markdown]
# ## Public first, private second
#
# With a hundred patients per hospital, not tens of thousands, can anything useful be learnt under a budget that means something? Yes, where most of the learning is done before, on patients who are public. Here phantoms are. The recorded study trains a network (the small stand-in of lesson 05) on 200 public phantoms with *high-grade* tumours, scanned on one good machine. Then five hospitals come, with 100 patients each to train on, all of *low grade*, on five other scanners. The public network does badly there: most low-grade tumours hardly take up contrast agent, and it draws enhancing tumour where there is none. The hospitals go on training it together. How much of what they could gain is left under privacy?
#
# Noise goes on every weight, so that its length grows with the root of their number: at the same multiplier, 197 times the bound with all weights, 42 times with the fewest. Three ways to go on: all 38,640 weights; the scales and shifts of the normalisation layers and the last layer (1,776 weights); and these with a *low-rank* change of each other layer besides (4,272; Hu et al., 2022). Learning rates were chosen, at epsilon 2 and at 8, on phantoms of other seeds that stand for patients like the hospitals' own. Phantoms are public, so that choice spends nothing; but a real federation that has only high-grade patients to choose by would choose worse, and whoever chooses on private patients has to pay for it. Training is not the same in both cases either: without privacy a hospital takes 240 steps of 16 slices, with it 40 steps, of each patient with probability 0.3. So part of what privacy costs is fewer steps. The last round's model counts, since picking a round by scores would tell of patients, too.
#
# *Guess first:* without privacy, how much worse is it to train 1,776 weights than 38,640? And at epsilon 8?

# %%
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import cost_of_privacy, provenance_line

private = read_rows("private_fine_tuning")
missing = "Not recorded yet: `python -m fedlab_utils study private_fine_tuning` does it, for hours."
whole = any(row["settings"]["seed"] < 90 for row in private)
cost_of_privacy(private, provenance_line(private)) if whole else print(missing)

# %% [markdown]
# Without privacy the three ways hardly differ: Dice 0.73, 0.72 and 0.72, after 0.46 for the public network as it came. Under privacy they do. (Epsilon is per patient, one added or removed, delta 1e-5, for the whole run, in the view of everybody outside the hospital. The noise came from a seed: it is what this epsilon takes, and protects nobody.) At epsilon 8, training all weights keeps 81 % of the gain (95 % interval 79 to 83), and normalisation and last layer alone 92 % (90 to 94). At epsilon 2 it is 47 % (21 to 64) against 78 % (75 to 82), and at epsilon 1 nothing (-20 to 16) against 52 % (45 to 60). *Fewer weights, less noise*, and the public network has brought all the rest.
#
# Look closer before you are pleased. Nearly all of the gain is in two regions: without privacy, normalisation and last layer alone bring enhancing tumour from 0.31 to 0.69 and tumour core from 0.29 to 0.67. A low-grade tumour without enhancement scores 1 for ET if nothing is drawn and 0 otherwise, so that much was to be won by drawing less. The whole tumour was right from the start (0.79), and every private training makes it a little *worse*: at epsilon 8 to 0.78 with the fewest weights, and to 0.73 with all. Noise also makes a network forget. Public and private patients come from one simulator, which flatters every transfer. And all private trainings took the largest of three learning rates. For the two smaller sets of weights it won clearly, and a larger one may do better still; for all weights at epsilon 2 the two largest did equally well, so that its nothing at epsilon 1 may be a rate too large for that noise.
#
# Is a *share of the gain* a fair way to say it? It depends on how bad the public network was: had it been good, there would be little to gain, and little to lose. The left panel has the plain figures.
#
# Now look at what the networks draw. Choose a budget, and a hospital: the first of its test patients is shown, whatever came out.

# %%
from fedlab_utils.studies.private_models import first_test_patients, models_file, private_models
from fedlab_utils.ui import BudgetExplorer

ready = whole and models_file().exists()
BudgetExplorer(
    private, private_models(), first_test_patients(), provenance_line(private)
) if ready else print(missing)

# %% [markdown]
# ## The ledger
#
# Epsilon grows over the whole life of the data (more slowly than by plain addition, as the accountant computes it), and nothing undoes it: when training is rolled back to an earlier round and run again, the first run has left the hospital all the same. So a hospital's **ledger** only grows. It lies in the hospital's own folder, and a step is written there, on the disk, before it is taken. Watch it: a budget of epsilon 2 that is enough for 40 steps. Thirty are taken; then the process is killed, and another one opens the same file and wants thirty more.

# %%
import tempfile
from pathlib import Path

from fedlab_utils.errors import PrivacyBudgetError
from fedlab_utils.privacy import Ledger

file = Path(tempfile.mkdtemp()) / "ledger.txt"
ledger = Ledger(budget=2.0, file=file)
noise = noise_for(2.0, 1e-5, 0.1, 40)
for _ in range(30):
    ledger.charge(noise, 0.1)
print(f"spent {ledger.spent():.2f} of 2; {ledger.left(noise, 0.1)} more steps fit")

again = Ledger(budget=2.0, file=file)  # the process was killed; another one opens the file
try:
    for _ in range(30):
        again.charge(noise, 0.1)
except PrivacyBudgetError as refusal:
    print(refusal)
print(file.read_text().splitlines()[0], "and", len(file.read_text().splitlines()) - 1, "charges")

# %% [markdown]
# In a federation each hospital has a ledger of its own. Their patients are different people, so the promise to a patient is that of *his* hospital, not the sum over hospitals (*parallel composition*). It fails if a patient was treated at two hospitals. The package refuses hospitals of which two have a patient of the same id; real hospitals, which name the same person differently, have to find out by themselves.
#
# ## Do not believe the books
#
# An accountant computes with what the program is *said* to do. Three mistakes that are easily made: the noise is left out by an `if`; the *batch* is clipped instead of each patient; the ledger begins anew in each round. With each of them training runs and reports the same epsilon.
#
# So put the claim to the test. Plant **canaries**: made-up patients, each of whom pulls at a weight of its own, as hard as clipping allows. Toss a coin for each, train on those with heads, and guess the coins from the weights. Under $(\varepsilon, \delta)$ nobody can be right too often; how often is too often, for many canaries in *one* training, is a theorem (Steinke et al., 2023). Many right guesses show, at 95 % confidence, that epsilon is *at least* so large. Few show nothing: a better attack may exist. (Every canary takes part in every step here, rate 1: a mistake in the sampling would not show.)

# %%
from fedlab_utils.privacy import SimulatedRandomness, audit_claim, canary_scores
from fedlab_utils.privacy.planted_faults import ClippedPerBatch, LedgerForgets, NoiseLeftOut
from fedlab_utils.privacy.private_gradient import PrivacySettings

CLAIM, STEPS = 4.0, 4
private = PrivacySettings(bound=1.0, noise=noise_for(CLAIM, 1e-5, 1.0, STEPS), rate=1.0)


def audited(kind, rounds=1):
    """Audit one way to make gradients private, which claims to have spent no more than CLAIM."""
    randomness = SimulatedRandomness(9, say=lambda _: None)

    def train(included):
        gradient = kind(private, int(included.sum()), Ledger(CLAIM), randomness)
        gradient.round_steps = STEPS
        return canary_scores(gradient, included, 1.0, STEPS * rounds, randomness)

    return audit_claim(train, 1000, 400, CLAIM, 1e-5, randomness)


for kind, rounds in (
    (PrivateGradient, 1),
    (NoiseLeftOut, 1),
    (ClippedPerBatch, 1),
    (LedgerForgets, 10),
):
    found = audited(kind, rounds)
    verdict = "REFUTED" if found.refuted else "stands"
    print(
        f"{kind.__name__:16} {found.correct} of {found.guesses} guesses right: epsilon at least "
        f"{found.least:.2f}; the claim of {CLAIM:g} {verdict}"
    )

# %% [markdown]
# With 1000 canaries and 400 guesses no audit can show more than 4.86 at this delta: that is what 400 right ones of 400 give. At a larger epsilon the guesses are right so nearly always that 400 in a row are no surprise. A thousand guesses, all right, would show 5.8. So audit at a small claim, and with many canaries. The honest training stands far below its claim: by the accountant its epsilon is 4, and this attack sees 1.16 of it.

# %% [markdown] quiz="audit-verdict"
# An audit of your training finds that epsilon is at least 0.8. You claim 4. What have you shown?
#
# - [ ] That epsilon is 0.8
#   > The bound is one-sided. It says that no smaller epsilon fits; the true one may be anything above.
# - [ ] That the claim of 4 is right
#   > It was not refuted. A sharper attack, or a mistake that these canaries do not touch, may still be there.
# - [x] That this attack found no contradiction to the claim
#   > Right, and that is worth something: an audit that can find planted faults did not find any here.

# %% [markdown]
# ## A whole hospital
#
# So far a patient was hidden in her hospital. Can a *hospital* be hidden in the federation, so that nobody can tell from the model whether it took part? The recipe is the same, one level up (McMahan et al., 2018). The hospital's update, by how much it moved all weights in a round, is shortened to a length of at most $C$. The server adds the updates up, adds normal noise of standard deviation $\sigma = zC$ to each weight of the sum, and divides by the expected number of hospitals, $qN$: each of $N$ takes part in a round with probability $q$. As before $z$ is the noise multiplier, and epsilon follows from $z$, $q$, the number of rounds and delta alone. Who does not trust the server adds noise of deviation $\sigma$ to its own update before it leaves (*local*).
#
# What the promise says changes with the unit. Epsilon is *per hospital*, with all its patients, for all rounds together. *Adjacent* are two federations of which one has a hospital more, all else being equal: one hospital is **added or removed**, none replaced. The view is that of whoever gets the model of any rounds; the server, which sees the updates as they come, is outside of it, and so is who reads its reports. In the local way the server is within the view. It sees who answers, so that only what the answer says can be hidden: adjacent there are a hospital's update, and noise alone in its place, and $q$ counts as 1 for $z$. In both ways the list of members is public, and with it $N$; what is hidden is what a member's updates added.
#
# How long is the noise on the mean? In each of the model's $D$ weights its deviation is $zC / (qN)$ if the server adds it, and $zC / \sqrt{qN}$ if each hospital does. Its length is about $\sqrt{D}$ times that; over the bound $C$ on an update it is $z\sqrt{D} / (qN)$ and $z\sqrt{D} / \sqrt{qN}$. In the cell $q$ is 1, and $z$ the same for both.
#
# *Before you run the cell:* with how many hospitals is the noise no longer than an update?

# %%
from fedlab_utils.federated import HospitalPrivacy, noise_on_mean

weights = sum(values.numel() for values in task.initial().values())
print(f"{weights} weights, {settings.rounds} rounds, epsilon 8 per hospital (delta 1e-5)")
print("hospitals   noise over longest update: by the server   by each hospital")
for hospitals in (3, 5, 50, 500, 5000):
    noise = [
        noise_on_mean(hospitals, settings.rounds, 8.0, weights, way) for way in ("server", "local")
    ]
    print(f"{hospitals:9} {noise[0]:42.2f} {noise[1]:18.2f}")
for way in ("server", "local"):
    hidden = HospitalPrivacy(way, epsilon=8.0, bound=1.0, simulated=True)
    told = federate(task, settings, hospital_privacy=hidden).summary()["patients"]
    print(f"three hospitals, {way:6} mean Dice {told:.3f}")

# %% [markdown]
# With the course's three hospitals the noise is over thirty times as long as the longest update, and hardly anything is learned: mean Dice is 0.06 and 0.07, after 0.34 without privacy. With five it is twenty times; a U-Net of a million weights has another fifteen times of it. Fewer weights and fewer rounds help (1,776 weights and a single round: five times, with five hospitals); better training at home does not: the noise must hide what one hospital of five adds, and that is a fifth of all that is learned. For a noise no longer than an update it takes a hundred hospitals here, and nearly ten thousand if each adds its own. (A network bears somewhat more, for noise spreads over all directions: with $z = 0.2$, at an epsilon beyond 100 per hospital, the noise is 4.4 times the longest update, and one more run gave a mean Dice of 0.28.)
#
# Flower has wrappers for this, to put around a strategy (`DifferentialPrivacyServerSideFixedClipping` and others) and around a hospital (`LocalDpMod`). Read such code before you promise anything by it. In Flower 1.41 the mean is weighted by patients, so that one large hospital moves it by more than the noise is made for; if fewer hospitals answer than were expected, each of them moves it more, and the noise stays; noise comes from numpy's global generator, which is no cryptographic one; behind FedAdam it comes after the server's step, whose length no bound limits; the bound that should *adapt* to the updates (Andrew et al., 2021) moves the wrong way; and `LocalDpMod`'s epsilon is that of one round, with the loss sent beside it as it is. (With an accountant of Flower's handed to them, the two wrappers of fixed clipping refuse unequal weights, missing answers and other strategies than FedAvg.) The package has a test for each of these, and does it otherwise: all hospitals count the same, each is drawn by a coin (which must stay hidden: whoever sees who took part has to count a rate of 1), the sum is divided by the expected number, and the noise comes from the operating system, before the server steps.

# %% [markdown]
# ## Who is trusted?
#
# | way | who adds the noise, and is trusted | epsilon covers | in whose view | cost |
# |---|---|---|---|---|
# | each hospital trains privately (this lesson) | the patient's own hospital | a patient of the hospital | everybody outside the hospital, the server too | noise of each hospital's few patients |
# | the server clips hospitals' updates and adds noise (*hospital-level*, McMahan et al., 2018; tried above) | the server | a whole hospital | whoever gets the model of any rounds; **not** the server, nor who sees its reports | the noise must hide one hospital of five, so that little of the sum is left; bearable with thousands of members, such as telephones |
# | each hospital clips its update and adds noise to it (*local*; tried above) | the hospital itself | a whole hospital | everybody outside the hospital, the server too | far more noise still: it must hide one of one |
# | private training under masks (lesson 10) | the patient's own hospital | a patient | as in the first row, and the server sees the sum alone | as in the first row |
#
# (With masks, hospitals that trust each other could each add a part of the noise only, enough for the sum: *distributed* privacy, Kairouz et al., 2021. The package does not do this.)
#
# In none of the rows does epsilon cover the scores on validation and test patients, or which round they make the best one.
#
# An epsilon of a hospital and one of a patient must never stand in one column. And none of the four makes a model *anonymous* in the sense of the GDPR by itself. Recital 26 asks whether a person can be identified by means reasonably likely to be used, and the European Data Protection Board wants that judged case by case for a model (Opinion 28/2024). Differential privacy is an argument in that judgement; the regulation names no epsilon below which it no longer applies.

# %% [markdown]
# ## One ledger for the whole run
#
# Privacy, masks (the next lesson: the server sees sums alone), both, or neither. What does each cost, and what is left for an attacker? The recorded run is the fine-tuning above, normalisation and last layer, on five seeds. Two attacks: *membership*, the largest lead of members found over others accused, by the loss of the finished model (lesson 08); and *inversion* by a dishonest server that chose the network's weights and gets a single patient's gradient from each hospital, at the weakest budget of the study. That is not the network of the other columns: it is lesson 08's U-Net, all of whose weights are sent, and the line's epsilon is carried over as its noise multiplier. Under masks the server gets the five hospitals' mean.

# %%
from fedlab_utils.ui import protection_costs, protection_table

protected = read_rows("protections")
missing = (
    "Not recorded yet: `python -m fedlab_utils study protections` does it, for an hour or two."
)
protection_table(protected) if protected else print(missing)

# %%
protection_costs(protected, provenance_line(protected)) if protected else print(missing)

# %% [markdown]
# *Dice.* Masks change nothing but the last digits, and so no figure of the finished model. Privacy costs some, and more the smaller epsilon is. *Traffic and time.* A masked round is half as large again (the downlink stays as it was); noise takes no bytes. All weights are sent, the frozen ones too. A plain round is eight steps and a private one a single step, so that a private step costs about ten times as much time here. *Membership.* A lead of 0.06 to 0.07 is what chance gives this attack: two groups of 500 and 200 patients that do not differ lead by 0.05 on average, and by more than 0.10 once in twenty, and the public network, which saw none of them, gives the attack the same area as the trained ones (0.51 against 0.50). Lesson 08's shadow models were not tried here; they may find some. *Inversion.* Five seeds, a patient of each of five hospitals, the same 25 patients in every line. Attacked alone and unprotected, the search beats the best guess, one that knows the mask as the attacker does, on 17 of them. From the hospitals' sum, all that a server sees under masks, it still does on 4: a sum of five hides much, not all, where a dishonest server chose the weights and knows masks and brains. With noise, even that of the weakest budget, it does on none.
#
# So each does its own: masks take single hospitals out of the server's sight, for bytes; noise bounds what anything tells of a patient, for Dice. That attacks found little here is no guarantee. Epsilon is.
#
# Epsilon in the table is per patient, for adding or removing one, at delta 1e-5, in the view of everybody outside the hospital, for the whole run of that line. Masks have none: they hide a hospital's numbers from the server, and promise nothing about what the sum, or the finished model, tells.

# %% [markdown]
# ## What you have learnt
#
# - Epsilon bounds what anybody learns from a patient's taking part. It needs its delta, its unit, its adjacency (added or removed, or replaced) and its view.
# - Sample patients by coin, clip each patient, add noise to the sum, divide by the expected number. Each of these can be got wrong without a trace in training.
# - What the network feels is the noise on the mean. More patients lower it without weakening the promise.
# - The ledger is charged before the step, and never rolled back.
# - An audit refutes or does not refute. It found three faults that the accountant could not see.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - M. Abadi et al., Deep learning with differential privacy. CCS 2016. arXiv:1607.00133
# - G. Andrew, O. Thakkar, H. B. McMahan, S. Ramaswamy, Differentially private learning with adaptive clipping. NeurIPS 2021. arXiv:1905.03871
# - B. Balle, Y.-X. Wang, Improving the Gaussian mechanism for differential privacy. ICML 2018. arXiv:1805.06530
# - L. Chua et al., How private are DP-SGD implementations? ICML 2024. arXiv:2403.17673
# - C. Dwork, K. Kenthapadi, F. McSherry, I. Mironov, M. Naor, Our data, ourselves: privacy via distributed noise generation. EUROCRYPT 2006. doi:10.1007/11761679_29
# - C. Dwork, F. McSherry, K. Nissim, A. Smith, Calibrating noise to sensitivity in private data analysis. TCC 2006. doi:10.1007/11681878_14
# - S. Gopi, Y. T. Lee, L. Wutschitz, Numerical composition of differential privacy. NeurIPS 2021. arXiv:2106.02848
# - E. J. Hu et al., LoRA: low-rank adaptation of large language models. ICLR 2022. arXiv:2106.09685
# - P. Kairouz, Z. Liu, T. Steinke, The distributed discrete Gaussian mechanism for federated learning with secure aggregation. ICML 2021. arXiv:2102.06387
# - H. B. McMahan, D. Ramage, K. Talwar, L. Zhang, Learning differentially private recurrent language models. ICLR 2018. arXiv:1710.06963
# - I. Mironov, On significance of the least significant bits for differential privacy. CCS 2012. doi:10.1145/2382196.2382264
# - T. Steinke, M. Nasr, M. Jagielski, Privacy auditing with one (1) training run. NeurIPS 2023. arXiv:2305.08846
# - European Data Protection Board, Opinion 28/2024 on certain data protection aspects related to the processing of personal data in the context of AI models, 2024.
# - Regulation (EU) 2016/679 (GDPR), recital 26.
