"""Precision follows the hardware."""

from __future__ import annotations

import pytest
import torch

from fedlab_utils.segmentation.devices import best_device, channels_last_pays, fast_precision


def test_a_machine_without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == "cpu"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx2": True}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True, "avx512_bf16": False}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False}, "fp32"),
    ],
)
def test_a_cpu_by_its_flags(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert fast_precision("cpu") == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "fp32"), ((9, 0), "bf16")])
def test_a_gpu_by_its_generation(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert fast_precision("cuda") == expected


@pytest.mark.parametrize(
    ("norm", "device", "precision", "pays"),
    [
        ("instance", "cpu", "fp32", False),
        ("instance", "cpu", "bf16", False),
        ("group", "cpu", "fp32", True),
        ("group", "cpu", "bf16", False),
        ("instance", "cuda", "bf16", True),
        ("group", "cuda:0", "fp32", True),
    ],
)
def test_the_layout_by_norm_device_and_precision(
    norm: str, device: str, precision: str, pays: bool
) -> None:
    assert channels_last_pays(norm, device, precision) is pays
