"""A mixture of Gaussians over related labels as the label of a multi-label row, after DLDL (TIP 2017, section 3.2.3).

DLDL gives every absent label the same small amount. Here an absent label gets more, the oftener it occurs together with
a present one: a Gaussian of the distance d^2 = -log(n_jk / (n_j + n_k - n_jk)) stands on every present label, with
weights for which the present labels keep the amounts that DLDL gives them. No publication of exactly this is known.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.labels import LabelDistribution, dense, gaussian_mixture, levels, mix
from softlabel.labels.label_distance import cooccurrence_distance
from softlabel.labels.levels import POSITIVE, check_amounts
from softlabel.losses import kl_divergence
from softlabel.methods.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.multi_label import MultiLabel
from softlabel.tasks.task import Task

HALVINGS = 40


class LabelMixture(Method):
    """The KL divergence to that label; two labels that share s of their rows are s^(1 / 2 sigma^2) alike.

    The controls tell whether relations matter, or softness alone does: 'shuffled' has every label take the relations of
    another one; 'smoothing' spreads as much entropy evenly over all labels.
    """

    class Config(MethodConfig):
        sigma: float = Field(
            0.5, ge=0, le=1e6, description="width of the Gaussians in label distance; 0 gives DLDL's own label"
        )
        positive: float = Field(1.0, gt=0, le=1e6, description="amount of a positive label")
        difficult: float = Field(0.3, ge=0, le=1e6, description="amount of a difficult label")
        negative: Share = Field(0.005, description="amount of a label that is neither present nor related")
        control: Literal["none", "shuffled", "smoothing"] = Field(
            "none", description="a control: relations of other labels, or even smoothing to the same mean entropy"
        )

    distance: Tensor

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if isinstance(task, MultiLabel):
            return None
        return f"it relates labels that occur together, and a row of the task {task.name} has no several labels"

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        assert training_set.annotation is not None
        self._check()
        distance = cooccurrence_distance(training_set.annotation)
        if self.config.control == "shuffled":
            taken = shifted(torch.randperm(len(distance)))
            distance = distance[taken][:, taken]
        self.register_buffer("distance", distance, persistent=False)
        self.even = self._even_share(training_set.annotation) if self.config.control == "smoothing" else 0.0

    def _check(self) -> None:
        try:
            check_amounts(self.config.positive, self.config.difficult, self.config.negative)
        except ValueError as error:
            raise ConfigError(f"label_mixture: {error}") from None

    def forward(self, batch: Batch) -> Terms:
        label = self.label(batch.annotation)
        return {"kl_divergence": kl_divergence(self.network(batch.inputs), label, reduction="sum_and_mass")}

    def label(self, level: Tensor) -> LabelDistribution:
        """The label of rows of levels (N, K)."""
        if self.config.control == "smoothing":
            return evened(self._plain(level), self.even)
        return self._mixture(level)

    def tables(self) -> dict[str, Tensor]:
        alone = POSITIVE * torch.eye(self.num_classes, dtype=torch.uint8)
        return {"Labels of rows with one class alone": self.label(alone.to(self.distance.device)).dense()}

    def _mixture(self, level: Tensor) -> LabelDistribution:
        options = self.config
        amounts = options.positive, options.difficult, options.negative
        return gaussian_mixture(level, self.distance, options.sigma, *amounts, validate=False)

    def _plain(self, level: Tensor) -> LabelDistribution:
        return levels(level, self.config.positive, self.config.difficult, self.config.negative, validate=False)

    def _even_share(self, level: Tensor) -> float:
        """The share of even smoothing that gives DLDL's labels the mixture's mean entropy, by halving."""
        wanted = self._mixture(level).entropy(torch.float64).mean()
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            more = evened(self._plain(level), middle).entropy(torch.float64).mean() > wanted
            low, high = (low, middle) if more else (middle, high)
        return low


def evened(label: LabelDistribution, share: float) -> LabelDistribution:
    """A share of each label spread over all classes; an ignored row stays ignored."""
    even = torch.full((*label.shape, label.num_classes), 1 / label.num_classes, device=label.device)
    return mix(dense(even, validate=False), label, share)


def shifted(order: Tensor) -> Tensor:
    """A permutation (K,) that leaves nothing in its place: each takes what the next one in this order has."""
    taken = torch.empty_like(order)
    taken[order] = order.roll(-1)
    return taken
