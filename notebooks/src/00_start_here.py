# ---
# title: Start here
# data: phantom or a BraTS folder
# minutes: 25
# ---

# %% [markdown]
# # Is this machine ready, and how does a lesson work?

# %%
from fedlab_utils.course import progress_board


# %% exercise="millilitres"
def my_millilitres(voxels, spacing):
    """Return the volume in millilitres.

    Parameters
    ----------
    voxels : int
        How many voxels the tumour has.
    spacing : tuple of three floats
        Edges of one voxel in millimetres.
    """
    # BEGIN SOLUTION: the volume of all voxels; one millilitre is 1000 cubic millimetres
    x, y, z = spacing
    return voxels * x * y * z / 1000
    # END SOLUTION


# %% [markdown] hint="millilitres"
# One voxel is a box: its volume is the product of its edges.

# %% [markdown] hint="millilitres"
# Multiply the edges with the number of voxels, then turn cubic millimetres into millilitres: divide by 1000.

# %% wrong="millilitres" diagnosis="cubic millimetres"
def my_millilitres(voxels, spacing):
    x, y, z = spacing
    return voxels * x * y * z


# %% wrong="millilitres" diagnosis="only the first edge"
def my_millilitres(voxels, spacing):
    return voxels * spacing[0] ** 3 / 1000


# %% [markdown] quiz="phantom"
# Question `x`?
#
# - [ ] First choice
#   > No, because.
# - [x] Second
#   > Yes.

# %%
progress_board()
