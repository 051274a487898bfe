from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from fedlab_utils.segmentation.tensors import plain, untracked


def test_metadata_go_and_values_stay() -> None:
    values = torch.arange(6.0).reshape(2, 3)
    assert type(plain(MetaTensor(values))) is torch.Tensor
    assert torch.equal(plain(MetaTensor(values)), values)
    assert plain(values) is values


def test_metadata_is_off_inside_and_as_before_outside() -> None:
    from monai.data import get_track_meta
    from monai.transforms import Flip

    before = get_track_meta()
    with untracked():
        assert not get_track_meta()
        assert type(Flip(0)(torch.ones(1, 3, 3))) is torch.Tensor
    assert get_track_meta() is before

    def fail() -> None:
        with untracked():
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert get_track_meta() is before
