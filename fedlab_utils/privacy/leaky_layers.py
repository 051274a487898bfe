"""Where a gradient shows its patient without any search, and how a server can widen the gap.

The first is arithmetic, and a first step for whoever does not believe that gradients hold images.
The second is an attack of a *dishonest* server: it sends weights that were not trained but chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError

if TYPE_CHECKING:
    import torch
    from torch import nn

SHIFT = 3.0
"""Of normalised values, in their deviations: about one in a hundred or fewer stay below 0."""


def linear_input(weight_gradient: torch.Tensor, bias_gradient: torch.Tensor) -> torch.Tensor:
    """Return the input of a linear layer with bias, exactly, from the gradient of one sample.

    With ``y = W x + b`` the gradient of ``W`` is the outer product of that of ``b`` and ``x``, so
    that any row of the one over the same entry of the other is the input (Phong et al. 2018,
    Privacy-preserving deep learning via additively homomorphic encryption,
    doi:10.1109/TIFS.2017.2787987). The rows are averaged, each with the weight that least squares
    gives it. Of a batch it is a mixture of the inputs.

    Parameters
    ----------
    weight_gradient
        ``(out, in)``.
    bias_gradient
        ``(out,)``.

    Returns
    -------
    torch.Tensor
        ``(in,)``.

    Raises
    ------
    PrivacyError
        If shapes do not fit, or the bias has no gradient: then nothing reached the layer.
    """
    if weight_gradient.ndim != 2 or bias_gradient.shape != weight_gradient.shape[:1]:
        raise PrivacyError(
            "linear_input",
            f"gradients of {tuple(weight_gradient.shape)} and {tuple(bias_gradient.shape)}",
            "Pass those of a linear layer's weight (out, in) and bias (out,)",
        )
    length = bias_gradient.square().sum()
    if not float(length) > 0:
        raise PrivacyError(
            "linear_input", "the bias's gradient is 0", "Take a sample that the loss depends on"
        )
    return bias_gradient @ weight_gradient / length


def open_rectifiers(model: nn.Module, shift: float = SHIFT) -> nn.Module:
    """Set the shift of every normalisation so high that hardly any rectifier behind it bends.

    Where a rectifier bends, its slope jumps; a gradient through many of them changes abruptly
    with the image, and a search by slopes gets nowhere. A server that chooses the weights it sends
    can avoid that: same layers, same code at the hospital, other numbers. That a server may choose
    weights in order to read patients is the threat of Boenisch et al. 2021, When the curious
    abandon honesty, arXiv:2112.02918, and Fowl et al. 2021, Robbing the fed, arXiv:2110.13057.

    Parameters
    ----------
    model
        With affine instance or group normalisation before its rectifiers; changed in place.
    shift
        In deviations of the normalised values.

    Returns
    -------
    torch.nn.Module
        The model.

    Raises
    ------
    PrivacyError
        If no normalisation has a shift.
    """
    import torch
    from torch import nn

    kinds = (nn.modules.instancenorm._InstanceNorm, nn.GroupNorm)
    layers = [m for m in model.modules() if isinstance(m, kinds) and m.bias is not None]
    if not layers:
        raise PrivacyError(
            "open_rectifiers",
            "no normalisation of the network learns a shift",
            "Take a network of make_unet",
        )
    with torch.no_grad():
        for layer in layers:
            layer.bias.fill_(shift)
    return model
