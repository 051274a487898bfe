"""What holds the lessons together: exercises, quizzes, progress, preflight, and the build."""

from fedlab_utils._lazy import lazy_exports

_EXPORTS = {
    "check": "exercises",
    "hint": "exercises",
    "solution": "exercises",
    "quiz": "quizzes",
    "progress_board": "board",
    "show_source": "listing",
    "preflight": "machine",
    "open_patients": "patients",
}

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
