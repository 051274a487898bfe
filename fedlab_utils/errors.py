"""The errors FedLab raises: each names the case, the cause with the value seen, and the way out."""

from __future__ import annotations


def how_many(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 case``, ``2 cases``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


class FedLabError(Exception):
    """Base of all FedLab errors.

    Parameters
    ----------
    case
        What it concerns: a case id, a file, a folder, a setting.
    cause
        What is wrong, with the value that was seen. No full stop at the end.
    remedy
        What the reader can do about it. No full stop at the end.
    """

    def __init__(self, case: object, cause: str, remedy: str) -> None:
        self.case, self.cause, self.remedy = str(case), cause, remedy
        super().__init__(f"{self.case}: {cause}. {remedy}.")

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Survive the way back from a worker process with all three parts."""
        return type(self), (self.case, self.cause, self.remedy)


class DataError(FedLabError):
    """Patients' files that cannot be used as they are."""


class LayoutError(DataError):
    """A folder that is not one known data set: none, several mixed, or an archive."""


class MissingFileError(DataError):
    """A sequence, table or folder that should be there and is not."""


class UnreadableFileError(DataError):
    """A file that is empty, truncated, forbidden, or not what its name says."""


class GeometryError(DataError):
    """Shapes or affines that do not belong to one patient in one space."""


class IntensityError(DataError):
    """Voxel values that cannot be used: NaN, infinity, one value everywhere, or no brain."""


class LabelError(DataError):
    """Segmentation values that do not fit the label scheme."""


class DuplicateCaseError(DataError):
    """Two cases that claim the same identity."""


class ClinicalTableError(DataError):
    """A clinical table that cannot be read or joined."""


class CacheError(DataError):
    """A cache of preprocessed patients that could not be written or read."""


class DownloadError(DataError):
    """A download that broke off, or brought something else than was asked for."""


class ModelError(FedLabError):
    """A network's settings or weights that do not fit."""


class ForeignLabelsError(FedLabError):
    """Predictions whose label values do not fit the scheme that they are said to follow."""


class TrainingError(FedLabError):
    """Training that cannot go on."""


class FederationError(FedLabError):
    """A federation that cannot start or go on."""


class RobustnessError(FederationError):
    """A robust rule that cannot withstand so many hostile hospitals among so many answers."""


class StudyError(FedLabError):
    """A recorded study that there is not, or whose record cannot be read."""


class CourseError(FedLabError):
    """A lesson, exercise or notebook that is not built as it should be."""


class PrivacyError(FedLabError):
    """A promise of privacy that cannot be kept as it was asked for."""


class PrivacyBudgetError(PrivacyError):
    """A step that would spend more than a hospital's budget."""


class CombinationError(FederationError, PrivacyError):
    """Methods that do not go together; often one promises what the other cannot keep."""
