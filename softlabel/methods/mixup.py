"""Mixup (Zhang et al., ICLR 2018, equation 1): samples and labels are mixed in pairs."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field

from softlabel.data.batch import Batch
from softlabel.labels import mix
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Terms


class Mixup(Method):
    """One share from Beta(alpha, alpha) per batch mixes each sample with another one of the batch."""

    class Config(MethodConfig):
        alpha: float = Field(1.0, gt=0, le=1e6, description="both parameters of the beta distribution")

    def transform(self, batch: Batch, generator: torch.Generator) -> Batch:
        draws = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        share = float(draws.beta(self.config.alpha, self.config.alpha))
        other = torch.randperm(len(batch), generator=generator).to(batch.inputs.device)
        inputs = batch.inputs.float()
        mixed = torch.lerp(inputs[other], inputs, share)
        shares = inputs.new_full((len(batch),), share)
        return Batch(mixed, batch.annotation, batch.sample_id, batch.annotation[other], shares)

    def forward(self, batch: Batch) -> Terms:
        label = self.task.label(batch.annotation)
        if batch.partner is not None and batch.own_share is not None:
            label = mix(label, self.task.label(batch.partner), batch.own_share)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}
