"""What an error of numpy or torch means in a student's answer, where its own words do not say."""

from __future__ import annotations

_ADVICE = {
    "grad can be implicitly created only for scalar outputs": (
        "`backward` starts from one number: make one of these first, such as their mean."
    ),
    "does not require grad and does not have a grad_fn": (
        "No gradient leads from this number back to the weights: a threshold, `detach`, `item`, "
        "`torch.no_grad()` or a new tensor cuts the way."
    ),
    "'float' object has no attribute 'backward'": (
        "A plain number has no gradient: call `backward` on the tensor, and `item()` after it."
    ),
    "received an invalid combination of arguments": (
        "What stands behind `got` is what you gave it: something else is wanted there, such as a "
        "tensor for a dict that holds it."
    ),
    "modified by an inplace operation": (
        "What `backward` still needs was overwritten: does `optimiser.step()`, or an operation in "
        "place (`*=`, `mul_`, `x[...] =`), come before it?"
    ),
    "backward through the graph a second time": (
        "Call `backward` once for each time that the model answers."
    ),
    "leaf Variable that requires grad is being used in an in-place": (
        "Do not overwrite what you are given (`*=`, `mul_`, `x[...] =`): make a new tensor."
    ),
    "Can't call numpy() on Tensor that requires grad": (
        "`detach` ends this error, and the gradient with it: where one must flow, stay with "
        "torch's own operations."
    ),
    "sum() got an unexpected keyword argument 'axis'": (
        "numpy's functions do not take a tensor that has a gradient; tensors have their own: "
        "`x.sum(dim=...)`."
    ),
    "truth value of an array with more than one element": (
        "`if`, `and`, `or`, `not` ask one question, an array holds many answers: choose elements "
        "by a mask, `x[mask] = ...`, and combine masks with `&`, `|`, `~`."
    ),
    "Boolean value of Tensor with more than one value": (
        "`if`, `and`, `or`, `not` ask one question, a tensor holds many answers: use "
        "`torch.where`, or combine masks with `&`, `|`, `~`."
    ),
    "arrays used as indices must be of integer (or boolean) type": (
        "Compare first: `x >= 0.5` is a mask, `x` itself is none."
    ),
    "boolean index did not match indexed array": ("A mask chooses from an array of its own shape."),
}
"""Part of an error's text -> what it means, as sentences."""


def advice(text: str) -> str:
    """Return what an error with this text means here, or "" where its words will have to do."""
    return next((meaning for part, meaning in _ADVICE.items() if part in text), "")
