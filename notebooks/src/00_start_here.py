# ---
# title: Start here
# data: phantom or a BraTS folder
# minutes: 25
# ---

# %% [markdown]
# # Is this machine ready, and how does a lesson work?
#
# Hospitals want to train one network that finds brain tumours in MRI scans, and none of them may give its patients away. This
# course builds the answer step by step. You need Python, NumPy and a rough idea of what a neural network is; medicine and
# federation are explained where they come up.
#
# This first notebook looks at your machine, shows how exercises work, and lets you choose the patients. When you are done you can
#
# - turn voxels into millilitres, the unit in which a tumour is reported,
# - score a segmentation with the Dice overlap,
# - compute a mean over hospitals without seeing a single patient.

# %%
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from fedlab_utils.course import (
    check,
    hint,
    open_patients,
    preflight,
    progress_board,
    quiz,
    solution,
)
from fedlab_utils.data import to_regions
from fedlab_utils.ui import figure

# %% [markdown]
# ## Is the machine ready?
#
# Run a cell with **Shift+Enter**. The next one looks at this machine. Each line has a verdict: *ok*; *look*, which works but with
# something to know; or *stop*, which needs mending first. The last column says how.

# %%
preflight()

# %% [markdown]
# ## Choose the patients
#
# Everything in this course runs on **phantoms**: patients that the course computes itself, so no one's privacy is at stake and nothing
# has to be downloaded. The same cells run on real scans from *BraTS*, the Brain Tumor Segmentation challenge, if you have them
# ([how to get them](../data/README.md)): set the variable `FEDLAB_DATA` to their folder before Jupyter starts, or take the `#` away
# from the first two lines below. You can change your mind at any time. A case that cannot be read is left out and named; a folder that does not
# serve at all is named too, and the phantoms take its place.

# %%
# import os
# os.environ["FEDLAB_DATA"] = "/path/to/your/BraTS/folder"

cohort, [case] = open_patients()
cohort.table[["patient_id", "institution", "grade", "age"]].head()

# %% [markdown]
# One row is one *case*: one scan session of one patient, with four MRI pictures and an expert's outline of the tumour. Lesson 01 opens
# one and looks inside. *Grade* says how aggressive the tumour is: HGG (high-grade glioma) grows fast, LGG (low-grade) slowly.
#
# ## How an exercise works
#
# An exercise is a function with a part left open, marked `...`. Replace the dots, run the cell, then run the cell below it, which hands
# your function to a **check**. The check calls it on several inputs and says how it went. It cannot break anything: an
# error ends in a message, and so does an endless loop after ten seconds (on Windows, which cannot interrupt a function by itself, you stop
# the loop: *Kernel*, *Interrupt Kernel*).
#
# If you are stuck, add an empty cell (press **B** beside a cell, or the **+** in the bar above) and type into it
#
# - `hint("millilitres")` for a hint; once more for the next, which says more;
# - `solution("millilitres")` for an answer. The progress board will say that you have seen it, and that is all.
#
# The check of a wrong answer names the likely mistake. Here is the one for a function that forgets something:


# %%
def forgetful(voxels, spacing):
    return voxels / 1000


check.millilitres(forgetful, record=False)

# %% [markdown]
# (`record=False` keeps this try out of your progress; you need not write it.)
#
# ### Exercise: from voxels to millilitres
#
# A scan is a 3-D array. One cell of it is a *voxel*, a small box of tissue, and the *spacing* gives the lengths of its three
# edges in millimetres. They may differ: many scans have thick slices. A network counts voxels; a doctor asks for the volume in millilitres,
# because that can be compared with last month's scan from another scanner. One millilitre is a cube with edges of one centimetre.


# %% exercise="millilitres"
def my_millilitres(voxels, spacing):
    """Return the volume in millilitres.

    voxels: how many voxels the tumour has.
    spacing: the three edges of one voxel in millimetres.
    """
    # BEGIN SOLUTION: the volume of one voxel, times their number, in the right unit
    x, y, z = spacing
    return voxels * x * y * z / 1000
    # END SOLUTION


# %% [markdown] hint="millilitres"
# A voxel is a box: its volume is the product of its three edges, in cubic millimetres.

# %% [markdown] hint="millilitres"
# A cube with edges of 10 mm holds 10 x 10 x 10 cubic millimetres, and that is one millilitre. So divide by 1000.


# %% wrong="millilitres" diagnosis="cubic millimetres"
def my_millilitres(voxels, spacing):
    x, y, z = spacing
    return voxels * x * y * z


# %% wrong="millilitres" diagnosis="only the first edge"
def my_millilitres(voxels, spacing):
    return voxels * spacing[0] ** 3 / 1000


# %% wrong="millilitres" diagnosis="The size of a voxel does not enter"
def my_millilitres(voxels, spacing):
    return voxels / 1000


# %% [markdown]
# ## How good is an outline?
#
# A *segmentation* says for each voxel whether it belongs to the tumour: an array of true and false, a *mask*. Below are two masks of the same
# slice through a head: an expert's, and the same one moved by a few voxels, as if a network had been a little off. The grey picture is a *FLAIR*, the kind of MRI picture
# in which a tumour and the swelling around it are bright and plain water is dark. As radiologists do, it looks at the patient from the feet: the patient's right
# (R) is on your left.

# %%
whole_tumour = to_regions(case.labels)[2]
slice_ = whole_tumour.sum(axis=(0, 1)).argmax()
truth = whole_tumour[:, :, slice_]
prediction = np.roll(truth, (3, 2), axis=(0, 1))

sizes = f"expert {truth.sum()} voxels, prediction {prediction.sum()}, shared {(truth & prediction).sum()}"
fig, ax = plt.subplots(figsize=(4, 4.4))
ax.imshow(case.image[3, :, :, slice_].T, cmap="gray", origin="lower")
ax.contour(truth.T, levels=[0.5], colors="#56B4E9")
ax.contour(prediction.T, levels=[0.5], colors="#E69F00", linestyles="dashed")
ax.invert_xaxis()  # the array runs to the patient's right
for place, letter in ((0.03, "R"), (0.97, "L")):
    ax.text(place, 0.5, letter, color="white", ha="center", transform=ax.transAxes)
ax.set_title("expert (solid) and prediction (dashed)", fontsize=10)
ax.set_axis_off()
print(sizes)
figure(
    fig,
    "A slice through a head in FLAIR, the patient's right on the left, with two outlines of the tumour that overlap "
    f"in large part: {sizes}.",
)

# %% [markdown]
# ### Exercise: Dice
#
# The share of voxels on which two masks agree says little: most of a head is not tumour, so predicting *no tumour anywhere* agrees nearly
# everywhere. The **Dice overlap** (Dice, 1945) looks at the tumour only:
#
# $$\mathrm{Dice}(P, T) = \frac{2\,|P \cap T|}{|P| + |T|}$$
#
# with $|\cdot|$ the number of voxels. It is 1 for equal masks and 0 for masks that share nothing. When both masks are empty the formula
# gives 0/0; a patient without tumour who is predicted to have none is a success, so here that counts as 1.


# %% exercise="dice"
def my_dice(prediction, truth):
    """Return the Dice overlap of two boolean arrays of the same shape; 1.0 if both are empty."""
    # BEGIN SOLUTION: the two sizes, what they share, and the case of two empty masks
    size = prediction.sum() + truth.sum()
    if size == 0:
        return 1.0
    return 2 * (prediction & truth).sum() / size
    # END SOLUTION


# %% [markdown] hint="dice"
# The sum of a boolean array is the number of its true elements. `a & b` is true where both are.

# %% [markdown] hint="dice"
# Compute `prediction.sum() + truth.sum()` first. If it is 0, both masks are empty: return 1.0. Otherwise divide twice the shared voxels by it.


# %% wrong="dice" diagnosis="the union above"
def my_dice(prediction, truth):
    return 2 * (prediction + truth).sum() / (prediction.sum() + truth.sum())


# %% wrong="dice" diagnosis="Jaccard"
def my_dice(prediction, truth):
    union = (prediction | truth).sum()
    return (prediction & truth).sum() / union if union else 1.0


# %% wrong="dice" diagnosis="before you divide by zero"
def my_dice(prediction, truth):
    return 2 * (prediction & truth).sum() / (prediction.sum() + truth.sum())


# %% wrong="dice" diagnosis="background too"
def my_dice(prediction, truth):
    return (prediction == truth).mean()


# %% wrong="dice" diagnosis="Add 1e-8"
def my_dice(prediction, truth):
    return (2 * (prediction & truth).sum() + 1) / (prediction.sum() + truth.sum() + 1)


# %% wrong="dice" diagnosis="nothing is shared"
def my_dice(prediction, truth):
    if not prediction.any() or not truth.any():
        return 1.0
    return 2 * (prediction & truth).sum() / (prediction.sum() + truth.sum())


# %% [markdown]
# In the picture the outlines differ by 3 and 2 voxels only; when you have passed the check, try `my_dice(prediction, truth)` with larger shifts. The same shift
# costs a small tumour more than a large one, since more of it lies near its border: `truth[::2, ::2]` is the same tumour at half the size; shift it by 3 and 2 as well.

# %% tags=["author-only"]
assert 0.3 < my_dice(prediction, truth) < 0.99

# %% [markdown]
# ## Federation in five lines
#
# What is the mean age of all patients? Each hospital may tell its mean and its number of patients, and nothing more. That is a *federation*:
# the data stay, a summary travels, and a **server** combines the summaries.

# %%
known = cohort.table.dropna(subset=["age", "institution"])
patients = known.drop_duplicates("patient_id")
if patients["institution"].nunique() < 2:
    print(
        "This folder tells no ages, or of one institution only. Here are three invented hospitals in its place."
    )
    patients = pd.DataFrame(
        {"institution": list("AABBBBBBCC"), "age": [31, 38, 64, 59, 71, 66, 60, 69, 45, 52]}
    )

hospitals = patients.groupby("institution")["age"].agg(["mean", "count"])
print(hospitals.round(2).to_string())

# %% tags=["check-output"]
print(f"mean of the hospitals' means: {hospitals['mean'].mean():.2f} years")
print(f"mean over all patients:       {patients['age'].mean():.2f} years")

# %% [markdown]
# The two differ, because a patient of a small hospital counts for more in the first. Write the server: from the hospitals' means and numbers alone
# it should compute the second, exactly.


# %% exercise="pooled_mean"
def my_pooled_mean(means, patients):
    """Return the mean over all patients of all hospitals.

    means: array, the mean of each hospital. patients: array, the number of patients of each hospital.
    """
    # BEGIN SOLUTION: each mean weighted by its number of patients
    return (means * patients).sum() / patients.sum()
    # END SOLUTION


# %% [markdown] hint="pooled_mean"
# A hospital's mean times its number of patients is the sum over its patients. What do you do with the sums?

# %% [markdown] hint="pooled_mean"
# `means` and `patients` are arrays: `(means * patients).sum()` adds up all patients' ages. Divide by the number of all patients.


# %% wrong="pooled_mean" diagnosis="sum of the means"
def my_pooled_mean(means, patients):
    return (means * patients).sum() / means.sum()


# %% wrong="pooled_mean" diagnosis="You average the hospitals"
def my_pooled_mean(means, patients):
    return sum(means) / len(means)


# %% wrong="pooled_mean" diagnosis="divide it by their number"
def my_pooled_mean(means, patients):
    return sum(mean * count for mean, count in zip(means, patients, strict=True))


# %% wrong="pooled_mean" diagnosis="divide by the number of patients"
def my_pooled_mean(means, patients):
    return sum(mean * count for mean, count in zip(means, patients, strict=True)) / len(means)


# %% tags=["author-only"]
assert np.isclose(my_pooled_mean(hospitals["mean"], hospitals["count"]), patients["age"].mean())

# %% [markdown]
# Now put a network's weights in the place of the mean age. Each hospital trains for a while on its own patients and sends its weights; the server returns
# their mean; and so on, round after round. That is *federated averaging*, FedAvg (McMahan et al., 2017), and the
# server is the function you have just written. (The paper weights by training examples; this course counts patients, since ten slices of one patient are not ten opinions.) For ages the result is exact. For networks it is not, and what then happens when hospitals
# differ, when one of them lies, or when the server is curious, is the rest of this course.
#
# ## What you have learnt
#
# - A lesson is read and run from top to bottom; checks name mistakes, hints come in tiers, solutions on request.
# - Volumes are reported in millilitres; the spacing turns voxels into them.
# - Dice compares two masks and ignores the background. Say what two empty masks count.
# - Means and numbers of patients are enough for the exact mean over all hospitals; the weight of a hospital is its number of patients.
#
# Next: [01, patients, scans and labels](01_brats_data.ipynb) opens a patient.
#
# ## Quiz
#
# Choose and press *Answer*, with the mouse or with Tab and the space bar. Every choice is explained: try the wrong ones too.

# %% [markdown] quiz="voxels-at-2mm"
# A tumour has 8000 voxels of 1 x 1 x 1 mm. The scan is resampled to 2 x 2 x 2 mm. What becomes of the tumour?
#
# - [ ] 4000 voxels, 8 ml
#   > Twice the edge in *each* of three directions: a new voxel holds 2 x 2 x 2 = 8 old ones, not 2.
# - [x] 1000 voxels, 8 ml
#   > Eight old voxels make one new one, and a millilitre stays a millilitre. (At the border a few voxels are won or lost.)
# - [ ] 1000 voxels, 1 ml
#   > The number of voxels is right, but each of them now holds 8 cubic millimetres.

# %% [markdown] quiz="empty-prediction"
# A patient's tumour fills 1 % of the scan. A network predicts *no tumour* for every voxel. It is right on how many voxels, and what is its Dice?
#
# - [ ] 99 %, and Dice 0.99
#   > The first is right, and shows why the share of right voxels is useless here. Dice does not count the background.
# - [x] 99 %, and Dice 0
#   > The masks share no voxel, so the numerator is 0.
# - [ ] 99 %, and Dice 1, as for two empty masks
#   > Only the prediction is empty. Two empty masks would mean that the patient has no tumour.

# %% [markdown] quiz="lonely-patient"
# The hospitals send the mean age and the number of patients. What does the server learn about a single patient?
#
# - [ ] Nothing, since only summaries are sent
#   > Mostly so, but not always: think of a hospital with one patient.
# - [ ] Every age: it can solve for them
#   > From one mean and one number the ages of many patients cannot be computed; infinitely many lists share them.
# - [x] In general little, but a hospital with one patient sends that patient's age
#   > A summary is not private by itself. It also leaks when it is sent before and after one patient joins. How much weights leak, and how noise limits it, has lessons of its own.

# %% [markdown]
# ## Your progress
#
# The board counts what your checks and quizzes recorded; run the cell again whenever you like. It lives in one file on this machine; nothing is sent
# anywhere. `progress_board(forget=True)` starts again from nothing.

# %%
progress_board()

# %% [markdown]
# ## References
#
# - Dice, "Measures of the Amount of Ecologic Association Between Species", Ecology 26(3), 1945, doi:10.2307/1932409.
# - McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017, arXiv:1602.05629.
# - Menze et al., "The Multimodal Brain Tumor Image Segmentation Benchmark (BRATS)", IEEE TMI 34(10), 2015, doi:10.1109/TMI.2014.2377694.
