"""Nearest class mean (Kang et al., ICLR 2020, section 4.2): a head of mean features; nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.methods.base.decoupled import Decoupled, RepresentationConfig, linear_head
from softlabel.methods.base.stage import Stage
from softlabel.networks.heads import CentredHead


class NearestClassMean(Decoupled):
    """With m the mean of a class's features x, which are made of those of the backbone as `features` says:

    euclidean   z = (<x, m> - |m|^2 / 2) / s = (|x|^2 - |x - m|^2) / 2s, s the mean of |x - m|^2 over training rows
    cosine      z = <x, m / |m|>, where x need not have length 1

    All rank the classes as the distances do; s is ours, so that a temperature finds logits of a usual size. The
    default, that of the released code, is Euclidean with features of length 1 around their mean: its head divides by
    the length of each row, which a linear head cannot; the others are linear heads. A class without samples has no
    mean: its logit is 1 less than the mean of the others', so that it is never the nearest.
    """

    class Config(RepresentationConfig):
        features: Literal["centred", "normalised", "plain"] = Field(
            "centred",
            description="centred: less the mean of all training features, then of length 1; normalised: of length 1",
        )
        distance: Literal["euclidean", "cosine"] = Field("euclidean", description="what is nearest")

    def classifier_stage(self) -> Stage:
        return Stage(name="classifier", gradients=False, parts={"network.backbone": "frozen"})

    def begin_classifier(self) -> None:
        if self.divides:
            self.network.head = CentredHead.in_place_of(linear_head(self.network, "ncm"))

    @property
    def divides(self) -> bool:
        """Whether the length of a row's features counts in the order of the classes."""
        return bool(self.config.features != "plain" and self.config.distance == "euclidean")

    def solve(self, stage: Stage, batches: Iterable[Batch], validation: Iterable[Batch] | None = None) -> None:
        pooled, share = self._training_part(batches)
        center = pooled.mean(0) if self.config.features == "centred" else torch.zeros_like(pooled[0])
        points = pooled - center
        if self.config.features != "plain":
            points = F.normalize(points)
        mass = share.sum(0)
        means = share.T @ points / mass.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
        if self.config.distance == "cosine":
            weight = F.normalize(means)
            bias = weight @ -center
        else:
            size = mean_square_distance(points, means, share)
            weight, bias = means / size, means.square().sum(1) / (-2 * size)
        weight, bias = never_nearest(weight, bias, mass == 0)
        if isinstance(self.network.head, CentredHead):
            self.network.head.set_parameters(center, weight, bias)
        else:
            head = linear_head(self.network, "ncm")
            head.weight.copy_(weight)
            head.bias.copy_(bias)

    def _training_part(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
        """Features (N, D) of all rows, and the share of each class in them (N, K), both float64."""
        found = [
            (self.network.features(b.inputs).pooled.double(), self.task.label(b.annotation).dense(torch.float64))
            for b in batches
        ]
        pooled, share = zip(*found, strict=True)
        return torch.cat(pooled), torch.cat(share)


def never_nearest(weight: Tensor, bias: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (K, D) and biases (K,) by which absent classes (K,) bool answer 1 less than the mean of the others."""
    mean_weight, mean_bias = weight[~absent].mean(0), bias[~absent].mean()
    return torch.where(absent[:, None], mean_weight, weight), torch.where(absent, mean_bias - 1, bias)


def mean_square_distance(points: Tensor, means: Tensor, share: Tensor) -> Tensor:
    """Of rows (N, D) to the means (K, D) of the classes that they have a share (N, K) of; 1 where all lie on them."""
    squares = (share * torch.cdist(points, means).square()).sum() / share.sum()
    return torch.where(squares > torch.finfo(torch.float32).eps * means.square().sum(1).max(), squares, 1.0)
