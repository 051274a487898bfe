"""From three paths to a file: what predict_file writes, and errors before the work."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fedlab_utils.data import PreprocessSettings, load_cohort
from fedlab_utils.errors import DataError, MissingFileError, ModelError
from fedlab_utils.segmentation.case_prediction import predict_file, segment_case
from fedlab_utils.segmentation.devices import fast_precision
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from fedlab_utils.segmentation.weights import TrainedModel, load_model, save_model
from tests.conftest import REPOSITORY


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained: its answer is noise that differs from voxel to voxel."""
    unet = UNetSettings(sequences=("T1ce", "FLAIR"), width=8)
    network = make_unet(unet, seed=2)
    trained = TrainedModel(network, unet, PreprocessSettings(spacing=8.0), (32, 32), {}, (2, 1))
    return save_model(trained, tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.mark.parametrize("flip", [False, True])
def test_the_same_bytes_as_with_monais_network(
    phantom_dir: Path, model: Path, tmp_path: Path, flip: bool
) -> None:
    files = load_cohort(phantom_dir).cases[1]
    found = segment_case(model, files.label.parent, tmp_path / "a.nii.gz", flip=flip)
    assert found.case_id == files.case_id
    # In the precision that segment_case takes: on a processor with bfloat16 it is not float32.
    predict_file(load_model(model), files, tmp_path / "b.nii.gz", flip, fast_precision())
    written = (tmp_path / "a.nii.gz").read_bytes()
    assert written == (tmp_path / "b.nii.gz").read_bytes()


def test_what_is_wrong_is_said_whatever_else_is_under_way(
    phantom_dir: Path, model: Path, tmp_path: Path
) -> None:
    source = load_cohort(phantom_dir).cases[0].label.parent
    case = Path(shutil.copytree(source, tmp_path / source.name))
    out = tmp_path / "seg.nii.gz"
    with pytest.raises(ModelError, match="no such file"):
        segment_case(tmp_path / "no.safetensors", case, out)
    with pytest.raises(DataError, match=r"ending is \'\.png\'"):
        segment_case(model, case, tmp_path / "seg.png")
    next(case.glob("*_t2.nii.gz")).unlink()
    with pytest.raises(MissingFileError, match=r"T2 missing.*looks at T1ce, FLAIR alone"):
        segment_case(model, case, out)
    assert not out.exists()


def test_a_prediction_does_without_what_takes_seconds_to_import(
    phantom_dir: Path, model: Path, tmp_path: Path
) -> None:
    """MONAI would take as long as the network, and brings matplotlib and pandas with it."""
    case = load_cohort(phantom_dir).cases[0].label.parent
    words = ["predict", "--model", model, "--case", case, "--out", tmp_path / "seg.nii"]
    code = (
        "import sys; from fedlab_utils.cli import app\n"
        f"app({[str(word) for word in words]!r}, standalone_mode=False)\n"
        "print([name for name in ('monai', 'matplotlib', 'pandas') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert (tmp_path / "seg.nii").exists(), ran.stderr
    assert ran.stdout.splitlines()[-1] == "[]"
