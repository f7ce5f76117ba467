"""Attention transfer against its formula."""

from __future__ import annotations

import numpy as np
import torch

from softlabel.losses import attention_distance


def test_attention_does_not_see_the_scale_and_is_zero_for_itself():
    g = torch.Generator().manual_seed(1)
    a, b = torch.rand(2, 3, 4, 4, generator=g), torch.rand(2, 6, 4, 4, generator=g)
    torch.testing.assert_close(attention_distance(3 * a, b), attention_distance(a, b))
    assert attention_distance(a, 5 * a).abs().max().item() < 1e-12
    maps = [(x.double().numpy() ** 2).mean(1).reshape(2, -1) for x in (a, b)]
    maps = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in maps]
    np.testing.assert_allclose(
        attention_distance(a, b, reduction="none").numpy(), ((maps[0] - maps[1]) ** 2).mean(1), rtol=1e-5
    )
