"""Whether a lesson's cell should start Ray: it takes about a minute, and not every place has it."""

from __future__ import annotations

import importlib.util
import os
import sys

SWITCH = "FEDLAB_RAY"
BUILDING = "FEDLAB_BUILD"
"""Set in the kernels that the build and the measurements run."""


def reason_to_skip_ray() -> str | None:
    """Return why the cell that runs ``flwr run`` should be skipped here, or None to run it.

    ``FEDLAB_RAY=1`` runs it wherever Ray is installed, ``FEDLAB_RAY=0`` nowhere.
    """
    if importlib.util.find_spec("ray") is None:
        return 'Ray is not installed; pip install "flwr[simulation]" brings it'
    wish = os.environ.get(SWITCH, "")
    if wish:
        return None if wish == "1" else f"{SWITCH} is {wish}"
    switch = f"set {SWITCH}=1 to run it all the same"
    if "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ:
        return f"this is Colab, where Ray takes minutes to start; {switch}"
    if "BINDER_LAUNCH_HOST" in os.environ or "BINDER_SERVICE_HOST" in os.environ:
        return f"this is Binder, whose 2 GB are too little for Ray; {switch}"
    if any(name in os.environ for name in ("CI", BUILDING, "PYTEST_VERSION")):
        return f"the notebook is being built or tested; {switch}"
    return None
