"""A small lesson that the tests of the course machinery share."""

from __future__ import annotations

from fedlab_utils.course.checks import judge
from fedlab_utils.course.source import Lesson, parse_lesson

TOY = '''# ---
# title: A toy
# data: none
# minutes: 5
# ---

# %% [markdown]
# # How does one scale a list?
#
# Some text.

# %%
import math
# %matplotlib inline
factor = math.pi

# %% tags=["setup"]
FACTOR = 3

# %% tags=["check-output"]
print(FACTOR)

# %% exercise="scale"
def my_scale(values):
    """Return the values times FACTOR."""
    # BEGIN SOLUTION: multiply each value
    scaled = [FACTOR * value for value in values]
    return scaled
    # END SOLUTION


# %% [markdown] hint="scale"
# A list comprehension.

# %% wrong="scale" diagnosis="you add"
def my_scale(values):
    return [FACTOR + value for value in values]


# %% [markdown] hint="scale"
# `[FACTOR * v for v in values]`

# %% tags=["author-only"]
assert my_scale([1]) == [3]

# %% [markdown] equivalent="scale"
# - `a = 1` -> `a = 2`: nobody reads
#   it
# - `if x:` -> `pass`: it is `True`

# %% [markdown] quiz="why"
# Why `pi`?
#
# - [x] Because
#   > Yes,
#   > so it is.
# - [ ] Why not,
#   that is
#   > No.

# %%
print(FACTOR)
'''


def toy_lesson() -> Lesson:
    """Parse the toy lesson anew."""
    return parse_lesson(TOY, "90_toy")


def check_scale(answer) -> str:
    """The check of the toy exercise."""
    judge(answer([1.0, 5.0]), [3.0, 15.0], {"you add": [4.0, 8.0]}, case="[1, 5]")
    return "Well scaled."
