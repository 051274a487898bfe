"""A trained network on disk: weights as safetensors, and beside each weight what it was made from.

One file holds everything that prediction needs: the weights, the network's settings, how patients
were preprocessed, and where the training came from. Nothing in it is executed; it is not a pickle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.errors import FedLabError, ModelError
from fedlab_utils.segmentation.unet import STRIDE, UNetSettings, make_unet

if TYPE_CHECKING:
    from torch import nn

FORMAT = "fedlab 1"
"""Written into each file; another number means another meaning of its metadata."""

SUFFIX = ".safetensors"


@dataclass(frozen=True, eq=False)
class ModelCard:
    """What one must know to use a network.

    Attributes
    ----------
    unet
        Its settings.
    preprocessing
        How a patient is prepared for it.
    size
        Voxels per axis of what it was trained on, ``(X, Y)`` or ``(X, Y, Z)``.
    provenance
        Where it came from: seed, data, device, versions, time. Text and numbers.
    views
        Of a 2-D network: axes that its slices are perpendicular to, 2 axial, 1 coronal.
    """

    unet: UNetSettings
    preprocessing: PreprocessSettings
    size: tuple[int, ...]
    provenance: dict[str, object] = field(default_factory=dict)
    views: tuple[int, ...] = (2,)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network, and beside it what its :class:`ModelCard` says.

    Attributes
    ----------
    network
        From :func:`fedlab_utils.segmentation.make_unet`.
    unet, preprocessing, size, provenance, views
        See :class:`ModelCard`.
    """

    network: nn.Module = field(repr=False)
    unet: UNetSettings
    preprocessing: PreprocessSettings
    size: tuple[int, ...]
    provenance: dict[str, object] = field(default_factory=dict)
    views: tuple[int, ...] = (2,)


def save_model(model: TrainedModel, path: Path, half: bool = False) -> Path:
    """Write a model in one piece; a file that stood there is replaced.

    Parameters
    ----------
    model
        What to write.
    path
        Ends in ``.safetensors``.
    half
        Store weights as float16: half the size, and no visible change of the prediction.
    """
    from safetensors.torch import save

    from fedlab_utils.data.atomic import write_bytes

    about = {
        "unet": asdict(model.unet),
        "preprocessing": asdict(model.preprocessing),
        "size": model.size,
        "views": model.views,
        "provenance": model.provenance,
    }
    tensors = {
        name: (value.half() if half else value).detach().cpu().contiguous()
        for name, value in model.network.state_dict().items()
    }
    metadata = {"format": FORMAT, "model": json.dumps(about, sort_keys=True)}
    write_bytes(Path(path), save(tensors, metadata))
    return Path(path)


def load_model(path: Path | str, device: str = "cpu", light: bool = False) -> TrainedModel:
    """Read a model.

    Parameters
    ----------
    path
        A ``.safetensors`` file, or a run folder of ``train``, which holds ``model.safetensors``.
    device
        Where to put it, such as :func:`fedlab_utils.segmentation.best_device` says.
    light
        Give the network without MONAI, see :mod:`fedlab_utils.segmentation.light_unet`: the same
        answers, seconds earlier.

    Raises
    ------
    ModelError
        If there is no such file, it is not a model of this package, or weights and settings do
        not fit each other.
    """
    path, card = read_card(path)
    with _opened(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = _rebuild(path, card.unet, tensors, light).to(device)
    return TrainedModel(network, **vars(card))


def read_card(path: Path | str) -> tuple[Path, ModelCard]:
    """Read what a model says of itself, without its weights and without importing torch.

    Parameters
    ----------
    path
        As for :func:`load_model`.

    Returns
    -------
    The model's file, and its card.

    Raises
    ------
    ModelError
        If there is no such file, or it is not a model of this package.
    """
    path = Path(path)
    if path.is_dir():
        path = path / f"model{SUFFIX}"
    if not path.is_file():
        raise ModelError(path, "there is no such file", f"Name a run folder or a {SUFFIX} file")
    with _opened(path, "np") as file:
        metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise ModelError(
            path,
            f"its format is {metadata.get('format')!r}, this package reads {FORMAT!r}",
            "Train it again with this version",
        )
    with _as_model_error(path):
        about = json.loads(metadata["model"])
        unet = UNetSettings(**about["unet"])
        told = about["preprocessing"]
        told["percentiles"] = tuple(told["percentiles"])
        return path, ModelCard(
            unet,
            PreprocessSettings(**told),
            _size(about["size"], unet),
            dict(about["provenance"]),
            _views(about.get("views", [2])),
        )


_LARGEST_EDGE = 1024
"""In voxels; no slice or patch of a head is larger."""


def _size(told: object, unet: UNetSettings) -> tuple[int, ...]:
    fits = (
        isinstance(told, list)
        and len(told) == unet.spatial_dims
        and all(type(edge) is int and 0 < edge <= _LARGEST_EDGE for edge in told)
        and all(edge % STRIDE == 0 for edge in told)
    )
    if not fits:
        raise ValueError(f"size {told}")
    return tuple(told)


def _views(told: object) -> tuple[int, ...]:
    if told not in ([2], [1], [2, 1], [1, 2]) or not all(type(view) is int for view in told):
        raise ValueError(f"views {told}")
    return tuple(told)


def _rebuild(path: Path, unet: UNetSettings, tensors: dict, light: bool) -> nn.Module:
    import torch

    with _as_model_error(path):
        with torch.device("meta"):  # takes no memory, however wide it claims to be
            network = _light(unet) if light else make_unet(unet)
        expected = {name: value.shape for name, value in network.state_dict().items()}
        if expected != {name: value.shape for name, value in tensors.items()}:
            raise ModelError(path, "the weights do not fit the settings", "Copy it again")
        if not all(v.is_floating_point() and v.isfinite().all() for v in tensors.values()):
            raise ModelError(path, "its weights are not all finite numbers", "Copy it again")
        # copies: what safetensors gives lies in the file itself, which may be written again
        weights = {name: v.to(torch.float32, copy=True) for name, v in tensors.items()}
        network.load_state_dict(weights, assign=True)
        return network.eval()


def _light(unet: UNetSettings) -> nn.Module:
    from fedlab_utils.segmentation.light_unet import LightUNet

    return LightUNet(unet)


@contextmanager
def _opened(path: Path, framework: str) -> Iterator:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ModelError(
            path, f"is no safetensors file ({error})", "Copy or train it again"
        ) from None


@contextmanager
def _as_model_error(path: Path) -> Iterator[None]:
    """Whatever is wrong with a file's content is an error of that file."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            path, f"its metadata cannot be used ({error!r})", "Copy or train it again"
        ) from None
    except FedLabError as error:
        raise ModelError(path, error.cause, error.remedy) from None
