"""The same network in 3-D at full resolution, for a CUDA GPU; see :mod:`.sim_to_real`."""

from __future__ import annotations

from fedlab_utils.studies.runner import Study
from fedlab_utils.studies.sim_to_real import SETTINGS_3D, measure

STUDY = Study(
    name="sim_to_real_3d",
    question="What does the third dimension add, at 1 mm, on a GPU?",
    cells=(SETTINGS_3D,),
    measure=measure,
    hours=1.0,
)
