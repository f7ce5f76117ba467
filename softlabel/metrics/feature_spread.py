"""How far the features of one class lie apart: the spread that a good representation keeps small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from softlabel.running_state import RunningState


class FeatureSpread(RunningState):
    """Intra-class variance of features of length 1: the mean squared distance from the mean of their class.

    Of length 1, so that networks with larger features do not seem to spread more; between 0 and 1.
    Source: within-class variability of Papyan, Han and Donoho, PNAS 2020.

    >>> import torch
    >>> from softlabel.metrics.feature_spread import FeatureSpread
    >>> spread = FeatureSpread(num_classes=2, num_features=2)
    >>> spread.update(torch.tensor([[1.0, 0.0], [9.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0, 1, 1]))
    >>> spread.per_class().tolist()
    [0.0, 0.5]
    """

    def __init__(self, num_classes: int, num_features: int) -> None:
        super().__init__()
        self.declare("sums", torch.zeros(num_classes, num_features, dtype=torch.float64), "sum")
        self.declare("counts", torch.zeros(num_classes, dtype=torch.float64), "sum")

    def update(self, features: Tensor, index: Tensor) -> None:
        """Add a batch: features (N, D), class indices (N,)."""
        self.tensor("sums").index_add_(0, index, F.normalize(features.double()))
        self.tensor("counts").index_add_(0, index, torch.ones_like(index, dtype=torch.float64))

    def per_class(self) -> Tensor:
        """The variance within each class, float64 (K,); NaN for a class without samples."""
        counts = self.tensor("counts")
        means = self.tensor("sums") / counts[:, None]
        return (1 - means.square().sum(1)).clamp_min(0)

    def mean(self) -> float | None:
        """The mean over the classes that have samples; None where none has."""
        found = self.per_class()[self.tensor("counts") > 0]
        return float(found.mean()) if len(found) else None
