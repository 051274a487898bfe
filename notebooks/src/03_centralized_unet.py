# ---
# title: The centralised U-Net
# data: phantom or a BraTS folder
# minutes: 75
# ---

# %% [markdown]
# # How well does a network do when it may see every patient?
#
# Before we divide patients over hospitals, we train once as if they were in one place. A network trained on all of them together is the
# **baseline**: whatever federation, privacy or a bad connection cost later is measured against it. A method that comes close to a poor
# baseline has shown nothing.
#
# When you are done you can
#
# - say what each part of a U-Net is for, and what shape the image has there,
# - write the loss that segmentation is trained with, and say why it counts patients and not slices,
# - write a training step, which the later methods change,
# - read Dice and HD95 per region, and not be fooled by a mean,
# - judge what a network that has never seen a real patient makes of one (with your own data).

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

from fedlab_utils.data import (
    PreprocessSettings,
    build_cache,
    load_preprocessed,
    preprocess,
    split_patients,
)

own, usable = open_patients(at_most=3, must_pass=preprocess)
usable = [case.files.case_id for case in usable]
cohort = own
if len(own.patients) < 20:
    print("Too few patients to train on: the phantoms train, yours are segmented further below.")
    cohort = open_phantom()

# %% [markdown]
# ## The patients
#
# Training, validation and test patients are three different groups, and each has one job. The network learns from the first. The second decides
# which epoch's weights to keep. The third is looked at once, at the end. A score on patients that took part in a choice tends to be too good.
#
# This lesson takes at most 60 scans, so that all computing takes one to two minutes. From a larger folder, patients are drawn at random with all
# their scans, from each hospital its share where the hospitals are known: the first 60 of a folder may all come from one.

# %% tags=["check-output"]
laptop = PreprocessSettings(spacing=2.0)
some = draw_patients(cohort, at_most=60, seed=3)
unusable = {problem.case for problem in build_cache(some.cases, laptop)}
some = some.subset(case.case_id for case in some if case.case_id not in unusable)
split = split_patients(some, (0.6, 0.15, 0.25), seed=3)
train, validation, test = (
    [load_preprocessed(some.files(case), laptop) for case in part]
    for part in (split.train, split.validation, split.test)
)
print(f"{len(train)} scans to train on, {len(validation)} to validate, {len(test)} to test")

# %% [markdown]
# ## The U-Net, block by block
#
# To say whether a voxel is tumour, one must see it closely (where exactly is the edge?) and from afar (is this bright spot the ventricle?). A
# **U-Net** (Ronneberger et al., 2015) does both. On the way down it halves the resolution four times, and the first three times looks for more kinds
# of things: more *channels*. On the way up it doubles the resolution again, and at each scale takes back what the way down saw there (the
# *skip connections*), so that fine detail need not squeeze through the narrow bottom.
#
# The next cell sends one slice through and prints what comes out of each block.

# %%
from fedlab_utils.data.windows import centred
from fedlab_utils.segmentation import make_unet

network = make_unet(seed=0)
fullest = int(np.argmax((train[0].labels > 0).sum((0, 1))))
size = (80, 96)  # what training uses, too
image = torch.from_numpy(centred(np.asarray(train[0].image[..., fullest], np.float32), size))[None]
seen = {}
for name, block in network.named_children():
    block.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out.detach()}))
with torch.no_grad():
    network(image)
print(f"{'block':12} {'channels':>8} {'pixels':>10} {'weights':>9}")
print(f"{'image':12} {image.shape[1]:8} {size[0]:>5} x {size[1]}")
for name, out in seen.items():
    weights = sum(p.numel() for p in getattr(network, name).parameters())
    print(f"{name:12} {out.shape[1]:8} {out.shape[2]:>5} x {out.shape[3]:<3} {weights:10,}")

# %% [markdown]
# `conv_0` to `down_4` is the way down, `upcat_4` to `upcat_1` the way up, and `final_conv` makes three numbers of each pixel. Four fifths of the weights are
# in the three coarsest blocks (`down_3`, `down_4`, `upcat_4`), which see far around each pixel. The four blocks of the two finest scales have a twentieth of the
# weights, but so many pixels that they do half of the multiplications.
#
# Each 3 x 3 convolution is followed by **instance normalisation** (Ulyanov et al., 2016): each channel of each image is brought to mean 0 and deviation 1,
# then scaled and shifted by two learned numbers. Many networks normalise over the batch instead and keep running averages. We do not, for a reason that
# matters in lesson 06: those averages are data of a hospital, and averaging them over hospitals can harm the network badly where their images differ.
#
# ### Three outputs, not four classes
#
# A voxel of the enhancing rim belongs to ET (enhancing tumour), to TC (tumour core) and to WT (whole tumour) at once. So the network does not choose among classes. It answers three
# questions with a probability each, and is trained on the three masks that you made of a label map in lesson 01. Once it has answered, we need the way back.


# %% exercise="regions_to_labels"
def my_regions_to_labels(probability):
    """Turn probabilities of the three regions into one label map.

    probability: float array (3, X, Y) in the order ET, TC, WT.
    A region is there from one half on.
    Return uint8 (X, Y): 3 (enhancing) where ET, else 1 (necrosis) where
    TC, else 2 (oedema) where WT, else 0: the course's own numbers,
    whatever the files write.
    Where the answers contradict each other, the inner region wins.
    """
    # BEGIN SOLUTION: cut at one half; write WT, then TC, then ET over it
    et, tc, wt = probability >= 0.5
    labels = np.zeros(probability.shape[1:], np.uint8)
    labels[wt] = 2
    labels[tc] = 1
    labels[et] = 3
    return labels
    # END SOLUTION


# %% [markdown] hint="regions_to_labels"
# `probability >= 0.5` is a bool array of the same shape; unpack it into `et, tc, wt`.

# %% [markdown] hint="regions_to_labels"
# Start with zeros of type `np.uint8` and write the largest region first: `labels[wt] = 2`. What is written later stays.


# %% wrong="regions_to_labels" diagnosis="largest first"
def my_regions_to_labels(probability):
    et, tc, wt = probability >= 0.5
    labels = np.zeros(probability.shape[1:], np.uint8)
    labels[et] = 3
    labels[tc] = 1
    labels[wt] = 2
    return labels


# %% wrong="regions_to_labels" diagnosis="not rivals"
def my_regions_to_labels(probability):
    names = np.array([3, 1, 2], np.uint8)
    labels = names[probability.argmax(axis=0)]
    labels[probability.max(axis=0) < 0.5] = 0
    return labels


# %% wrong="regions_to_labels" diagnosis="exactly one half"
def my_regions_to_labels(probability):
    et, tc, wt = probability > 0.5
    labels = np.zeros(probability.shape[1:], np.uint8)
    labels[wt] = 2
    labels[tc] = 1
    labels[et] = 3
    return labels


# %% wrong="regions_to_labels" diagnosis="outer regions say yes too"
def my_regions_to_labels(probability):
    et, tc, wt = probability >= 0.5
    labels = np.zeros(probability.shape[1:], np.uint8)
    labels[wt] = 2
    labels[tc & wt] = 1
    labels[et & tc & wt] = 3
    return labels


# %% [markdown]
# ## What to minimise
#
# Dice counts voxels that are in or out; a network says 0.7. **Soft Dice** puts the probabilities in the place of the masks (after Milletari et al., 2016, who square below the line and add nothing):
#
# $$D = \frac{2\sum p\,t + 1}{\sum p + \sum t + 1}$$
#
# with $p$ the probability and $t$ the truth (0 or 1) of each pixel. The 1 above and below avoids
# 0 / 0: where the truth is empty, $D$ nears 1 once the *sum* of all probabilities is far below 1. Unlike the Dice of masks it has a slope: a little more probability in the right place makes it a little better.
#
# Over what should the sum run? Over all slices **of one patient** that are in the batch (here four, half of them drawn among those with tumour), and not
# beyond. With a Dice of each slice by itself, one wrong pixel in a slice without tumour would already cost 1/2, half as much as missing a whole tumour (as it still does for a region that the patient lacks). A Dice over the whole batch, nnU-Net's choice for slices, would mix patients: what patient A's
# gradient is would depend on who else is in the batch. In lesson 09 we promise each patient privacy, and that promise needs a gradient of their own.


# %% exercise="soft_dice"
def my_soft_dice(probability, target):
    """Return the soft Dice of one patient, per region.

    probability: float tensor (S, 3, X, Y), the S slices of the patient.
    target: the same shape, 0 or 1.
    Sum over slices and pixels, add 1 above and below the fraction line.
    Return a tensor (3,) through which a gradient can flow.
    """
    # BEGIN SOLUTION: twice the shared probability plus 1, over the sum of both plus 1
    shared = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3))
    return (2 * shared + 1) / (total + 1)
    # END SOLUTION


# %% [markdown] hint="soft_dice"
# A tensor's `sum` takes the axes to sum over: `.sum(dim=(0, 2, 3))` leaves the regions.

# %% [markdown] hint="soft_dice"
# `shared = (probability * target).sum(dim=(0, 2, 3))`, and the same with `+` for the total. Do not cut the probabilities at one half.


# %% wrong="soft_dice" diagnosis="slices belong together"
def my_soft_dice(probability, target):
    shared = (probability * target).sum(dim=(2, 3))
    total = (probability + target).sum(dim=(2, 3))
    return ((2 * shared + 1) / (total + 1)).mean(dim=0)


# %% wrong="soft_dice" diagnosis="no slope"
def my_soft_dice(probability, target):
    mask = (probability >= 0.5).double() + 0 * probability
    shared = (mask * target).sum(dim=(0, 2, 3))
    total = (mask + target).sum(dim=(0, 2, 3))
    return (2 * shared + 1) / (total + 1)


# %% wrong="soft_dice" diagnosis="divide by the union"
def my_soft_dice(probability, target):
    shared = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3)) - shared
    return (shared + 1) / (total + 1)


# %% wrong="soft_dice" diagnosis="no gradient flows"
def my_soft_dice(probability, target):
    probability = probability.detach()
    shared = (probability * target).sum(dim=(0, 2, 3))
    total = (probability + target).sum(dim=(0, 2, 3))
    return (2 * shared + 1) / (total + 1)


# %% [markdown]
# The network's raw outputs, *logits*, become probabilities by $p = 1/(1+e^{-z})$, the *sigmoid*. The package's loss is 1 minus the soft Dice, plus the *cross entropy*
# $-t\log p-(1-t)\log(1-p)$, averaged over pixels, which keeps a slope for each single pixel where the Dice is nearly flat. The sum of the two is the field's usual choice (Isensee et al., 2021). Read it:

# %%
from fedlab_utils.segmentation import dice_ce_loss

show_source(dice_ce_loss)

# %% [markdown]
# ## One step
#
# A *batch* is the few slices of one step, an *epoch* one pass over the patients. Training is one small thing done some hundred times: take a batch; let the network answer; measure how wrong it is; find out for each weight
# in which direction the error falls (`backward`); move all weights a little that way (`optimiser.step`; AdamW, the optimiser here, chooses the stride for each weight). The gradients of a
# step are *added* to what is stored, so the store must be emptied first.


# %% exercise="training_step"
def my_training_step(model, optimiser, batch):
    """Train the model on one batch, in place.

    batch: dict with image (B, 4, X, Y), target (B, 3, X, Y) and
    patient (B,), the number of each slice's patient.
    The error is the mean over patients of
    dice_ce_loss(logits, target, patient), one number per patient.
    The model must be in training mode (networks with dropout or batch
    statistics behave differently in it).
    Return the error as a plain number.
    """
    # BEGIN SOLUTION: training mode, empty gradients, forward, loss, backward, step
    model.train()
    optimiser.zero_grad()
    logits = model(batch["image"])
    loss = dice_ce_loss(logits, batch["target"], batch["patient"]).mean()
    loss.backward()
    optimiser.step()
    return loss.item()
    # END SOLUTION


# %% [markdown] hint="training_step"
# In this order: `model.train()`, `optimiser.zero_grad()`, the forward pass, the loss and its mean, `loss.backward()`, `optimiser.step()`.

# %% [markdown] hint="training_step"
# `dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"])` gives one number per patient. `loss.item()` makes a plain number of a tensor with one.


# %% wrong="training_step" diagnosis="zero_grad"
def my_training_step(model, optimiser, batch):
    model.train()
    loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
    loss.backward()
    optimiser.step()
    return loss.item()


# %% wrong="training_step" diagnosis="takes no step"
def my_training_step(model, optimiser, batch):
    model.train()
    optimiser.zero_grad()
    loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
    loss.backward()
    return loss.item()


# %% wrong="training_step" diagnosis="patient of its own"
def my_training_step(model, optimiser, batch):
    model.train()
    optimiser.zero_grad()
    loss = dice_ce_loss(model(batch["image"]), batch["target"]).mean()
    loss.backward()
    optimiser.step()
    return loss.item()


# %% wrong="training_step" diagnosis="takes logits"
def my_training_step(model, optimiser, batch):
    model.train()
    optimiser.zero_grad()
    probability = torch.sigmoid(model(batch["image"]))
    loss = dice_ce_loss(probability, batch["target"], batch["patient"]).mean()
    loss.backward()
    optimiser.step()
    return loss.item()


# %% wrong="training_step" diagnosis="model.train()"
def my_training_step(model, optimiser, batch):
    optimiser.zero_grad()
    loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
    loss.backward()
    optimiser.step()
    return loss.item()


# %% [markdown]
# The package does the same in two functions. `local_update` is the loop over batches: it empties the gradients and moves the weights, and takes care of the
# learning rate's schedule and the device. What stands between, from the answer to `backward`, is `batch_gradient`. Both know
# *corrections*: FedProx adds a term to the loss, SCAFFOLD changes the gradient, and neither copies the loop.

# %%
from fedlab_utils.segmentation import local_update

show_source(local_update)

# %%
from fedlab_utils.segmentation.training import batch_gradient

show_source(batch_gradient)

# %% [markdown]
# ## Train
#
# Half a minute to a minute on two cores, depending on the processor, with a network of half the width (8 channels at the top), so that 216 steps fit; augmentation is left to longer training. `fast_precision` lets the network multiply in 16 bits (bfloat16) where the processor is fast at it. The *learning rate*, the length of the strides, rises for a moment and then falls to 0 along half a cosine, so that the weights come to rest. Every fourth epoch the
# validation patients are looked at, and the epoch with their best mean Dice is kept; the dashed line marks it. *Which region comes first, and which last?*

# %%
from fedlab_utils.data import TIERS
from fedlab_utils.segmentation import (
    FitSettings,
    OptimiserSettings,
    UNetSettings,
    fast_precision,
    fit_unet,
)
from fedlab_utils.ui import TrainingCurve

settings = FitSettings(
    unet=UNetSettings(width=8),
    optimiser=OptimiserSettings(learning_rate=6e-3),
    epochs=12,
    batch=8,
    augment=False,
    validate_every=4,
    precision=fast_precision(),
    seed=0,
)
with TrainingCurve() as curve:
    fit = fit_unet(train, validation, settings, TIERS["laptop"], on_epoch=curve.add)

# %% [markdown]
# ## How good is it?
#
# In the curve WT, the largest region, comes first, and ET, a thin rim, last.
#
# Now the test patients, at the resolution of their files. The table has four columns; read them together.
#
# - **dice**: how much of the volume is right. Where a region is rightly absent, it counts 1.
# - **hd95 mm**: how far the outline is off. Take the distances from each surface voxel to the other surface, and of these the 95th percentile, not the maximum, so that a
#   lone speck does not show (of the two directions the larger, as in MONAI; medpy pools them and mostly comes to less). A stray piece that makes up more than 5 % of a region's surface ruins it, though the Dice hardly falls. Where a region is missed or invented altogether, it counts
#   the diagonal of a BraTS volume, 373 mm; where it is rightly absent, 0.
# - **median**: the HD95 that is usual. Its mean is decided by regions missed or invented: a single one in 15 patients adds 25 mm.
# - **missed**: in how many cases a region was found in one of the two masks alone.
#
# Two kinds of Dice appear. The **table** is `evaluate`'s: on the file's own grid, after connected pieces smaller than a tenth of the largest were left out, and enhancing tumour that came to less than half a millilitre in all
# was counted as core without enhancement (after Isensee et al., 2020). Both rules help the mean, and lose a small true satellite or a trace of enhancement. The **curve** above, and the recorded
# studies below, take the quick one: on the network's grid of 2 mm, with nothing left out.
#
# Nothing that this lesson computes, table or viewer, averages in the network's answer to the mirror image (`flip=False`). `fedlab predict` and
# `fedlab evaluate` do, unless told `--no-flip`, and so did the recorded gallery at the end: twice the time, a little steadier.

# %%
from fedlab_utils.segmentation import evaluate_model

scores = evaluate_model(fit.model, some.subset(split.test), flip=False, precision=fast_precision())
print(scores.regions_as_text())
if scores.institutions():
    print("\nDice by hospital        ET     TC     WT")
for hospital in scores.institutions():
    means = scores.mean(hospital)
    dice = [means[region]["dice"] for region in ("ET", "TC", "WT")]
    print(
        f"{hospital}, {dice[0].patients:2} patients   ", "  ".join(f"{d.mean:5.2f}" for d in dice)
    )

# %% [markdown]
# The numbers in brackets are 95 % bootstrap intervals: how much the mean would move had other patients of the same kind come. They leave out the luck of training: another seed
# gives another network. With so few patients they are wide, and still a little too narrow. Compare two methods on the same patients, in pairs, with several seeds: does the interval of the *difference*
# leave out 0? Where the mean HD95 lies far above the median, look at the missed cases first. And with few patients in each hospital, the second table ranks nobody.
#
# A mean hides people. Here are the patients with the best and the worst mean Dice. *Before you read on, leaf through the worst one: what did the network take for tumour, or miss?*

# %%
from fedlab_utils.course.gallery import segmented
from fedlab_utils.ui import PredictionViewer

ranked = sorted(scores.cases, key=lambda row: np.mean([row[r]["dice"] for r in ("ET", "TC", "WT")]))
ends = [("best", ranked[-1]["case"]), ("worst", ranked[0]["case"])]
PredictionViewer(
    segmented(
        fit.model, [some.load(case) for _, case in ends], [f"{end}: {case}" for end, case in ends]
    )
)

# %% [markdown]
# With the phantoms one thing shows in both, the best one too: compare the areas below the picture. The network has learnt where the tumour is, but not yet to tell the rim, bright on T1ce, from what
# the rim encloses. So it colours nearly the whole core as enhancing; with `seed=1` in the training it colours hardly any of it. The table's low Dice of ET is mostly that. It is no limit of U-Nets: the one at the end of this lesson, twice as wide and trained for about two hours, finds the rim.
#
# What sets the worst one apart is often one of two things. Either the tumour, or one region of it, is small, so that a few voxels decide, or the patient has no enhancing
# tumour at all: then a few voxels of predicted ET turn a Dice of 1 into 0, and only traces below half a millilitre are forgiven. (If neither holds, look for an artefact, a faint tumour or an unusual scanner.) That is a property of the measure as much as of the network, and the
# reason to read cases and not only means (Reinke et al., 2024, collect such pitfalls).

# %% [markdown] quiz="empty-region"
# A patient has no enhancing tumour. Somebody's segmentation file marks three voxels of it. What are Dice and HD95 of ET?
#
# - [ ] Dice near 1, since nearly all voxels are right
#   > Dice does not count the voxels that both leave out. With an empty truth nothing can be shared.
# - [x] Dice 0, HD95 at its worst
#   > Right. Shared: 0 voxels. There is no true surface to measure to, so the rule for missed regions applies. This is why our own predictions drop such traces before they are written.
# - [ ] Undefined, so the patient is left out
#   > Dice is defined, 2 x 0 / 3; only HD95 is not. Some do leave such patients out, but then a network may invent tumours unpunished.

# %% [markdown]
# ## Which sequence carries which region?
#
# A hospital may lack a sequence. What does each sequence tell alone, and in pairs? The next figure takes many trainings, so it is **recorded**: each point is the mean over
# 24 test phantoms and five seeds, trained by `python -m fedlab_utils study pooled_training`. Its Dice is the curve's kind.

# %%
from fedlab_utils.studies.runner import read_rows
from fedlab_utils.ui import more_patients, which_sequence

recorded = read_rows("pooled_training")
which_sequence(recorded)

# %% [markdown]
# Enhancement is defined on T1 before and after contrast agent: without T1ce a network can only guess ET from what goes with it. FLAIR shows free fluid such as CSF dark and
# oedema bright, and the experts of BraTS drew WT on it and on T2 (Menze et al., 2015). *Does it lead for WT here?* In these phantoms T2 alone beats FLAIR alone, by 0.11 [0.06, 0.17] of WT's Dice, in pairs over seeds and patients. The pair with the best mean, T1ce with T2, loses 0.05 [0.004, 0.11] of WT against all four, and nothing that shows of ET and TC; it is flattered a little, being picked from six on these same patients. Real scans may rank otherwise: there T1ce with FLAIR did as well as all four for ET and TC (Huang et al., 2025). What one network for all makes of a hospital without T1ce is a question of lesson 06.
#
# And what do more patients bring? All trainings below took about 216 steps, on augmented images, with patients drawn from all hospitals.

# %%
more_patients(recorded)

# %% [markdown]
# Intervals that overlap do not yet say that two points are alike: all were tested on the same phantoms, so compare in pairs. Sixteen patients beat two by 0.18 [0.10, 0.26] of Dice for TC and by 0.18 [0.11, 0.26] for WT; for ET the interval is too wide to tell. With two or four it seems to matter most *who* they are: the intervals on the left are the widest (though a seed decides the first weights, too). One network of two patients, one of whom has no enhancement, never marks any, and so scores 1 on the four test patients who have none, and 0 on the other twenty; every network of this figure that learnt from four or more marks some in each of those four, and scores 0 there.
#
# From sixteen patients to sixty-four nothing is gained: TC and WT each lose 0.02, with intervals that hold 0, and ET even loses 0.06 [0.01, 0.11]. Our guess is that the training is too short for so many: each of sixty-four patients is seen seven times and each of sixteen twenty-seven times, and every one of these networks was best at its last look. So we see what a *fixed amount of computing* makes of patients, not what they are worth; and real tumours, which differ more than phantoms from one recipe, should need more.
#
# So a hospital with two patients has something to gain from the numbers of others, and one with sixteen, at this number of steps, nothing that we can see. What every hospital lacks besides numbers is other hospitals: its patients all
# come from its own scanner. Lesson 04 measures what that costs.
#
# ## From phantoms to a real patient
#
# The course ships a network, `data/models/phantom_2d.safetensors`, that was trained on phantoms alone. Its training set did not try to look
# like one scanner: contrast, resolution, noise and shading were varied far beyond one hospital, around physically plausible values, so that a real scan is, with luck, just one more draw. In some draws the skull stripping failed, and remains of scalp, orbit or muscle lie around the brain, as around real ones.
# This is called *domain randomisation* (Tobin et al., 2017; SynthSeg, Billot et al., 2023, goes further and draws contrasts freely). It was trained on axial and on coronal slices and averages its answers in both. Training took two stages of about an hour each on two cores. With `FEDLAB_DATA` set to a folder of real BraTS cases, the cell below shows it on up to three of them. Otherwise it shows phantoms, whose numbers say nothing about real scans; no score on real patients is recorded here.

# %%
from fedlab_utils.course.gallery import origin, shipped_model

phantom_trained = shipped_model()
print(origin(phantom_trained.provenance))
shown = some.subset(split.test[:3]) if cohort is own else own.subset(usable)
about = evaluate_model(phantom_trained, shown, flip=False, precision=fast_precision())
print(about.regions_as_text())
PredictionViewer(segmented(phantom_trained, [shown.load(shown.cases[0].case_id)]))

# %% [markdown]
# On a real case look at three things. Is the whole tumour there? Does the core sit where T1ce shows a rim? And what was taken for tumour that is
# none: the bright edge of the ventricles, a vessel? No clinic should use this network. But it may be a start: who
# has learnt from public phantoms may need less from real patients. Lesson 09 tries that, with a smaller network and phantoms in the patients' place.
#
# The gallery below needs no data of yours: three phantom patients with what the shipped network makes of them.

# %%
from fedlab_utils.course.gallery import open_gallery

PredictionViewer(open_gallery())

# %% [markdown]
# ## Keep the baseline
#
# The score of your own training is written to a small file, with its settings and test cases; `load_baseline` reads it again. It is the baseline of a short training, not the best
# possible: a federated method compared with it needs the same network, patients and number of steps.

# %%
from fedlab_utils.course.baseline import save_baseline

baseline = save_baseline(
    scores,
    cohort.description,
    "laptop",
    len({patient.patient_id for patient in train}),
    fit.curve[-1]["seconds"],
    settings,
)
print("mean Dice:", {region: round(row["dice"], 3) for region, row in baseline.mean.items()})

# %% [markdown]
# ## What you have learnt
#
# - A U-Net sees closely and from afar; its outputs are three nested yes-or-no questions.
# - Loss, split and error bars count patients.
# - What follows in the course is mostly small changes to this one training step.
# - The baseline stands. From now on nobody has all the patients.

# %%
progress_board()

# %% [markdown]
# ### References
#
# - B. Billot et al., SynthSeg: segmentation of brain MRI scans of any contrast and resolution without retraining. Medical Image Analysis 86:102789, 2023. doi:10.1016/j.media.2023.102789
# - J. Huang et al., Brain tumor segmentation using deep learning: high performance with minimized MRI data. Frontiers in Radiology 5, 2025. doi:10.3389/fradi.2025.1616293
# - F. Isensee et al., nnU-Net for brain tumor segmentation. BrainLes 2020. arXiv:2011.00848
# - F. Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation. Nature Methods 18, 2021. doi:10.1038/s41592-020-01008-z
# - B. H. Menze et al., The multimodal brain tumor image segmentation benchmark (BRATS). IEEE TMI 34(10), 2015. doi:10.1109/TMI.2014.2377694
# - F. Milletari, N. Navab, S.-A. Ahmadi, V-Net: fully convolutional neural networks for volumetric medical image segmentation. 3DV 2016. arXiv:1606.04797
# - A. Reinke et al., Understanding metric-related pitfalls in image analysis validation. Nature Methods 21, 2024. doi:10.1038/s41592-023-02150-0
# - O. Ronneberger, P. Fischer, T. Brox, U-Net: convolutional networks for biomedical image segmentation. MICCAI 2015. arXiv:1505.04597
# - J. Tobin et al., Domain randomization for transferring deep neural networks from simulation to the real world. IROS 2017. arXiv:1703.06907
# - D. Ulyanov, A. Vedaldi, V. Lempitsky, Instance normalization: the missing ingredient for fast stylization. 2016. arXiv:1607.08022
