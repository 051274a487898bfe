"""What the machine computes fast with."""

from __future__ import annotations


def best_device() -> str:
    """Return ``"cuda"`` where torch sees a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fast_precision(device: str | None = None) -> str:
    """Return ``"bf16"`` where the device multiplies bfloat16 natively, else ``"fp32"``.

    A CPU without native support emulates it, several times slower than fp32: it needs AMX (Intel
    since 2023) or AVX-512 BF16 (Intel since 2020, AMD since Zen 4). GPUs have it since Ampere
    (2020); the T4 of free Colab is older.
    """
    import torch

    device = device or best_device()
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch, as on Colab
        return "fp32"
    flags = torch.cpu.get_capabilities()
    native = flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16")
    return "bf16" if native else "fp32"


def channels_last_pays(norm: str, device: str, precision: str = "fp32") -> bool:
    """Return whether to keep the channel as the fastest axis; it changes speed alone.

    On a CPU, ``fedlab bench training`` says no for instance normalisation, in either precision:
    torch copies it to the other layout and back, which costs a fifth of the step and more. Group
    normalisation knows both layouts; in float32 convolutions then gain a fifth, in bfloat16 they
    gain nothing.
    """
    return device.startswith("cuda") or (norm == "group" and precision == "fp32")
