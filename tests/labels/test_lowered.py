"""Labels taken apart into plain tensors and put together again."""

from __future__ import annotations

import pytest
import torch

from softlabel.labels import hard, mix
from softlabel.labels.lowered import lower, restore
from tests.labels.kinds import discovered_kinds, example_of


@pytest.mark.parametrize("kind", discovered_kinds())
def test_nothing_is_lost(kind):
    label = example_of(kind)((5, 2), 4)[0]
    nested = mix(mix(label, hard(torch.zeros(5, 2, dtype=torch.int64), 4), 0.25), label, torch.rand(5))
    for each in (label, nested):
        word, tensors = lower(each)
        assert all(isinstance(tensor, torch.Tensor) for tensor in tensors)
        again = restore(word, tensors, 4)
        assert type(again) is type(each)
        assert torch.equal(again.dense(torch.float64), each.dense(torch.float64))
