# ---
# title: Virtual hospitals
# data: phantom or a BraTS folder
# minutes: 70
# ---

# %% [markdown]
# # What does a hospital not see?
#
# In lesson 03 one network saw every patient. In life nobody has all the patients. This lesson deals the cohort to **virtual hospitals**, turns up how much they
# differ, trains a network at each from its own patients alone, and judges every network at every hospital.
#
# When you are done you can
#
# - say why scans are not simply put in one place, and what a federation keeps where it is,
# - deal patients to hospitals without a leak, at random or with a *skew*,
# - measure how far hospitals lie apart, and tell that from chance,
# - read a matrix of networks and hospitals, and say what a single hospital lacks.

# %%
import numpy as np

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
from fedlab_utils.data import (
    PreprocessSettings,
    build_cache,
    describe,
    hospital_patients,
    load_preprocessed,
    make_hospitals,
)
from fedlab_utils.data.cohort import open_phantom

own, _ = open_patients(at_most=1)
cohort = own
if len(own.patients) < 20:
    print("Too few patients to deal to hospitals: the phantoms take their place.")
    cohort = open_phantom()

# %% [markdown]
# ## Why not pool them?
#
# *For computer scientists.* A scan is a person's. Even without a name it can give the person away: a face can be rendered from an MRI of the head and matched with photographs
# (Schwarz et al., 2019), one reason why the scans of this course had everything but the brain removed. Three things keep patients where they are.
#
# - **Law.** In the European Union health data are a special category, whose processing is forbidden unless one of a short list of grounds applies (GDPR, Article 9). In the United States HIPAA lets a hospital pass data on for research with the patient's authorisation or an
#   ethics board's waiver, or once they are de-identified by its rules. Such data may still be personal data in the European Union, which has rules of its own for sending them abroad.
# - **Consent.** A patient agreed to a purpose. "Research at this clinic" is not "training by a company abroad", and who agreed may withdraw.
# - **Practice.** Ethics boards, contracts, terabytes, file formats; hospitals also compete, and a mistake once published cannot be called back.
#
# **Federated learning** turns this round: patients stay, the network travels. Each hospital trains it for a while on its own patients and sends back weights, not scans (McMahan et al., 2017).
# In practice it has joined 71 sites on six continents to find the borders of glioblastoma (Pati et al., 2022). Weights are not harmless either: later lessons read patients out of them. And federation answers none of the questions of consent by itself.
#
# *For physicians.* Textbooks of machine learning assume that all patients are drawn from one pot, each independently of the others: **IID**, *independent and identically distributed*. Hospitals break that. A referral centre may see the large tumours, a
# regional one the early ones; scanners, protocols, ages and referral habits differ. Such data are **non-IID**. One part of it you know by another name: case mix, who comes to a hospital. A network that was trained at one hospital may fail at the next (Zech et al., 2018, for pneumonia in chest X-rays).
# Kairouz et al. (2021) sort the ways in which this happens; in our field they are: other *patients* (larger tumours, older people), other *pictures* of the same patients (scanner, protocol, a sequence not taken), other *readings* of the same pictures
# (one reader counts a faint rim as enhancing, another does not), and other *numbers* of patients. Virtual hospitals can play all but the readings.
#
# This lesson takes at most 60 scans and works at 3 mm, coarser than lesson 03, so that four trainings fit into a minute.

# %% tags=["check-output"]
coarse = PreprocessSettings(spacing=3.0)
some = draw_patients(cohort, at_most=60, seed=3)
unusable = {problem.case for problem in build_cache(some.cases, coarse)}
some = some.subset(case.case_id for case in some if case.case_id not in unusable)
table = some.with_volumes()
print(f"{len(some)} scans of {len(some.patients)} patients")

# %% [markdown] quiz="what-leaves"
# Three hospitals join a federation. What leaves a hospital?
#
# - [ ] Its scans, after the names were removed
#   > That is pooling. A name is the least of what a scan of a head tells.
# - [x] Weights of a network, and a few numbers such as how many patients it trained on
#   > Right. They are made from patients all the same, which is why privacy gets lessons of its own.
# - [ ] Nothing at all
#   > Then nobody could learn from it. Something computed from the patients must leave, and the question is what it tells.

# %% [markdown]
# ## Dealing patients
#
# We play hospitals with one cohort, so somebody has to deal. The first rule is the one of lesson 01: **the patient is the unit**. BraTS 2023 and UPENN-GBM hold several visits of some patients.
# If two hospitals got one visit each, a network would be judged at the second on a person whom it had learnt by heart at the first. Such a **leak** makes every method look better than it is.


# %% exercise="deal"
def my_deal(patient_of, count, rng):
    """Deal cases to hospitals at random; all visits of a patient go to the same one.

    patient_of: dict, case id -> patient id. count: number of hospitals. rng: numpy Generator, the only source of chance.
    Return a list of `count` lists of case ids. Each case is in one of them; numbers of patients differ by one at most.
    """
    # BEGIN SOLUTION: shuffle the patients, give them to the hospitals in turn, then place their cases
    patients = sorted(set(patient_of.values()))
    home = {patient: turn % count for turn, patient in enumerate(rng.permutation(patients))}
    return [[case for case in patient_of if home[patient_of[case]] == h] for h in range(count)]
    # END SOLUTION


# %% [markdown] hint="deal"
# First the patients: `sorted(set(patient_of.values()))`, shuffled by `rng.permutation`. The cases come last.

# %% [markdown] hint="deal"
# Deal as cards are dealt: the patient whose turn is `t` goes to hospital `t % count`. Keep that in a dict, patient -> hospital.


# %% wrong="deal" diagnosis="That is a leak"
def my_deal(patient_of, count, rng):
    cases = rng.permutation(list(patient_of))
    return [list(part) for part in np.array_split(cases, count)]


# %% wrong="deal" diagnosis="do not draw a hospital for each"
def my_deal(patient_of, count, rng):
    patients = sorted(set(patient_of.values()))
    home = {patient: rng.integers(count) for patient in patients}
    return [[case for case in patient_of if home[patient_of[case]] == h] for h in range(count)]


# %% wrong="deal" diagnosis="something is left over"
def my_deal(patient_of, count, rng):
    patients = rng.permutation(sorted(set(patient_of.values())))
    size = len(patients) // count
    parts = [set(patients[h * size : (h + 1) * size]) for h in range(count)]
    return [[case for case in patient_of if patient_of[case] in part] for part in parts]


# %% wrong="deal" diagnosis="Every generator gives the same"
def my_deal(patient_of, count, rng):
    patients = sorted(set(patient_of.values()))
    return [
        [case for case in patient_of if patient_of[case] in patients[h::count]]
        for h in range(count)
    ]


# %% [markdown]
# Dealt so, hospitals are IID: they differ by chance alone. Now the other end. Sort the patients by something, say the volume of their tumours, and cut the row into equal pieces: the first hospital gets the smallest tumours, the last the
# largest, and no hospital looks like the whole. Between the two ends lies everything real, and one number, the **skew**, leads from one to the other (Hsu et al., 2019, did so for photographs, by how unevenly their classes were dealt). Here: a patient's place in the row is the weighted mean of a random place and the sorted one.


# %% exercise="skewed_order"
def my_skewed_order(values, place, skew):
    """Return in which order patients are dealt to one hospital after the other.

    values: float array (N,), such as volumes in ml, no two equal. place: float array (N,), each patient's random place, from 0 to 1.
    The sorted place of the patient with the k-th smallest value is k / N, k from 0. A patient's place in the row is
    (1 - skew) times the random one plus skew times the sorted one.
    Return an int array (N,): the index of the patient who comes first in the row, of the second, and so on.
    """
    # BEGIN SOLUTION: rank each patient, mix the places, sort by the mixture
    rank = values.argsort().argsort()
    return np.argsort((1 - skew) * place + skew * rank / len(values))
    # END SOLUTION


# %% [markdown] hint="skewed_order"
# `values.argsort()` says *who* is first, second, ... You need the converse: *at which place* each patient is.

# %% [markdown] hint="skewed_order"
# `rank = values.argsort().argsort()` gives each patient's k. Mix, then `np.argsort` once more.


# %% wrong="skewed_order" diagnosis="the volumes swamp it"
def my_skewed_order(values, place, skew):
    return np.argsort((1 - skew) * place + skew * values)


# %% wrong="skewed_order" diagnosis="`argsort` once says"
def my_skewed_order(values, place, skew):
    return np.argsort((1 - skew) * place + skew * values.argsort() / len(values))


# %% wrong="skewed_order" diagnosis="the other way round"
def my_skewed_order(values, place, skew):
    rank = values.argsort().argsort()
    return np.argsort(skew * place + (1 - skew) * rank / len(values))


# %% [markdown]
# ## How far apart?
#
# "They look different" is no measurement. We take three figures.
#
# - **Size imbalance**: the standard deviation of the hospitals' patient numbers, divided by their mean. 0 when all are equally large.
# - **Distance of volumes**: sort the volumes into bins, and compare two hospitals' histograms by the **Jensen-Shannon distance** (Endres and Schindelin, 2003). With the shares $p$ and $q$ of the bins and $m = (p + q) / 2$,
#
#   $$d = \sqrt{\tfrac12 \sum_i p_i \log_2 \frac{p_i}{m_i} + \tfrac12 \sum_i q_i \log_2 \frac{q_i}{m_i}}$$
#
#   It is 0 for equal shares and 1 for histograms that share no bin. (The plain relative entropy of $p$ and $q$ would be infinite as soon as a bin is empty in $q$ and not in $p$.)
# - **Look of the scans**: the mean absolute difference between a hospital's *quantiles* of the intensities in the brain and those of all hospitals together (a quantile is the value that a given share of the voxels lie below; the median, that of one half, is taken off each scan first). It is counted in *interquartile ranges*, the span of the middle half of the voxels, so that a scanner's unit does not count. This figure comes without a limit of chance, and a sequence that a hospital does not take is left out of it.


# %% exercise="jensen_shannon_distance"
def my_jensen_shannon_distance(first, second):
    """Return the Jensen-Shannon distance of two hospitals' histograms, to base 2: one number from 0 to 1.

    first, second: int arrays (B,), how many patients of each hospital are in each of the B bins. Some bins are empty.
    """
    # BEGIN SOLUTION: shares, their middle, then the mean of both relative entropies over bins that are not empty
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    total = 0.0
    for shares in (p, q):
        there = shares > 0
        total += (shares[there] * np.log2(shares[there] / middle[there])).sum()
    return np.sqrt(total / 2)
    # END SOLUTION


# %% [markdown] hint="jensen_shannon_distance"
# Counts become shares by `first / first.sum()`. Where a share is 0 its term is 0, but `0 * np.log2(0)` is NaN: pick the bins with `there = p > 0`.

# %% [markdown] hint="jensen_shannon_distance"
# `(p[there] * np.log2(p[there] / middle[there])).sum()` for `p`, the same for `q`; half of their sum; the root.


# %% wrong="jensen_shannon_distance" diagnosis="the distance is its root"
def my_jensen_shannon_distance(first, second):
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    total = 0.0
    for shares in (p, q):
        there = shares > 0
        total += (shares[there] * np.log2(shares[there] / middle[there])).sum()
    return total / 2


# %% wrong="jensen_shannon_distance" diagnosis="natural logarithm"
def my_jensen_shannon_distance(first, second):
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    total = 0.0
    for shares in (p, q):
        there = shares > 0
        total += (shares[there] * np.log(shares[there] / middle[there])).sum()
    return np.sqrt(total / 2)


# %% wrong="jensen_shannon_distance" diagnosis="leave it out of the sum"
def my_jensen_shannon_distance(first, second):
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    with np.errstate(all="ignore"):
        total = (p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum()
    return np.sqrt(total / 2)


# %% wrong="jensen_shannon_distance" diagnosis="You add 0.01 in the logarithm"
def my_jensen_shannon_distance(first, second):
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2 + 0.01
    total = (p * np.log2((p + 0.01) / middle)).sum() + (q * np.log2((q + 0.01) / middle)).sum()
    return np.sqrt(total / 2)


# %% wrong="jensen_shannon_distance" diagnosis="You add 1 to every bin"
def my_jensen_shannon_distance(first, second):
    p, q = (first + 1) / (first + 1).sum(), (second + 1) / (second + 1).sum()
    middle = (p + q) / 2
    total = (p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum()
    return np.sqrt(total / 2)


# %% wrong="jensen_shannon_distance" diagnosis="Counts are not shares"
def my_jensen_shannon_distance(first, second):
    middle = (first + second) / 2
    total = 0.0
    for counts in (first, second):
        there = counts > 0
        total += (counts[there] * np.log2(counts[there] / middle[there])).sum()
    return np.sqrt(max(total, 0) / 2)


# %% [markdown]
# The package compares each hospital with all hospitals *together*, in eight bins that hold equally many of all patients. A hospital is part of the whole, so it cannot share nothing with it: 1 is out of reach, and two sorted hospitals of equal size get to about 0.56 each, four to 0.74; of three the outer ones get to about 0.65, the middle one to about 0.58. It finds out what chance does by dealing the same patients again at random, two hundred times, to hospitals of the same sizes: 19 of 20 deals leave a hospital below the figure that this function returns.

# %%
from fedlab_utils.data.heterogeneity import jensen_shannon_by_chance

show_source(jensen_shannon_by_chance)

# %% [markdown]
# ## Turn the skew
#
# Everything together. Choose *how* patients are dealt, then pull the **skew**. Above are each hospital's patients (to train on, to validate, to test) and their tumour volumes, below the figures and one slice per hospital.
# A hospital of that number keeps its colour through the course (there are eight; the ninth hospital has the first's again). The table gives each hospital's distance from all hospitals together, and in brackets **what it stays below by chance**, in 19 of 20 random deals to hospitals of that size: with 15 patients a histogram is mostly noise, and a distance that is not above
# the bracket has shown nothing. (With many hospitals, one or the other is above it by chance.)
#
# *Try:* by tumour volume, from 0 to 1. At which skew does the distance rise above chance? Then "each its own scanner": one patient, scanned at each hospital. The phantom's anatomy is rendered again with the hospital's field strength, TR, TE, slice thickness and noise;
# a real scan gets a change of contrast, resolution and noise instead, since nobody can scan it again. (The first look at the scanners takes a few seconds.) Last, "some lack a sequence": such a channel reaches the network as zeros.

# %%
from fedlab_utils.data.heterogeneity import intensity_profile
from fedlab_utils.ui import HospitalExplorer

looks = {}
for files in some:
    patient = load_preprocessed(files, coarse)
    looks[files.case_id] = intensity_profile(patient.image, patient.brain)
explorer = HospitalExplorer(some, table, coarse, looks)
explorer.kind.value, explorer.skew.value = "volume", 0.7
explorer

# %% [markdown]
# The same without a widget, for scripts; `fedlab hospitals --partition volume --skew 0.7` prints it in a terminal. Data sets that name their sites (BraTS 2017 to 2019 in the case's name, FeTS (Pati et al., 2021) in `partitioning_1.csv`, the phantoms) can be dealt as they are. In the table `median_wt_ml` is the median volume of the whole tumour in ml, `jsd_wt` the Jensen-Shannon distance of these volumes from all hospitals' together, and `jsd_wt_by_chance` what 19 of 20 random deals stay below.

# %%
sites = (
    make_hospitals(some, 4, "institution", merge_small=True, table=table)
    if table["institution"].notna().all()
    else make_hospitals(some, 4, "volume", 0.7, table=table)
)
figures = describe(sites, some, table)
figures[
    ["patients", "train", "validation", "test", "median_wt_ml", "jsd_wt", "jsd_wt_by_chance"]
].round(2)

# %% [markdown] quiz="non-iid"
# Four hospitals have 15 patients each, all dealt at random. The largest Jensen-Shannon distance of their tumour volumes is 0.35. What follows?
#
# - [ ] The hospitals are non-IID, since IID hospitals have distance 0
#   > Only hospitals with infinitely many patients do. Fifteen patients in eight bins are two per bin.
# - [x] Nothing yet: compare with what chance gives hospitals of this size
#   > Right. Deal 60 patients to four hospitals at random, again and again: the largest of their four distances is 0.37 on average. The number in brackets, which a hospital stays below in 19 of 20 deals, is 0.42.
# - [ ] The dealing went wrong
#   > Random is not even. Random draws of 15 out of 60 differ.

# %% [markdown]
# ## One network per hospital
#
# Now an extreme case, though not an unreal one. A clinic that follows low-grade gliomas sees few tumours that enhance; at a centre that operates on glioblastomas nearly every tumour does. (Enhancement is not grade: of gliomas that do not enhance about one in three is malignant all the same; Scott et al., 2002.) Three hospitals, patients sorted by whether they have any enhancing tumour (skew 1; by tumour volume, should all or none of your patients have any). Each trains a
# network of its own: the same architecture, the same start, the same number of steps. A fourth network, `all`, gets all training patients, as if pooling were allowed. No step looks at validation patients: the last weights count, so nothing is chosen, and 40 % of the patients are left to test on.

# %% tags=["check-output"]
without = table["volume_et_ml"].eq(0).groupby(table["patient_id"]).first()
kind = "enhancing" if without.nunique() == 2 else "volume"
federation = make_hospitals(some, 3, kind, skew=1.0, seed=0, fractions=(0.6, 0.0, 0.4), table=table)
at = {hospital.name: hospital_patients(some, hospital, coarse) for hospital in federation.hospitals}
print(f"dealt by {kind}")
for hospital in federation.hospitals:
    share = without[list(hospital.patients)].mean()
    print(
        f"{hospital.name}: {len(hospital.patients)} patients, {share:.0%} without enhancing tumour"
    )

# %%
from fedlab_utils.data.tiers import Tier
from fedlab_utils.segmentation import (
    FitSettings,
    OptimiserSettings,
    UNetSettings,
    fast_precision,
    fit_unet,
    region_dice,
)

STEPS, BATCH, SLICES = 120, 8, 4
tier = Tier("lesson", spacing=3.0, spatial_dims=2, size=(48, 64))
training = {name: patients.train for name, patients in at.items()}
training["all"] = tuple(patient for patients in at.values() for patient in patients.train)
networks = {}
for name, train in training.items():
    steps_per_epoch = -(-len(train) * SLICES // BATCH)
    settings = FitSettings(
        unet=UNetSettings(width=8),
        optimiser=OptimiserSettings(learning_rate=1e-2),
        epochs=max(1, round(STEPS / steps_per_epoch)),
        per_patient=SLICES,
        batch=BATCH,
        augment=False,
        precision=fast_precision(),
        seed=0,
    )
    fit = fit_unet(train, (), settings, tier)
    networks[name] = fit.model
    steps = steps_per_epoch * settings.epochs
    print(f"{name}: {len(train)} scans, {steps} steps, loss {fit.curve[-1]['loss']:.2f}")

# %% [markdown]
# Each network is judged at each hospital, on test patients that no network has seen. Rows: where it was trained; columns: where it is tested; a frame marks home. Dice is the quick kind of lesson 03's curve, on the network's grid, a region that is empty in truth and prediction counting 1.
#
# *Before you run it:* H1's network has hardly seen enhancing tumour. In which table, and in which columns, do you expect it to show? (With about eight test patients and one seed, a few hundredths between two rows are noise.)

# %%
from fedlab_utils.ui import transfer_matrix

scores = {
    name: {h: region_dice(network, patients.test) for h, patients in at.items()}
    for name, network in networks.items()
}
means = np.array([[here.mean(axis=0) for here in row.values()] for row in scores.values()])
transfer_matrix(means, list(scores), list(at), [len(p.test) for p in at.values()])

# %% [markdown]
# First, what the figure cannot say. This training is **short**: about a hundred steps on a coarse grid. At this length every network, `all` included, still paints enhancement where there is none, so that patients without any score 0 for ET, and H1, who has most of them, has the lowest column. Look at the column before you blame
# the row: a hospital's patients can be harder for everybody.
#
# Then compare rows within a column. In the phantoms' ET table, networks that saw enhancement at home (H2, H3) tend to do better at H2 and H3 than H1's, which hardly saw any. In the WT table every network has learnt something, since every patient has a whole tumour to learn from. The distances between networks need not be smaller there; where one falls behind, it is on patients of a kind that it had not met.
# **A score at home does not show what is missing at home**: ask of every published Dice *whose patients* it was measured on. Does your matrix bear this out, or is the difference within the noise? The intervals below help to tell.
#
# ## Is it worth joining?
#
# First, each hospital's network at home against `all` at the same patients, with a 95 % bootstrap interval of the difference over patients, paired. Then the same network at the patients of the two other hospitals, again against `all`. The column `local` is the network that was trained at that one hospital.

# %%
from fedlab_utils.segmentation import bootstrap_difference


def by_patient(dice, patients):
    """Mean over regions, then over the visits of each patient."""
    rows = {}
    for values, patient in zip(dice, patients, strict=True):
        rows.setdefault(patient.patient_id, []).append(values.mean())
    return np.array([np.mean(visits) for visits in rows.values()])


print("mean Dice of the three regions     local    all   all - local (95 % interval)")
for name, patients in at.items():
    mine, pooled = (by_patient(scores[which][name], patients.test) for which in (name, "all"))
    gain = bootstrap_difference(pooled, mine)
    print(
        f"at {name}, {len(mine):2} test patients             {mine.mean():7.2f} {pooled.mean():6.2f}"
        f"   {gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
    )
elsewhere = {
    name: np.concatenate([by_patient(scores[name][h], at[h].test) for h in at if h != name])
    for name in at
}
pooled = {
    name: np.concatenate([by_patient(scores["all"][h], at[h].test) for h in at if h != name])
    for name in at
}
for name in at:
    gain = bootstrap_difference(pooled[name], elsewhere[name])
    print(
        f"network of {name} at the others         {elsewhere[name].mean():7.2f} {pooled[name].mean():6.2f}"
        f"   {gain.mean:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})"
    )

# %% [markdown]
# Be careful with these numbers. One seed, about eight test patients per hospital, a short training on a coarse grid: the intervals say how much other patients would change the result, and nothing about another seed, nor about another machine, where sums are taken in another order (between two runs that we compared, one difference moved by 0.05). (With eight patients they are also too narrow: about 88 of 100 such intervals hold the true mean, not 95.) `all` took as many steps as each of the others, so each of its patients was seen a third as often; with a long
# training it would gain more. An interval below 0 says that `all` did worse on these patients, as it may after a third of the looks at each: it says nothing against pooling with a training long enough. With the phantoms the networks of H2 and H3 do about as well as `all`, or better, at home and elsewhere: they spend every step on tumours that enhance, `all` only two thirds of them, and all three are far from finished. An interval that holds 0 shows no gain, and no harm either. Whether a hospital gains *at home* depends on what it lacks; whether its network can be *used elsewhere* is what the second half of the table says.
#
# So why collaborate?
#
# - **Because your next patient may be someone else's usual one.** The rare case at your hospital is the daily one at another.
# - **Because a network that is to serve everybody should have learnt from everybody**, and been trained long enough to show it. The fewer patients a hospital has, the less they alone can teach.
# - **Because you cannot see what you lack** until you are judged elsewhere.
#
# And what speaks against it is as real: work, contracts, trust, and privacy, which weights do not give for free. Try another kind of hospital, such as `kind = "volume"`, `"age"` or `"grade"`, in the cell that makes the `federation`: where do the networks travel well?

# %% [markdown] quiz="home-score"
# A hospital reports a Dice of 0.95 for enhancing tumour, on its own test patients. When should that make you suspicious?
#
# - [ ] Never: test patients were not trained on
#   > They were not, but they come from the same hospital. The number holds for patients like these.
# - [x] When few of its patients have enhancing tumour
#   > Right. Where an empty region that is rightly left empty counts 1, as in this course, a network that never finds any scores high there. Ask of every report how it counts empty regions.
# - [ ] When the hospital is large
#   > Size alone is no reason; more test patients make the number more certain.

# %% [markdown]
# ## What you have learnt
#
# - Patients stay where they are, by law, consent and practice; a federation moves weights instead.
# - Hospitals differ in numbers, patients, scanners and sequences. One skew leads from IID to sorted; compare every distance with chance.
# - Visits of a patient belong together, or every score is too good.
# - A network trained at one hospital knows what that hospital sees. Its score at home hides what is missing there.
# - In the next lesson the hospitals train together, without showing each other a single scan.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - D. M. Endres, J. E. Schindelin, A new metric for probability distributions. IEEE Transactions on Information Theory 49:1858-1860, 2003. doi:10.1109/TIT.2003.813506
# - T.-M. H. Hsu, H. Qi, M. Brown, Measuring the effects of non-identical data distribution for federated visual classification. 2019. arXiv:1909.06335
# - P. Kairouz et al., Advances and open problems in federated learning. Foundations and Trends in Machine Learning 14, 2021. arXiv:1912.04977
# - H. B. McMahan et al., Communication-efficient learning of deep networks from decentralized data. AISTATS 2017. arXiv:1602.05629
# - S. Pati et al., The Federated Tumor Segmentation (FeTS) challenge. 2021. arXiv:2105.05874
# - S. Pati et al., Federated learning enables big data for rare cancer boundary detection. Nature Communications 13:7346, 2022. doi:10.1038/s41467-022-33407-5
# - Regulation (EU) 2016/679 (General Data Protection Regulation), Article 9
# - C. G. Schwarz et al., Identification of anonymous MRI research participants with face-recognition software. New England Journal of Medicine 381:1684-1686, 2019. doi:10.1056/NEJMc1908881
# - J. N. Scott et al., How often are nonenhancing supratentorial gliomas malignant? A population study. Neurology 59:947-949, 2002. doi:10.1212/WNL.59.6.947
# - J. R. Zech et al., Variable generalization performance of a deep learning model to detect pneumonia in chest radiographs. PLoS Medicine 15:e1002683, 2018. doi:10.1371/journal.pmed.1002683
