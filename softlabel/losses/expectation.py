"""The expectation loss (DLDL-v2: Gao et al., IJCAI 2018, equation 6) and its reading as a number."""

from __future__ import annotations

import torch
from torch import Tensor

from softlabel.losses.engine.reduction import SumAndMass


def expectation_loss(logits: Tensor, value: Tensor, grid: Tensor) -> SumAndMass:
    """|sum_k p_k grid_k - value|, as sum and mass over rows: logits (N, K), value (N,), grid (K,), in its unit.

    The gradient in the logits is sign(mean - value) p (grid - mean), 0 where the mean is exact. A row whose value is
    NaN is ignored. Computed in float32 at least.
    Source: DLDL-v2 (Gao et al., IJCAI 2018, equation 6).

    >>> import torch
    >>> import softlabel as sl
    >>> logits, grid = torch.zeros(1, 4), torch.arange(4.0)  # undecided between the ages 0 to 3: 1.5
    >>> sl.losses.expectation_loss(logits, torch.tensor([3.0]), grid)
    SumAndMass(sum=tensor(1.5000), mass=tensor(1.))
    """
    probabilities = torch.softmax(logits.double() if logits.dtype == torch.float64 else logits.float(), -1)
    known = ~value.isnan()
    error = (probabilities @ grid.to(probabilities) - value.nan_to_num()).abs()
    return SumAndMass(error[known].sum(), known.sum().to(error.dtype))
