"""From a case on disk to a segmentation file beside it, as its publisher would write one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from fedlab_utils.data.case import Case
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.segmentation.weights import TrainedModel


def segment_case(
    model: Path, case: Path, out: Path, layout: str | None = None, flip: bool = False
) -> CaseFiles:
    """Do what ``fedlab predict`` does: from three paths to the file, in as few seconds as it takes.

    The case is read and prepared while torch is imported, and MONAI is not imported at all.

    Parameters
    ----------
    model
        As for :func:`fedlab_utils.segmentation.load_model`.
    case, layout
        As for :func:`fedlab_utils.segmentation.find_case`.
    out, flip
        As for :func:`predict_file`.

    Returns
    -------
    CaseFiles
        The case that was found.

    Raises
    ------
    ModelError
        If the model cannot be used.
    DataError
        If the case cannot, or ``out`` cannot be written.
    """
    from fedlab_utils.segmentation.weights import read_card

    _, card = read_card(model)
    with _meanwhile_imported("torch"):
        from fedlab_utils.data.case import load_case
        from fedlab_utils.data.preprocessing import preprocess
        from fedlab_utils.segmentation.one_case import find_case

        files = find_case(case, layout, card.unet.sequences)
        out = Path(out)
        _check_out(out, files)
        read = load_case(replace(files, label=None))
        patient = preprocess(read, card.preprocessing)
    from fedlab_utils.segmentation.devices import best_device, fast_precision
    from fedlab_utils.segmentation.prediction import predict_probabilities, to_file_labels
    from fedlab_utils.segmentation.weights import load_model

    trained = load_model(model, best_device(), light=True)
    answer = predict_probabilities(trained, patient, flip=flip, precision=fast_precision())
    _write(out, to_file_labels(answer, patient, read), read)
    return files


def predict_file(
    model: TrainedModel, files: CaseFiles, out: Path, flip: bool = False, precision: str = "fp32"
) -> Path:
    """Segment a case and write the result as its publisher would: grid, affine and label numbers.

    Parameters
    ----------
    model, flip, precision
        As :func:`predict_probabilities`.
    files
        The case; its segmentation, if any, is not opened.
    out
        A ``.nii`` or ``.nii.gz`` file to write, whole or not at all; a file of that name is
        replaced, unless it is one of the case's own.

    Raises
    ------
    DataError
        If ``out`` has another ending, is a file of the case, or cannot be written.
    """
    from fedlab_utils.data.case import load_case
    from fedlab_utils.segmentation.prediction import predict_labels

    out = Path(out)
    _check_out(out, files)
    case = load_case(replace(files, label=None))
    return _write(out, predict_labels(model, case, flip, precision), case)


def _write(out: Path, labels: np.ndarray, case: Case) -> Path:
    from fedlab_utils.data.labels import encode_labels
    from fedlab_utils.data.nifti import write_nifti

    try:
        write_nifti(out, encode_labels(labels, case.files.scheme), case.grid.affine)
    except OSError as error:
        raise _unwritable(out, error.strerror) from error
    return out


@contextmanager
def _meanwhile_imported(module: str) -> Iterator[None]:
    """Import a module in a thread while the body reads files; it is there afterwards."""

    def load() -> None:
        with suppress(ImportError):  # comes again, where the module is used
            import_module(module)

    thread = Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _check_out(out: Path, files: CaseFiles) -> None:
    """Find before the work what would spoil it afterwards."""
    if not out.name.endswith((".nii.gz", ".nii")):
        raise DataError(out, f"its ending is {out.suffix!r}", "Let it end in .nii.gz or .nii")
    if out.is_dir():
        raise DataError(out, "it is a folder", "Name a file in it, such as seg.nii.gz")
    if out.exists() and any(path.exists() and path.samefile(out) for path in files.paths):
        raise DataError(
            out, f"it is a file of {files.case_id} itself", "Name another file to write"
        )
    there = next((parent for parent in out.absolute().parents if parent.exists()), None)
    if there is not None and not there.is_dir():
        raise _unwritable(out, f"{there} is no folder")


def _unwritable(out: Path, why: str | None) -> DataError:
    return DataError(out, f"it cannot be written ({why})", "Name a place where you may write")
