"""``python -m fedlab_utils`` is the command line, the same as ``fedlab``."""

from fedlab_utils.cli import app

app(prog_name="fedlab")
