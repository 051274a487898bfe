"""A model on disk: everything comes back, nothing foreign is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.errors import ModelError
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from fedlab_utils.segmentation.weights import FORMAT, TrainedModel, load_model, save_model

UNET = UNetSettings(sequences=("T1ce", "FLAIR"), width=8, norm="group")


@pytest.fixture
def model() -> TrainedModel:
    return TrainedModel(
        make_unet(UNET, seed=3), UNET, PreprocessSettings(spacing=3.0), (64, 64), {"seed": 3}
    )


def test_comes_back_as_it_was(model: TrainedModel, tmp_path: Path) -> None:
    back = load_model(save_model(model, tmp_path / "model.safetensors"))
    assert (back.unet, back.preprocessing, back.size) == (UNET, model.preprocessing, (64, 64))
    assert back.provenance == {"seed": 3}
    image = torch.randn(1, 2, 32, 32)
    assert torch.equal(back.network(image), model.network.eval()(image))
    assert load_model(tmp_path).unet == UNET  # a run folder stands for the model in it


def test_half_the_bytes_and_nearly_the_same_answer(model: TrainedModel, tmp_path: Path) -> None:
    full = save_model(model, tmp_path / "full.safetensors")
    half = save_model(model, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.55 * full.stat().st_size
    image = torch.randn(1, 2, 32, 32)
    a, b = load_model(full).network(image), load_model(half).network(image)
    torch.testing.assert_close(torch.sigmoid(a), torch.sigmoid(b), atol=0.01, rtol=0)


def _rewrite(path: Path, tensors: dict | None = None, **metadata: str | None) -> Path:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = {**file.metadata(), **metadata}
    told = {name: value for name, value in told.items() if value is not None}
    save_file(load_file(path) if tensors is None else tensors, path, told)
    return path


def test_files_that_are_no_model(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        load_model(tmp_path / "none.safetensors")
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"not a model at all")
    with pytest.raises(ModelError, match="no safetensors file"):
        load_model(garbage)
    path = tmp_path / "model.safetensors"
    with pytest.raises(ModelError, match="format"):
        load_model(_rewrite(save_model(model, path), format="other 9"))
    with pytest.raises(ModelError, match="metadata"):
        load_model(_rewrite(save_model(model, path), model=None))
    with pytest.raises(ModelError, match="metadata"):
        load_model(_rewrite(save_model(model, path), model="{"))
    wider = json.dumps({"unet": {"width": 9}, "preprocessing": {}, "size": [1, 1]})
    with pytest.raises(ModelError):
        load_model(_rewrite(save_model(model, path), model=wider))


def test_weights_of_another_network(model: TrainedModel, tmp_path: Path) -> None:
    path = save_model(model, tmp_path / "model.safetensors")
    others = make_unet(UNetSettings(width=16)).state_dict()
    with pytest.raises(ModelError, match="do not fit"):
        load_model(_rewrite(path, {k: v.contiguous() for k, v in others.items()}, format=FORMAT))


def test_views_come_back_and_files_without_them_are_axial(
    model: TrainedModel, tmp_path: Path
) -> None:
    from dataclasses import replace

    from safetensors import safe_open

    both = replace(model, views=(2, 1))
    path = save_model(both, tmp_path / "model.safetensors")
    assert load_model(path).views == (2, 1)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    about = json.loads(metadata["model"])
    for views, expected in ((None, (2,)), ([0], None), ([], None), ([2.0], None), ([True], None)):
        told = {k: v for k, v in about.items() if k != "views"}
        told |= {} if views is None else {"views": views}
        save_file(tensors, path, metadata | {"model": json.dumps(told)})
        if expected:
            assert load_model(path).views == expected
        else:
            with pytest.raises(ModelError, match="views"):
                load_model(path)


def _tampered(path: Path, **changes: object) -> None:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    about = json.loads(metadata["model"]) | changes
    save_file(tensors, path, metadata | {"model": json.dumps(about)})


@pytest.mark.parametrize(
    "size", [[100_000, 100_000], [97, 97], [96], [-16, 16], [0, 16], "96", [16, 16, 16], [16.0, 16]]
)
def test_a_size_that_no_slice_has_is_refused(
    model: TrainedModel, tmp_path: Path, size: object
) -> None:
    path = save_model(model, tmp_path / "model.safetensors")
    _tampered(path, size=size)
    with pytest.raises(ModelError, match="size"):
        load_model(path)


@pytest.mark.parametrize("provenance", ["text", 3])
def test_a_provenance_that_is_no_table_is_refused(
    model: TrainedModel, tmp_path: Path, provenance: object
) -> None:
    path = save_model(model, tmp_path / "model.safetensors")
    _tampered(path, provenance=provenance)
    with pytest.raises(ModelError):
        load_model(path)


def test_a_network_that_claims_to_be_enormous_is_refused_before_it_is_built(
    model: TrainedModel, tmp_path: Path
) -> None:
    """A width of 2 ** 20 would take 10 ** 14 weights: only a plan of it is made."""
    path = save_model(model, tmp_path / "model.safetensors")
    _tampered(path, unet={"spatial_dims": 2, "sequences": ["T1ce", "FLAIR"], "width": 2**20})
    with pytest.raises(ModelError, match="do not fit"):
        load_model(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_finite_numbers_are_refused(
    model: TrainedModel, tmp_path: Path, bad: float
) -> None:
    path = save_model(model, tmp_path / "model.safetensors")
    with torch.no_grad():
        next(iter(model.network.parameters())).ravel()[3] = bad
    save_model(model, path)
    with pytest.raises(ModelError, match="finite"):
        load_model(path)
