from __future__ import annotations

import torch
from monai.data import MetaTensor

from fedlab_utils.segmentation.tensors import plain


def test_metadata_go_and_values_stay() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    assert type(plain(MetaTensor(values))) is torch.Tensor
    assert torch.equal(plain(MetaTensor(values)), values)
    assert plain(values) is values
