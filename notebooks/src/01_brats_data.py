# ---
# title: Patients, scans and labels
# data: phantom or a BraTS folder
# minutes: 60
# ---

# %% [markdown]
# # What is in a patient's scan, and what can go wrong before a network sees it?
#
# A network trains on arrays. Between the patient and the array stand a scanner, a hospital's export, a
# radiologist's outline and a file format, and each of them has surprised somebody. This lesson opens one patient, then a
# whole cohort, and shows the surprises while they are still harmless.
#
# When you are done you can
#
# - say what the four MRI sequences show and why a radiologist orders all four,
# - turn a segmentation file of any BraTS year into the three regions that are scored,
# - find out how an array lies in the head, and bring it into one fixed orientation,
# - split a cohort so that no patient stands on both sides.

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

cohort, [case] = open_patients()

# %% [markdown]
# With `FEDLAB_DATA` unset these are **phantom** patients: computed, not scanned. Their anatomy comes from an average of
# 152 real brains, deformed at random; the tumour is grown; the pictures follow from the equations of MRI. They are
# written to disk just as BraTS writes its patients and read by the same loader, so everything below works unchanged
# on a real folder ([how to get one](../data/README.md)).
#
# ## The disease, in one paragraph
#
# A *glioma* is a tumour that arises from the brain's supporting cells. The aggressive form, *glioblastoma*, outgrows its
# own blood supply: its middle dies (**necrosis**), its living edge has leaky new vessels (**enhancing tumour**), and the
# tissue around it swells with water and is infiltrated by tumour cells (**oedema**). Low-grade gliomas grow slower, often
# without leaky vessels. Surgeons and radiotherapists need the outlines and the volumes; drawing them by hand takes an
# expert a long time per patient, and two experts do not draw the same line. That is why networks are asked to do it, and
# why "the truth" below is an expert's opinion, not a measurement (Menze et al., 2015).
#
# ## One case on disk

# %%
files = case.files
print(
    f"case {files.case_id}: patient {files.patient_id}, layout {files.layout}, labels {files.scheme}"
)
for path in sorted(files.paths):
    print(f"  {path.name:42} {path.stat().st_size / 1e6:6.2f} MB")

# %% [markdown]
# The label *scheme* says what the numbers in the segmentation mean, which differs between publishers (more below).
# Five files: four MRI *sequences* of the same head, and one *segmentation*. The format is
# [NIfTI](https://nifti.nimh.nih.gov/): a 3-D array, and a header that says how the array lies in the patient. A cell of the array is a
# *voxel*, a little box of tissue. `cohort.load(files.case_id)` reads a case; here is what arrives.

# %%
print("image  ", case.image.shape, case.image.dtype, "(sequence, right, anterior, superior)")
print("labels ", case.labels.shape, case.labels.dtype, "values", np.unique(case.labels))
print("spacing", case.spacing, "mm")

# %% [markdown]
# The loader puts the four sequences in a fixed order, T1, T1ce, T2, FLAIR, whatever the files were called, and turns the axes so
# that the first runs to the patient's **r**ight, the second to **a**nterior (the nose), the third to **s**uperior (the
# crown): *RAS*. Why that needs doing you will see below.
#
# ## Four pictures of one head

# %%
from fedlab_utils.ui import sequence_panel

sequence_panel(case, title=case.files.case_id)

# %% [markdown]
# Textbooks show a glioblastoma as a ring, a bright rim around a dead middle. Many are not so neat: enhancing tissue may fill the core, with dead specks in it, or be missing. Your first patient is what the cohort gives, so compare before you expect a ring.
#
# All four are the same slice of the same patient; the outlines on the last are the expert's. MRI makes the protons of water and fat ring like little bells, and listens. How loud
# a voxel rings depends on three numbers of the tissue: how many protons there are, how long they take to get back to rest
# (the time **T1**), and how long they stay in step with each other (the time **T2**). The scanner's operator chooses how long to wait
# from one excitation to the next (*repetition time*, TR) and from excitation to listening (*echo time*, TE), and so decides which of the three numbers
# makes the contrast:
#
# | sequence | set to | water (CSF) is | the tumour shows as | what it is for |
# |---|---|---|---|---|
# | **T1** | short TR, short TE | dark | slightly dark, easily missed | anatomy; what was bright before contrast agent |
# | **T1ce** | T1 after gadolinium | dark | a bright rim where vessels leak | the enhancing tumour, and the dead core inside it |
# | **T2** | long TR, long TE | bright | bright | all that holds water: oedema, and the ventricles too |
# | **FLAIR** | T2 with the signal of free water cancelled | dark | bright against dark ventricles | oedema, close to the ventricles as well |
#
# T1ce is T1, contrast-enhanced. *Gadolinium* is a contrast agent that healthy vessels of the brain hold back. Where the vessel wall leaks, it shortens the T1 of the
# tissue, and the voxel lights up: what is bright in T1ce and was not in T1 has taken up contrast agent. That is the leaky part of a tumour, and also the vessels themselves and the
# few places that never had such a wall (the *dura*, the tough skin under the skull, and the *choroid plexus*, the tuft in the ventricles that makes their fluid). Subtracting the two pictures shows it well only if both were taken with one sequence, and many hospitals take T1ce with another (Nishimura, 1996, derives all of this). *CSF* is the cerebrospinal fluid, the water in
# and around the brain; the *ventricles* are the chambers inside that it fills.
#
# The phantom computes its pictures from just these equations. A *spin echo* is the plainest measurement: tip the protons over, turn them round once so that those that
# fell behind catch up, and listen to the echo when they meet, after TE. An *inversion* before it turns all of them upside down first. On their way back up they pass through zero, water later than
# tissue; whoever excites just when water passes, after the *inversion time* TI, hears nothing of it. That is FLAIR, fluid-attenuated inversion recovery. (TI = 0 means no inversion.)
#
# Move TR and TE and see which tissues part and which merge. The starting point is a T1 setting; try to turn it into a T2 picture, and then move TI until the water goes dark.

# %%
from fedlab_utils.data.phantom import make_anatomy
from fedlab_utils.ui import ContrastExplorer

anatomy = make_anatomy(index=3, seed=7, spacing=1.5)
through_tumour = (anatomy.labels > 0).sum(axis=(0, 1)).argmax()
inside = anatomy.fractions[..., through_tumour] * anatomy.mask[..., through_tumour]
ContrastExplorer(inside, field_strength_t=1.5)

# %% [markdown]
# ## Labels, and the regions that are scored
#
# The segmentation file holds one number per voxel. Which number means what depends on the year and the publisher:
#
# | | necrosis, non-enhancing core | oedema | enhancing tumour |
# |---|---|---|---|
# | BraTS 2017-2021 | 1 | 2 | **4** |
# | BraTS 2023 | 1 | 2 | **3** |
# | BraTS 2024, after treatment | 1 | 2 | **3**, and **4** is the cavity that surgery left |
# | Medical Segmentation Decathlon | **2** | **1** | 3 |
#
# (Baid et al., 2021; de Verdier et al., 2024; Antonelli et al., 2022.) Mixing up 2021 and 2023 loses every enhancing voxel without any error message; 2021 and 2024 takes a hole for enhancing tumour; mixing in the Decathlon swaps core and oedema.
# FedLab therefore takes the meaning from the layout, never from the values, and uses one numbering inside, the *canonical* labels: necrosis 1, oedema 2, enhancing 3.
#
# Networks are scored on three *regions*, not on the labels: **ET**, the enhancing tumour; **TC**, the tumour core, what a
# surgeon wants to remove: enhancing plus label 1, which is dead tissue in a glioblastoma and solid tumour that does not enhance in most low-grade gliomas; and **WT**, the whole tumour: core plus oedema. They are nested, ET inside TC inside WT,
# so a voxel may belong to three classes at once. A network for regions has three yes-or-no outputs instead of one choice among four.
#
# In all pictures of the course a region has the colour of the label that it adds: vermilion is ET, which is the enhancing label itself; yellow is the necrosis that TC adds to ET; sky blue is
# the oedema that WT adds to TC. As outlines the two differ: the yellow line around TC has ET inside as well.

# %%
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA


# %% exercise="regions"
def my_regions(labels):
    """Turn canonical labels into the three nested regions.

    labels: integer array of any shape with values 0, NECROSIS, OEDEMA, ENHANCING.
    Return a boolean array of shape (3, *labels.shape) in the order ET, TC, WT.
    """
    # BEGIN SOLUTION: three masks, stacked along a new first axis
    enhancing = labels == ENHANCING
    core = enhancing | (labels == NECROSIS)
    whole = core | (labels == OEDEMA)
    return np.stack([enhancing, core, whole])
    # END SOLUTION


# %% [markdown] hint="regions"
# `labels == ENHANCING` is a boolean array: that is ET already. Each larger region is the smaller one *or* one more label.

# %% [markdown] hint="regions"
# `|` is "or" for boolean arrays; mind the brackets: `et | (labels == NECROSIS)`. `np.stack([a, b, c])` makes the new first axis.


# %% wrong="regions" diagnosis="one label each"
def my_regions(labels):
    return np.stack([labels == ENHANCING, labels == NECROSIS, labels == OEDEMA])


# %% wrong="regions" diagnosis="necrosis alone"
def my_regions(labels):
    enhancing = labels == ENHANCING
    return np.stack([enhancing, labels == NECROSIS, labels > 0])


# %% wrong="regions" diagnosis="order"
def my_regions(labels):
    enhancing = labels == ENHANCING
    core = enhancing | (labels == NECROSIS)
    return np.stack([labels > 0, core, enhancing])


# %% wrong="regions" diagnosis="boolean array"
def my_regions(labels):
    enhancing = labels == ENHANCING
    core = enhancing | (labels == NECROSIS)
    return 7.0 * np.stack([enhancing, core, labels > 0])


# %% wrong="regions" diagnosis="oedema"
def my_regions(labels):
    enhancing = labels == ENHANCING
    core = enhancing | (labels == OEDEMA)
    return np.stack([enhancing, core, labels > 0])


# %% [markdown]
# ## Look at it
#
# Slide through the head. The picture follows the radiologists' convention: you look at the patient from the feet, so the patient's
# right is on **your left**. The letters in the picture say so, because mistakes here have cost patients the wrong side of
# surgery. Three questions to answer with the viewer (answers below it):
#
# 1. In which sequence is the enhancing tumour brightest, and is it bright *without* contrast agent too?
# 2. Does the oedema spread through white matter, or through cortex and ventricles as well?
# 3. Find something bright in T2 that is not tumour. Is it bright in FLAIR?

# %%
from fedlab_utils.ui import TriPlanar

TriPlanar(case, title=case.files.case_id)

# %% [markdown]
# <details><summary>Answers</summary>
#
# 1. In T1ce, where a patient has enhancing tumour at all. In T1, without contrast agent, the same place is no brighter than its surroundings (a bleeding would be).
# 2. Through white matter, in fingers between the folds of the cortex, and not into the ventricles: water spreads along the loose white matter; the ventricle is fluid already.
# 3. The ventricles and the fluid around the brain. FLAIR leaves them dark, and keeps bright what holds water bound in tissue: oedema, and in older patients small spots in the white matter.
#
# </details>
#
# The same patient in a viewer that renders the volume on your graphics card ([NiiVue](https://niivue.com)): four sequences with one
# cross-hair. Click into one and the others follow. If your browser has no WebGL, you see a still picture.

# %%
from fedlab_utils.ui import LinkedViewer

LinkedViewer(case, title=case.files.case_id)

# %% [markdown]
# ## Four traps of real files
#
# ### Trap 1: labels that are no integers
#
# Somebody resampled or rescaled a segmentation, and now it holds 1.9922 where 2 was meant. `raw.astype(int)` cuts off the
# fraction: 1.9922 becomes **1**, and oedema turns into necrosis. Rounding repairs this file. But rounding also turns 1.5, a sign that
# somebody *interpolated* the labels, into a valid label. So: round, then check that hardly anything moved and that each value is one of the scheme's.

# %% tags=["check-output"]
damaged = np.array([0.9961, 1.5, 1.9922, 3.9844])
print("in the file", damaged)
print("cut off    ", damaged.astype(int))
print("rounded    ", np.rint(damaged).astype(int))


# %% exercise="clean_labels"
def my_clean_labels(raw, allowed):
    """Return labels as uint8, or raise ValueError.

    raw: float array. allowed: the label values of the scheme, for example (0, 1, 2, 4).
    A value more than 0.05 away from an integer, or not in allowed once rounded, is an error.
    """
    # BEGIN SOLUTION: round, compare with what was there, compare with what is allowed
    rounded = np.rint(raw)
    if np.abs(raw - rounded).max() > 0.05 or not np.isin(rounded, allowed).all():
        raise ValueError("these are no labels of this scheme")
    return rounded.astype(np.uint8)
    # END SOLUTION


# %% [markdown] hint="clean_labels"
# `np.rint` rounds to the nearest integer and keeps the array floating, so you can still subtract.

# %% [markdown] hint="clean_labels"
# Two conditions make it an error: `np.abs(raw - rounded).max() > 0.05`, or `np.isin(rounded, allowed)` is not true everywhere. Only after both is `astype(np.uint8)` safe.


# %% wrong="clean_labels" diagnosis="cuts off"
def my_clean_labels(raw, allowed):
    labels = raw.astype(np.uint8)
    if not np.isin(labels, allowed).all():
        raise ValueError("unknown label")
    return labels


# %% wrong="clean_labels" diagnosis="cut off the fraction"
def my_clean_labels(raw, allowed):
    return raw.astype(np.uint8)


# %% wrong="clean_labels" diagnosis="interpolated"
def my_clean_labels(raw, allowed):
    labels = np.rint(raw).astype(np.uint8)
    if not np.isin(labels, allowed).all():
        raise ValueError("unknown label")
    return labels


# %% wrong="clean_labels" diagnosis="too far from an integer"
def my_clean_labels(raw, allowed):
    rounded = np.rint(raw)
    if np.abs(raw - rounded).max() > 0.06 or not np.isin(rounded, allowed).all():
        raise ValueError("these are no labels of this scheme")
    return rounded.astype(np.uint8)


# %% wrong="clean_labels" diagnosis="not in the scheme"
def my_clean_labels(raw, allowed):
    rounded = np.rint(raw)
    if np.abs(raw - rounded).max() > 0.05:
        raise ValueError("not integers")
    return rounded.astype(np.uint8)


# %% [markdown]
# The package's version decodes the scheme in the same step and says in its error which case, which value and what to do:

# %%
from fedlab_utils.data import decode_labels

show_source(decode_labels)

# %% [markdown]
# ### Trap 2: the array is not the head
#
# Nothing in a 240 x 240 x 155 array says where the nose is. The header does, with an *affine*: a 4 x 4 matrix that turns a voxel's
# indices into millimetres in the patient, to the right, to the front and up. BraTS files run to the left and to the
# back (*LPS*). Feed RAS and LPS patients to one network and half of the heads are turned by 180 degrees, nose to the back and left to right.
# Files that run to the left, the front and up (*LAS*) are worse: one flip makes a mirror image, which looks like a head and is none. Predict on the one, write with the header of the other, and the
# tumour is on the wrong side.
#
# The column `affine[:3, j]` says which way, in millimetres, a step along array axis `j` moves. When the axes are parallel to the
# patient's, each column has one number that is not zero. Its row tells the patient's axis, its sign the direction.

# %%
import nibabel

print(case.grid.affine)
print("axes of the file run to", "".join(nibabel.aff2axcodes(case.grid.affine)))


# %% exercise="to_ras"
def my_to_ras(volume, affine):
    """Reorder and flip a 3-D array so that its axes run to right, anterior, superior.

    volume: array (I, J, K). affine: (4, 4), voxel indices to RAS millimetres, with axes parallel to the patient's.
    """
    # BEGIN SOLUTION: find the patient's axis of each array axis, transpose, flip what runs backwards
    patient_axis = np.abs(affine[:3, :3]).argmax(axis=0)
    order = np.argsort(patient_axis)
    backwards = [axis for axis in range(3) if affine[axis, order[axis]] < 0]
    return np.flip(volume.transpose(order), backwards)
    # END SOLUTION


# %% [markdown] hint="to_ras"
# Two questions, one after the other: along which of the patient's axes does each array axis run, and in which direction? The first is answered by `transpose`, the second by `np.flip`. Look at
# `affine[:3, :3]`: in each column, which row holds the number that is not 0?

# %% [markdown] hint="to_ras"
# `np.abs(affine[:3, :3]).argmax(axis=0)` gives, for each array axis, the patient's axis that it runs along. `transpose` asks the other way round: for each patient axis, which array axis is it? That is
# the inverse permutation, and `np.argsort` of a permutation is its inverse.

# %% [markdown] hint="to_ras"
# After `volume.transpose(order)`, new axis `a` is the old axis `order[a]`. It runs backwards if `affine[a, order[a]]` is negative; `np.flip(array, list_of_axes)` turns those round.


# %% wrong="to_ras" diagnosis="order of the axes"
def my_to_ras(volume, affine):
    return np.flip(volume, [axis for axis in range(3) if affine[axis, axis] < 0])


# %% wrong="to_ras" diagnosis="direction"
def my_to_ras(volume, affine):
    return volume.transpose(np.argsort(np.abs(affine[:3, :3]).argmax(axis=0)))


# %% wrong="to_ras" diagnosis="inverse permutation"
def my_to_ras(volume, affine):
    order = np.abs(affine[:3, :3]).argmax(axis=0)
    backwards = [axis for axis in range(3) if affine[order[axis], axis] < 0]
    return np.flip(volume, backwards).transpose(order)


# %% wrong="to_ras" diagnosis="where the first voxel lies"
def my_to_ras(volume, affine):
    order = np.argsort(np.abs(affine[:3, :3]).argmax(axis=0))
    backwards = [axis for axis in range(3) if affine[axis, 3] > 0]
    return np.flip(volume.transpose(order), backwards)


# %% [markdown] equivalent="to_ras"
# - `backwards = [axis for axis in range(3) if affine[axis, order[axis]] < 0]` -> `backwards = [axis for axis in range(3) if affine[axis, order[axis]] <= 0]`: the entry is the voxel's edge, which is never 0.
# - `patient_axis = np.abs(affine[:3, :3]).argmax(axis=0)` -> `patient_axis = np.abs(affine[:4, :3]).argmax(axis=0)`: the fourth row of an affine is 0, 0, 0, 1, so it never holds a column's largest number.

# %% [markdown]
# The package leaves this to [nibabel](https://nipy.org/nibabel/), which also handles oblique axes, and remembers the way back: predictions are returned in
# the file's own grid.
#
# ### Trap 3: one patient, two visits
#
# Some patients were scanned twice: BraTS 2023 calls the visits `-000` and `-001`, UPENN-GBM `_11` and `_21`. The two scans show the
# same head. If one is trained on and the other tested on, the network is tested on a patient it knows, and the score is
# too good. A split must therefore deal out *patients*. FedLab counts patients everywhere: in splits, in the weight of a hospital, in
# confidence intervals, in the privacy guarantee.


# %% exercise="split_by_patient"
def my_split_by_patient(patients, test_fraction, rng):
    """Choose the test scans so that a patient's scans stay together.

    patients: 1-D array, the patient of each scan. rng: numpy Generator.
    Return a boolean array, True for test scans. round(test_fraction * number of patients)
    patients, drawn at random, are in the test set.
    """
    # BEGIN SOLUTION: draw patients, then mark all of their scans
    everyone = np.unique(patients)
    count = round(test_fraction * len(everyone))
    chosen = rng.choice(everyone, size=count, replace=False)
    return np.isin(patients, chosen)
    # END SOLUTION


# %% [markdown] hint="split_by_patient"
# Forget the scans at first: `np.unique(patients)` lists everyone once. Draw from that list.

# %% [markdown] hint="split_by_patient"
# `rng.choice(everyone, size=count, replace=False)` draws without putting back; `np.isin(patients, chosen)` then marks every scan of the drawn patients.


# %% wrong="split_by_patient" diagnosis="on both sides"
def my_split_by_patient(patients, test_fraction, rng):
    return rng.permutation(len(patients)) < round(test_fraction * len(patients))


# %% wrong="split_by_patient" diagnosis="is that the training set"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = round(test_fraction * len(everyone))
    return ~np.isin(patients, rng.choice(everyone, size=count, replace=False))


# %% wrong="split_by_patient" diagnosis="at random"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    return np.isin(patients, everyone[: round(test_fraction * len(everyone))])


# %% wrong="split_by_patient" diagnosis="putting back"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    return np.isin(patients, rng.choice(everyone, size=round(test_fraction * len(everyone))))


# %% wrong="split_by_patient" diagnosis="neighbours in a row"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    turned = np.roll(everyone, rng.integers(len(everyone)))
    return np.isin(patients, turned[: round(test_fraction * len(everyone))])


# %% wrong="split_by_patient" diagnosis="each should be as likely"
def my_split_by_patient(patients, test_fraction, rng):
    everyone, scans = np.unique(patients, return_counts=True)
    count = round(test_fraction * len(everyone))
    return np.isin(patients, rng.choice(everyone[scans == 1], size=count, replace=False))


# %% wrong="split_by_patient" diagnosis="each should be as likely"
def my_split_by_patient(patients, test_fraction, rng):
    shuffled = dict.fromkeys(rng.permutation(patients))  # who has more scans comes up sooner
    count = round(test_fraction * len(shuffled))
    return np.isin(patients, list(shuffled)[:count])


# %% wrong="split_by_patient" diagnosis="not always up"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = int(np.ceil(test_fraction * len(everyone)))
    return np.isin(patients, rng.choice(everyone, size=count, replace=False))


# %% wrong="split_by_patient" diagnosis="not always down"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = int(test_fraction * len(everyone))
    return np.isin(patients, rng.choice(everyone, size=count, replace=False))


# %% wrong="split_by_patient" diagnosis="boolean array"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = round(test_fraction * len(everyone))
    return np.isin(patients, rng.choice(everyone, size=count, replace=False)).astype(int)


# %% wrong="split_by_patient" diagnosis="use only `rng`"
def my_split_by_patient(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = round(test_fraction * len(everyone))
    return np.isin(patients, np.random.choice(everyone, size=count, replace=False))


# %% [markdown]
# ### Trap 4: files that are simply broken
#
# Downloads break off, disks fill up, a script writes NaN. A cohort of a thousand cases nearly always has a few. Here we make three
# small phantoms, damage two of them, and let the validator look. One faulty case must not hide the others, and the message should say what to do.

# %%
import tempfile
from pathlib import Path

from fedlab_utils.data import validate_folder
from fedlab_utils.data.phantom import write_cohort

with tempfile.TemporaryDirectory() as place:
    folder = write_cohort(Path(place) / "damaged", cases=3, seed=1, spacing=4.0, workers=1)
    truncated = sorted(folder.rglob("*_t1.nii.gz"))[0]
    truncated.write_bytes(truncated.read_bytes()[:5_000])
    sorted(folder.rglob("*_flair.nii.gz"))[2].unlink()
    for report in validate_folder(folder, workers=1):
        print(f"{report.case}\n    {'; '.join(report.problems) or 'ok'}\n")

# %% [markdown]
# In a terminal, `fedlab validate FOLDER` does the same for hundreds of cases in parallel.
#
# ## The cohort
#
# The images do not come alone. Age, grade, survival and how much the surgeon could remove stand in tables beside them, each
# publisher's in its own form; the loader joins them by case id. *Grade* tells slow gliomas (LGG, low-grade) from fast ones (HGG, high-grade); *resection* is
# GTR (gross total: everything visible is out) or STR (subtotal).

# %%
table = cohort.with_volumes()
columns = [
    "patient_id",
    "institution",
    "grade",
    "age",
    "survival_days",
    "resection",
    "volume_et_ml",
    "volume_tc_ml",
    "volume_wt_ml",
]
table[columns].head(8).round(1)

# %%
from fedlab_utils.ui import CohortExplorer

CohortExplorer(table)

# %% [markdown]
# Look at two axes at a time. Whatever differs between institutions here will later differ between *hospitals of a federation*. In the phantom cohort they
# differ by design in two things: how many patients they have and which scanners they use; the rest is chance, as small groups always differ. Real hospitals also differ in whom they see:
# one is sent the young patients with slow tumours, another the emergencies. Data whose distribution differs between hospitals are called
# *non-IID* (not independent and identically distributed), and much of this course is about what that does to training.

# %% tags=["check-output"]
summary = (
    table.groupby("grade", dropna=False)[["age", "volume_et_ml", "volume_wt_ml"]].median().round(1)
)
summary.insert(0, "patients", table.groupby("grade", dropna=False)["patient_id"].nunique())
print(summary.to_string())

# %% [markdown]
# In the phantom cohort the low-grade patients are younger and hardly enhance, as in life; the numbers above show it while `FEDLAB_DATA` is unset. (They are younger mostly because slow gliomas carry
# an *IDH* mutation, a change in the gene of the enzyme isocitrate dehydrogenase, and such tumours strike at a younger age: Yan et al., 2009.) Their tumours are not smaller. A network that has learnt "a tumour has a bright rim" may miss them.

# %%
if table["patient_id"].nunique() < 10:
    print(
        f"Patients in this folder: {table['patient_id'].nunique()}. That is enough to look at, too few for the plots above to mean much. "
        "Later lessons that need a cohort say so; unset FEDLAB_DATA to follow them on the phantom."
    )

# %% [markdown]
# ## What you have learnt
#
# - A case is four pictures of one head, each with another contrast, and one expert's outline of it.
# - Bright in T1ce and not in T1: contrast agent has leaked. FLAIR is T2 without the free water.
# - Label numbers change between years and publishers. Regions are nested: ET in TC in WT.
# - An array has no left and right; the affine has. Patients, not scans, are dealt out to training and test.
#
# Next: [02, preprocessing and augmentation](02_preprocess_and_augment.ipynb) turns these scans into what a network can eat.

# %% [markdown] quiz="flair"
# The oedema touches a ventricle. In which sequence do you see best where the one ends and the other begins?
#
# - [ ] T2, where both are bright
#   > In T2 free water and oedema are both bright, so the border between them is just what T2 cannot show.
# - [x] FLAIR
#   > FLAIR is timed so that free water gives no signal: the ventricle is dark, the oedema bright.
# - [ ] T1ce, because the contrast agent marks the tumour
#   > Contrast agent marks leaking vessels. Oedema does not light up, and in T1ce it is as inconspicuous as in T1.

# %% [markdown] quiz="label-four"
# You train on BraTS 2021 and evaluate on BraTS 2023, reading both files with `labels == 4` for the enhancing tumour. What happens?
#
# - [ ] An error, since the files differ
#   > Both are valid NIfTI files with small integers. Nothing complains.
# - [x] Every BraTS 2023 patient seems to have no enhancing tumour
#   > 2023 marks it 3. Each predicted enhancing voxel counts as false, and the score of ET collapses for a reason that has nothing to do with the network.
# - [ ] Core and oedema are exchanged
#   > That is what happens with the Decathlon's numbering, in which 1 is oedema and 2 the core.

# %% [markdown] quiz="split-unit"
# A cohort has 100 patients; 30 of them were scanned twice. Why not deal out the 130 scans at random?
#
# - [ ] The training set would be too small
#   > It would be as large as before. What changes is who is in the test set.
# - [x] The network would be tested on heads it has trained on
#   > Some patients would have one scan on each side. The score then measures memory as well as skill, and is too high.
# - [ ] Random splits cannot be repeated
#   > With a seed they can.

# %% [markdown]
# ## Your progress

# %%
progress_board()

# %% [markdown]
# ## References
#
# - Menze et al., "The Multimodal Brain Tumor Image Segmentation Benchmark (BRATS)", IEEE TMI 34(10), 2015, doi:10.1109/TMI.2014.2377694.
# - Baid et al., "The RSNA-ASNR-MICCAI BraTS 2021 Benchmark", arXiv:2107.02314, 2021.
# - de Verdier et al., "The 2024 Brain Tumor Segmentation (BraTS) Challenge: Glioma Segmentation on Post-treatment MRI", arXiv:2405.18368, 2024.
# - Antonelli et al., "The Medical Segmentation Decathlon", Nature Communications 13, 2022, doi:10.1038/s41467-022-30695-9.
# - Yan et al., "IDH1 and IDH2 Mutations in Gliomas", New England Journal of Medicine 360, 2009, doi:10.1056/NEJMoa0808710.
# - Nishimura, "Principles of Magnetic Resonance Imaging", 1996: the signal equations in one small book.
