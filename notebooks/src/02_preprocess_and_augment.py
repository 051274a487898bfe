# ---
# title: Preprocessing and augmentation
# data: phantom or a BraTS folder
# minutes: 60
# ---

# %% [markdown]
# # How do you feed scans from many scanners to one network?
#
# A radiologist sees through a scanner's habits without noticing: another brightness, a shadow across the picture, thicker slices. A
# network notices nothing else, if you let it. *Preprocessing* removes what differs between scanners and says nothing about the patient.
# *Augmentation* does the opposite on purpose: it varies during training whatever the network should learn to ignore.
#
# In a federation both matter twice. Each hospital preprocesses its own patients, alone, and nobody can look at all of them to find
# common settings. So every step below uses one patient at a time.
#
# When you are done you can
#
# - give intensities without a unit a common scale, and say why the air must stay out of it,
# - change the resolution of a segmentation without inventing tissue,
# - judge what a coarser grid costs each region,
# - augment image and target so that they stay one patient.

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
from fedlab_utils.data import PreprocessSettings, brain_mask, preprocess, to_regions

# one patient of each institution, then a second; what cannot be preprocessed is left out and named
cohort, patients = open_patients(at_most=6, must_pass=preprocess)
case = patients[0]

# %% [markdown]
# ## Intensities have no unit
#
# In a CT a value of 0 is water everywhere in the world. An MRI value means nothing by itself: it depends on the scanner's gain, the coil,
# the sequence's timing. Here are up to six patients, each of another institution as far as there are that many, inside the brain only: as scanned above, normalised below.

# %%
from fedlab_utils.ui import intensity_histograms

intensity_histograms(patients, [preprocess(patient) for patient in patients])

# %% [markdown]
# Look at the upper row first. The same tissue sits at different numbers from one hospital to the next; two patients of one hospital can differ too, which six patients of six hospitals do not show. A network fed with these
# can learn to recognise the scanner, and will not know what to make of the next one. The usual remedy is a **z-score** per patient and sequence: subtract the mean, divide by the standard deviation. Two
# details decide whether it works.
#
# 1. **Only the brain counts.** BraTS scans are *skull-stripped*: everything outside the brain is 0, and that is most of the array. If the zeros
#    count, mean and deviation tell how much air is in the picture, and a small head gets another scale than a large one.
# 2. **A few extreme voxels must not set the scale.** A vessel full of contrast agent can be twice as bright in T1ce as white matter. So mean and deviation
#    are taken from the intensities clipped to their 1st and 99th percentile. The clipping is for the two numbers only; the image itself keeps its extremes.


# %% exercise="zscore"
def my_zscore(volume, brain):
    """Normalise one sequence to mean 0 and standard deviation 1 in the brain.

    volume: float array (X, Y, Z). brain: bool array of the same shape.
    Mean and deviation are those of the brain's values clipped to their 1st and 99th percentile.
    Return a float array, 0 outside the brain.
    """
    # BEGIN SOLUTION: percentiles of the brain's values, mean and deviation of the clipped ones, 0 outside
    values = volume[brain]
    low, high = np.percentile(values, (1, 99))
    usual = np.clip(values, low, high)
    result = np.zeros(volume.shape)
    result[brain] = (values - usual.mean()) / usual.std()
    return result
    # END SOLUTION


# %% [markdown] hint="zscore"
# `volume[brain]` gives the brain's values as one long list. All statistics come from that list; nothing from `volume` itself.

# %% [markdown] hint="zscore"
# Make `result = np.zeros(volume.shape)` and write only where there is brain: `result[brain] = ...`. Use the clipped values for mean and deviation, the unclipped ones for what you write.


# %% wrong="zscore" diagnosis="air"
def my_zscore(volume, brain):
    low, high = np.percentile(volume, (1, 99))
    usual = np.clip(volume, low, high)
    return np.where(brain, (volume - usual.mean()) / usual.std(), 0)


# %% wrong="zscore" diagnosis="outside the brain"
def my_zscore(volume, brain):
    values = volume[brain]
    usual = np.clip(values, *np.percentile(values, (1, 99)))
    return (volume - usual.mean()) / usual.std()


# %% wrong="zscore" diagnosis="percentile"
def my_zscore(volume, brain):
    values = volume[brain]
    return np.where(brain, (volume - values.mean()) / values.std(), 0)


# %% wrong="zscore" diagnosis="keeps its extremes"
def my_zscore(volume, brain):
    values = volume[brain]
    usual = np.clip(values, *np.percentile(values, (1, 99)))
    result = np.zeros(volume.shape)
    result[brain] = (usual - usual.mean()) / usual.std()
    return result


# %% [markdown] equivalent="zscore"
# - `usual = np.clip(values, low, high)` -> `usual = np.clip(low, values, high)`: the larger of low and value, then the smaller of that and high, is the same.

# %% [markdown]
# Go back to the lower row of the figure: that is what you have just written (the package's version also limits the result to 5 standard
# deviations, so that a vessel cannot shout the rest down). The humps, grey and white matter in one, now lie close together. They do not coincide, since the patients differ (age, tumour, scanner), and
# no linear scaling can remove what is not linear. This is enough for a network; histogram matching goes further and can wipe out
# the very difference one looks for (Nyúl et al., 2000, describe it; Isensee et al., 2021, use the z-score).
#
# ## The shadow in the picture
#
# The receive coil hears what is near it more loudly. The brightness of one tissue then drifts across the head, by tens of percent: the **bias
# field**. The eye forgives it; a threshold does not. *N4* (Tustison et al., 2010) fits a smooth surface (a B-spline) to the logarithm of the image, in steps, each of which makes the histogram
# sharper; dividing by it takes the field out. It knows nothing of anatomy: a large bright oedema is smooth too, and N4 can flatten a part of it.
#
# Below you can switch N4 on, change the spacing to resample to and where outliers are cut, and watch one slice and its numbers. N4 takes a few seconds;
# BraTS publishes its scans without this correction, and nnU-Net (Isensee et al., 2021) trains on them as they are, with augmentation
# instead. In a federation with one very shadowy scanner it may still pay.

# %%
from fedlab_utils.ui import PreprocessingExplorer

PreprocessingExplorer(case)

# %% [markdown]
# ## Most of the array is air

# %% tags=["check-output"]
brain = brain_mask(case.image)
print(f"{case.files.case_id}: {brain.mean():.0%} of {brain.size:,} voxels are brain")

# %% [markdown]
# The rest is multiplied, added and stored in vain. So the array is cropped to the box around the brain, with a small margin where wanted. The
# box must stay inside the array: a negative start would, in numpy, silently count from the other end.


# %% exercise="brain_box"
def my_brain_box(brain, margin):
    """Return the smallest box around the brain, widened by a margin.

    brain: bool array (X, Y, Z) with at least one True. margin: voxels, an integer from 0.
    Return three slices, so that volume[box] works; never beyond the array.
    """
    # BEGIN SOLUTION: first and last brain voxel along each axis, widened, kept inside the array
    where = np.argwhere(brain)
    first = np.maximum(where.min(axis=0) - margin, 0)
    stop = np.minimum(where.max(axis=0) + 1 + margin, brain.shape)
    return tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    # END SOLUTION


# %% [markdown] hint="brain_box"
# `np.argwhere(brain)` lists the indices of all brain voxels, one row each. The minimum and maximum over the rows are the corners.

# %% [markdown] hint="brain_box"
# A slice stops *before* its end, so the stop is the last voxel plus 1. Keep the start at 0 or above with `np.maximum`, the stop within `brain.shape` with `np.minimum`.


# %% wrong="brain_box" diagnosis="stops before"
def my_brain_box(brain, margin):
    where = np.argwhere(brain)
    first = np.maximum(where.min(axis=0) - margin, 0)
    stop = np.minimum(where.max(axis=0) + margin, brain.shape)
    return tuple(slice(a, b) for a, b in zip(first, stop))


# %% wrong="brain_box" diagnosis="leaves the array"
def my_brain_box(brain, margin):
    where = np.argwhere(brain)
    first = where.min(axis=0) - margin
    stop = where.max(axis=0) + 1 + margin
    return tuple(slice(a, b) for a, b in zip(first, stop))


# %% wrong="brain_box" diagnosis="margin"
def my_brain_box(brain, margin):
    where = np.argwhere(brain)
    return tuple(slice(a, b + 1) for a, b in zip(where.min(axis=0), where.max(axis=0)))


# %% [markdown]
# ## Another grid
#
# Patients come in different resolutions, and two CPU cores do not train on 240 x 240 x 155 voxels. FedLab resamples to 2 mm at *laptop*
# tier and 1 mm at *gpu* tier. For an image, a coarser voxel is the mean of what it covers, as a scanner with thicker slices would see it.
#
# For **labels** the mean is a trap. Half background (0) and half oedema (2) average to 1: *necrosis*, a tissue that is nowhere near. Around every
# oedema you would get a thin shell of dead tissue, and a network would learn it. Taking every second voxel avoids that, but then one voxel in eight speaks for all.
#
# The way out is to ask the *regions*, each a yes-or-no question about the whole coarse voxel: is at least half of it whole tumour? Is at least half of it
# tumour core? Is at least half of it enhancing? The regions are nested, so whoever gets the third yes got the other two as well.

# %% tags=["setup"]
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA


def block_share(mask):
    """Share of True in each 2 x 2 x 2 block of a bool array with even sizes."""
    x, y, z = (n // 2 for n in mask.shape)
    return mask.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))


# %% exercise="coarser_labels"
def my_coarser_labels(labels):
    """Halve the resolution of canonical labels along each axis.

    labels: uint8 array with even sizes. block_share(mask) gives the share of True per 2 x 2 x 2 block;
    to_regions(labels) gives ET, TC and WT. A coarse voxel belongs to a region if at least half of it does.
    Return a uint8 array of half the size: enhancing where ET, else necrosis where TC, else oedema where WT.
    """
    # BEGIN SOLUTION: decide region by region, the largest first, so that smaller ones overwrite it
    et, tc, wt = to_regions(labels)
    coarse = np.zeros([n // 2 for n in labels.shape], np.uint8)
    coarse[block_share(wt) >= 0.5] = OEDEMA
    coarse[block_share(tc) >= 0.5] = NECROSIS
    coarse[block_share(et) >= 0.5] = ENHANCING
    return coarse
    # END SOLUTION


# %% [markdown] hint="coarser_labels"
# Begin with an array of zeros. Write OEDEMA wherever at least half of the block is whole tumour. Then let TC overwrite a part of it, and ET a part of that.

# %% [markdown] hint="coarser_labels"
# `coarse[block_share(wt) >= 0.5] = OEDEMA` is the first of three such lines.


# %% wrong="coarser_labels" diagnosis="invents"
def my_coarser_labels(labels):
    x, y, z = (n // 2 for n in labels.shape)
    return np.rint(labels.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))).astype(np.uint8)


# %% wrong="coarser_labels" diagnosis="swap two numbers"
def my_coarser_labels(labels):
    et, tc, wt = to_regions(labels)
    coarse = np.zeros([n // 2 for n in labels.shape], np.uint8)
    coarse[block_share(wt) >= 0.5] = NECROSIS
    coarse[block_share(tc) >= 0.5] = OEDEMA
    coarse[block_share(et) >= 0.5] = ENHANCING
    return coarse


# %% wrong="coarser_labels" diagnosis="one voxel in eight"
def my_coarser_labels(labels):
    return labels[::2, ::2, ::2].copy()


# %% wrong="coarser_labels" diagnosis="largest first"
def my_coarser_labels(labels):
    et, tc, wt = to_regions(labels)
    coarse = np.zeros([n // 2 for n in labels.shape], np.uint8)
    coarse[block_share(et) >= 0.5] = ENHANCING
    coarse[block_share(tc) >= 0.5] = NECROSIS
    coarse[block_share(wt) >= 0.5] = OEDEMA
    return coarse


# %% wrong="coarser_labels" diagnosis="each label for itself"
def my_coarser_labels(labels):
    coarse = np.zeros([n // 2 for n in labels.shape], np.uint8)
    for value in (OEDEMA, NECROSIS, ENHANCING):
        coarse[block_share(labels == value) >= 0.5] = value
    return coarse


# %% [markdown]
# The package's version, `resample_labels`, asks the same questions and takes any step, not only two. It differs in the blocks that are *exactly* half full: of these it takes
# every second one, as on a chessboard, since counting all of them in makes a thin rim grow.
#
# ### What does a coarser grid cost?
#
# A network that answers in labels on coarse voxels pays before it has made a single mistake. To see how much, take the expert's own labels to a coarser
# grid and back, and compare with the original. *Dice* is twice the shared volume over the sum of both volumes: 1 is a perfect match (you wrote it in lesson 00).

# %% tags=["check-output"]
from fedlab_utils.data.case import to_file_grid

from fedlab_utils.data import restore_labels


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum()) if a.any() or b.any() else float("nan")


native = case.spacing[0]
print(f"{case.files.case_id}, native spacing {native:g} mm\n\nspacing      ET     TC     WT")
truth = to_regions(to_file_grid(case.labels, case))
for spacing in (native, 1.5 * native, 2 * native, 3 * native):
    coarse = preprocess(case, PreprocessSettings(spacing=spacing))
    back = to_regions(restore_labels(coarse.labels, coarse, case))
    print(
        f"{spacing:4.1f} mm  "
        + "  ".join(f"{dice(b, t):5.3f}" for b, t in zip(back, truth, strict=True))
    )

# %% [markdown]
# The thin rim of the enhancing tumour suffers most, the bulky whole tumour least. Take the table as a yardstick, not as a strict ceiling: a network also gives probabilities,
# which hold more than labels and can be brought to the fine grid before they are cut at one half. When a later lesson reports a Dice, compare it with the row whose grid is
# coarser than the files' by as much: phantoms come at 2 mm, so for them the 2 mm of the laptop tier cost nothing; BraTS comes at 1 mm.
#
# ## All of it, once
#
# `preprocess` does brain mask, normalisation, crop and resampling; a cache on disk keeps the result under a key made from the files' contents and the
# settings, so that a second run, or another lesson, only maps the arrays into memory.

# %%
import tempfile
import time
from pathlib import Path

from fedlab_utils.data import current_tier, load_preprocessed

settings = PreprocessSettings(spacing=current_tier().spacing)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
    for attempt in ("first", "second"):
        start = time.perf_counter()
        load_preprocessed(case.files, settings, cache_dir=Path(empty))
        print(f"{attempt} call: {time.perf_counter() - start:.3f} s")
ready = load_preprocessed(case.files, settings)
print("image", ready.image.shape, ready.image.dtype)

# %%
show_source(preprocess)

# %% [markdown]
# ## Slices and patches
#
# At laptop tier the network sees one axial slice at a time (2-D); at gpu tier a cube of 128 voxels an edge (3-D). Both come from the same cache.
# Tumour is rare: in most patients less than a tenth of the brain, and none at all in many slices. So training draws part of its slices from those that show tumour.

# %%
from fedlab_utils.data import TIERS, SliceDataset

laptop = TIERS["laptop"]
at_2_mm = PreprocessSettings(spacing=laptop.spacing)
cached = [load_preprocessed(patient.files, at_2_mm) for patient in patients]
slices = SliceDataset(cached, size=laptop.size)
with_tumour = sum(bool(slices[i]["target"].any()) for i in range(len(slices)))
item = slices[len(slices) // 2]
print(
    f"{len(cached)} patients give {len(slices)} slices with brain, {with_tumour} of them with tumour"
)
print(
    "image",
    tuple(item["image"].shape),
    "target",
    tuple(item["target"].shape),
    "patient",
    item["patient"],
)

# %% [markdown]
# ## Augmentation
#
# A network trained on 60 heads has seen 60 head positions and a handful of scanners. Augmentation shows it others: turned, warped, shaded, blurred,
# with another contrast. MONAI (Cardoso et al., 2022) does the work; FedLab gives each transform a name and one strength between 0 (nothing) and 1 (the most that still
# looks like a patient). Try each, and ask of each: *which difference between hospitals does it imitate?*
# The outlines are the regions of lesson 01 in the same colours. The slice is cropped to the brain, so what an affine turns, shifts or enlarges beyond the edge is cut off, often a piece of the forehead: that is the picture's edge, not a
# part of the transform. Training slices leave more room around most heads.

# %%
from fedlab_utils.ui import AugmentationExplorer

AugmentationExplorer(ready)

# %% [markdown]
# Two kinds, and the rule that follows:
#
# - **Spatial** ones (flip, affine, elastic) move tissue. The target must move in exactly the same way, with nearest neighbours, or the labels no longer fit.
# - **Intensity** ones (bias, gamma, noise, blur, low resolution) change brightness. The target must *not* change: a noisy tumour is still the same tumour.


# %% exercise="augment"
def my_augment(image, target, rng):
    """Mirror with probability one half, and scale each sequence's brightness.

    image: float (4, X, Y), X runs from left to right. target: bool (3, X, Y). rng: numpy Generator.
    Each of the four sequences is multiplied by a factor of its own, uniform between 0.9 and 1.1.
    Return the new image and the new target.
    """
    # BEGIN SOLUTION: four factors for the image; flip image and target together or not at all
    image = image * rng.uniform(0.9, 1.1, size=(4, 1, 1))
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target
    # END SOLUTION


# %% [markdown] hint="augment"
# Four factors of shape `(4, 1, 1)` multiply a `(4, X, Y)` image sequence by sequence. The target has nothing to do with brightness.

# %% [markdown] hint="augment"
# Draw *once* whether to flip (`rng.random() < 0.5`), and flip both along axis 1. Axis 0 holds the sequences: flipping that would swap T1 and FLAIR.


# %% wrong="augment" diagnosis="target stays behind"
def my_augment(image, target, rng):
    image = image * rng.uniform(0.9, 1.1, size=(4, 1, 1))
    if rng.random() < 0.5:
        image = np.flip(image, axis=1)
    return image, target


# %% wrong="augment" diagnosis="drawn twice"
def my_augment(image, target, rng):
    image = image * rng.uniform(0.9, 1.1, size=(4, 1, 1))
    if rng.random() < 0.5:
        image = np.flip(image, axis=1)
    if rng.random() < 0.5:
        target = np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="one factor for all"
def my_augment(image, target, rng):
    image = image * rng.uniform(0.9, 1.1)
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="swaps the sequences"
def my_augment(image, target, rng):
    image = image * rng.uniform(0.9, 1.1, size=(4, 1, 1))
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=0), np.flip(target, axis=0)
    return image, target


# %% wrong="augment" diagnosis="use only `rng`"
def my_augment(image, target, rng):
    image = image * np.random.uniform(0.9, 1.1, size=(4, 1, 1))
    if np.random.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="choose among a few"
def my_augment(image, target, rng):
    image = image * rng.choice([0.9, 1.1], size=(4, 1, 1))
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="cut at the ends"
def my_augment(image, target, rng):
    image = image * np.clip(rng.normal(1, 0.05, size=(4, 1, 1)), 0.9, 1.1)
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="evenly"
def my_augment(image, target, rng):
    image = image * rng.triangular(0.9, 1, 1.1, size=(4, 1, 1))
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="share a factor"
def my_augment(image, target, rng):
    image = image.copy()
    image[0] *= rng.uniform(0.9, 1.1)
    image[1:] *= rng.uniform(0.9, 1.1)
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="depend on each other"
def my_augment(image, target, rng):
    first, second = rng.uniform(0.9, 1.1, size=2)
    image = image * np.array([first, 2 - first, second, 2 - second]).reshape(4, 1, 1)
    if rng.random() < 0.5:
        image, target = np.flip(image, axis=1), np.flip(target, axis=1)
    return image, target


# %% wrong="augment" diagnosis="both results of one call"
def my_augment(image, target, rng):
    def both():
        new = image * rng.uniform(0.9, 1.1, size=(4, 1, 1))
        if rng.random() < 0.5:
            return np.flip(new, axis=1), np.flip(target, axis=1)
        return new, target

    return both()[0], both()[1]


# %% [markdown] equivalent="augment"
# - `if rng.random() < 0.5:` -> `if rng.random() <= 0.5:`: exactly 0.5 is drawn once in 2^53 times.
# - `if rng.random() < 0.5:` -> `if rng.random() > 0.5:`: the other half of the draws is a half too.
# - `if rng.random() < 0.5:` -> `if not rng.random() < 0.5:`: the other half of the draws is a half too.

# %% [markdown]
# ## What you have learnt
#
# - MRI intensities have no unit. A z-score inside the brain, outliers aside, gives each patient the same scale, and needs no other patient.
# - Labels are never averaged. Regions are asked one by one.
# - A coarse grid costs Dice before any mistake is made, most of all for thin regions.
# - Spatial augmentation moves image and target together; intensity augmentation leaves the target alone.
#
# Next comes the first network: a U-Net on all patients together, the yardstick for every federation.

# %% [markdown] quiz="which-mean"
# Two hospitals have the same scanner. One crops its scans closely around the head, the other leaves a wide black margin. Both take the z-score over the whole array. What happens?
#
# - [ ] Nothing, the scanner is the same
#   > The scanner is, the share of zeros is not, and the zeros enter mean and deviation.
# - [x] The same tissue gets different values in the two hospitals
#   > The wide margin pulls the mean towards 0 and changes the deviation. Counting brain voxels only makes the margin irrelevant.
# - [ ] The one with the wide margin gets larger files, but the same values
#   > The files are larger, but each zero also takes part in mean and deviation.

# %% [markdown] quiz="thin-shell"
# After resampling labels with linear interpolation and rounding you find a thin layer of necrosis all around the oedema. Where does it come from?
#
# - [ ] The tumour's outermost layer is dying
#   > Necrosis is found inside, where blood does not reach, not at the border of the oedema.
# - [x] Between 0 (background) and 2 (oedema) lies 1, the number of necrosis
#   > Interpolation treats labels as amounts. They are names. Ask regions, or take the nearest neighbour.
# - [ ] The brain mask was too small
#   > A mask removes voxels; it does not turn oedema into necrosis.

# %% [markdown] quiz="flip"
# Is mirroring left and right always a harmless augmentation?
#
# - [ ] Yes, the brain is symmetrical
#   > Nearly. Language sits on the left in most people, and the body is not symmetrical at all.
# - [x] Only if the answer does not depend on the side
#   > For outlining a tumour it does not. For predicting a patient's loss of speech from the scan, it would destroy what matters.
# - [ ] No, a mirrored brain does not exist
#   > Rare things may be shown in training, as long as the answer stays right.

# %% [markdown]
# ## Your progress

# %%
progress_board()

# %% [markdown]
# ## References
#
# - Tustison et al., "N4ITK: Improved N3 Bias Correction", IEEE TMI 29(6), 2010, doi:10.1109/TMI.2010.2046908.
# - Nyúl, Udupa, Zhang, "New variants of a method of MRI scale standardization", IEEE TMI 19(2), 2000, doi:10.1109/42.836373.
# - Isensee et al., "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation", Nature Methods 18, 2021, doi:10.1038/s41592-020-01008-z.
# - Cardoso et al., "MONAI: An open-source framework for deep learning in healthcare", arXiv:2211.02701, 2022.
# - Pérez-García, Sparks, Ourselin, "TorchIO", Computer Methods and Programs in Biomedicine 208, 2021, doi:10.1016/j.cmpb.2021.106236: how each of these augmentations imitates a scanner.
