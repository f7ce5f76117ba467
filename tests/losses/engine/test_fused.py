"""The parts of the sweep: blocks of rows, and the buffer of the gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softlabel.losses.engine import fused
from softlabel.losses.engine.fused import blocks


@given(st.lists(st.integers(0, 5), max_size=4), st.integers(0, 20))
def test_blocks_cover_everything_once_within_the_limit(shape, limit):
    seen = torch.zeros(shape)
    for block in blocks(shape, limit):
        assert seen[block].numel() <= max(limit, 1)
        seen[block] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_a_large_buffer_has_the_strides_of_the_logits(dtype, monkeypatch):
    monkeypatch.setattr(fused, "HUGE", 1)
    whole = torch.randn(3, 4, 5, 6).to(dtype)
    layouts = [
        whole,
        whole.to(memory_format=torch.channels_last),
        whole.transpose(0, 2),
        whole[1:, ::2],
        whole[:1].expand(3, 4, 5, 6),
    ]
    for logits in layouts:
        fresh, usual = fused.fresh_like(logits), torch.empty_like(logits)
        assert (fresh.shape, fresh.stride(), fresh.dtype) == (usual.shape, usual.stride(), usual.dtype)
        assert fresh.fill_(1).eq(1).all()
        assert fresh.untyped_storage().nbytes() == usual.untyped_storage().nbytes()
