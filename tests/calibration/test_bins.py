"""Which bin a confidence belongs to."""

from __future__ import annotations

import pytest
import torch

from softlabel.calibration import bins as confidence_bins


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_confidence_on_an_edge_belongs_to_the_bin_below(dtype: torch.dtype) -> None:
    edges = (torch.arange(16, dtype=torch.float64) / 15).to(dtype)
    assert confidence_bins.bin_of(edges, 15).tolist() == [0, *range(15)]
    assert confidence_bins.bin_of(torch.tensor([0.2], dtype=dtype), 15).item() == 2
    above = torch.nextafter(edges[:-1], torch.ones((), dtype=dtype))
    assert confidence_bins.bin_of(above, 15).tolist() == list(range(15))
