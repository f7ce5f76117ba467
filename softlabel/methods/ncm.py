"""Nearest class mean (Kang et al., ICLR 2020, section 4.2): a head of mean features; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.methods.decoupled import Decoupled, RepresentationConfig, linear_head
from softlabel.methods.stage import Stage


class NearestClassMean(Decoupled):
    """cosine: z = <x, m / |m|> with m the mean of features of length 1; euclidean: z = -|x - m|^2 / 2 + |x|^2 / 2.

    Both rank the classes as the distances do, and are linear heads. A class without samples keeps a logit of 0.
    """

    class Config(RepresentationConfig):
        distance: Literal["cosine", "euclidean"] = Field("cosine", description="what is nearest")

    def classifier_stage(self) -> Stage:
        return Stage(name="classifier", gradients=False, parts={"network.backbone": "frozen"})

    def solve(self, stage: Stage, batches: Iterable[Batch]) -> None:
        head = linear_head(self.network, "ncm")
        cosine = self.config.distance == "cosine"
        sums = torch.zeros_like(head.weight, dtype=torch.float64)
        counts = sums.new_zeros(self.num_classes)
        for batch in batches:
            pooled = self.network.features(batch.inputs).pooled.double()
            share = self.task.label(batch.annotation).dense(torch.float64)
            sums += share.T @ (F.normalize(pooled) if cosine else pooled)
            counts += share.sum(0)
        means = sums / counts.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
        head.weight.copy_(F.normalize(means) if cosine else means)
        head.bias.copy_(counts.new_zeros(()) if cosine else means.square().sum(1) / -2)
