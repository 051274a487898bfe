"""Made-up normalised heads, in 2-D and 3-D: background 0, a smooth brain, nested regions."""

from __future__ import annotations

import torch


def head(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return an image (4, *shape) and a target (3, *shape) of an off-centre tumour."""
    generator = torch.Generator().manual_seed(seed)
    axes = torch.meshgrid(*[torch.linspace(-1, 1, n) for n in shape], indexing="ij")
    inside = sum(a**2 for a in axes) < 0.7
    middle = [0.3, -0.2, 0.1]
    distance = sum((a - m) ** 2 for a, m in zip(axes, middle[: len(shape)], strict=True)).sqrt()
    waves = [torch.sin((3 + c) * axes[0]) + torch.cos(4 * axes[1]) for c in range(4)]
    image = torch.stack(waves) + 1.5 * (distance < 0.3)
    image = (image + 0.1 * torch.randn(image.shape, generator=generator)) * inside
    target = torch.stack([distance < r for r in (0.1, 0.2, 0.3)]) & inside
    return image, target
