"""Learnable weight scaling, LWS (Kang et al., ICLR 2020, section 4.2, equation 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from softlabel.methods.base.decoupled import Decoupled, linear_head
from softlabel.methods.base.stage import PartMode, Stage
from softlabel.networks.scaled_head import ScaledHead
from softlabel.running_state import AllReduce


class LearnableWeightScaling(Decoupled):
    """Only one factor per class is learned, with class-balanced sampling; the head itself stays."""

    needs_one_class = True

    @property
    def rate_factor(self) -> float:
        """Learning rate of the head's own weights over that of the factors; at 0 they stay."""
        return 0.0

    def classifier_stage(self) -> Stage:
        factors = {f"scaled.{name}": self.rate_factor for name in ("weight", "bias")}
        return dataclasses.replace(super().classifier_stage(), rate_factors=factors)

    def held_still(self) -> Mapping[str, PartMode]:
        return {"network.head": "frozen"}

    def begin_classifier(self) -> None:
        self.scaled = ScaledHead(linear_head(self.network, "lws"))
        for own in (self.scaled.weight, self.scaled.bias):
            own.requires_grad_(self.rate_factor > 0)

    def classify(self, pooled: Tensor) -> Tensor:
        self.write_head()  # what is averaged and shipped is the ordinary head
        logits: Tensor = self.scaled(pooled)
        return logits

    def end_epoch(self, all_reduce: AllReduce) -> None:
        super().end_epoch(all_reduce)
        if self._second:
            self.write_head()

    def write_head(self) -> None:
        """Bring the network's head up to date."""
        self.scaled.write_to(linear_head(self.network, "lws"))
