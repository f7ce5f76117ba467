"""Importance weighting in the manner of the self-cure network, SCN (Wang et al., CVPR 2020).

A confidence in (0, 1) from the features scales each sample's logits; within a batch the mean confidence of the upper
share is kept above that of the rest by a margin; late in training, samples of the lower share whose prediction beats
their label by a margin learn from the prediction. Published: all of it, and as in the released code the prediction is
the softmax of the scaled logits. Other than there, a label is not changed for good: whether a sample is relabelled is
asked anew in every step, so nothing that was once decided has to be undone. The released code relabels samples of the
upper share too, which the paper does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from softlabel.bounds import MOST_EPOCHS
from softlabel.data.batch import Batch
from softlabel.global_batch import gathered
from softlabel.labels import hard
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

_RANKS = ReadOnlyWith("rank_weight above 0", lambda own, _: own.rank_weight > 0)
_CLASSIFIES = ReadOnlyWith("rank_weight below 1", lambda own, _: own.rank_weight < 1)
_EPOCHS = ReadOnlyWith("--epochs from relabel_epoch on", lambda own, run: own.relabel_epoch <= run.training.epochs)
_SHARES = ReadOnlyWith(
    "rank_weight and rank_margin above 0, or samples that are relabelled",
    lambda own, run: (own.rank_weight > 0 and own.rank_margin > 0) or own.relabels_in(run.training.epochs),
)
_POSSIBLE = ReadOnlyWith("relabel_margin below 1", lambda own, _: own.relabel_margin < 1)


class SCN(Method):
    """Samples that the network is not sure of count less, and at last take its own word."""

    needs_one_class = True
    compares_rows = True

    class Config(MethodConfig):
        rank_weight: Share = Field(0.5, description="share of the ranking term in the loss (gamma)")
        high_share: Annotated[float, _SHARES] = Field(
            0.7, gt=0, lt=1, description="share of a batch that is to be trusted (beta)"
        )
        rank_margin: Annotated[float, _RANKS] = Field(
            0.15, ge=0, le=1e6, description="by how much it is to be trusted more (delta 1)"
        )
        relabel_margin: Annotated[float, _CLASSIFIES, _EPOCHS] = Field(
            0.2, ge=0, le=1e6, description="how far a prediction must beat the label (delta 2)"
        )
        relabel_epoch: Annotated[int, _CLASSIFIES, _POSSIBLE] = Field(
            10, ge=1, le=MOST_EPOCHS, description="first epoch, counted from 1, in which samples are relabelled"
        )
        relabel_by: Annotated[Literal["scaled", "plain"], _CLASSIFIES, _POSSIBLE, _EPOCHS] = Field(
            "scaled", description="whether the prediction is that of the logits scaled by the confidence, as published"
        )

        def relabels_in(self, epochs: int) -> bool:
            """Whether a sample may be relabelled in a run of so many epochs."""
            return self.rank_weight < 1 and self.relabel_margin < 1 and self.relabel_epoch <= epochs

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        self.importance = nn.Linear(network.backbone.num_features, 1)
        self._relabels = False

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        self._relabels = epoch + 1 >= self.config.relabel_epoch

    def weights(self) -> Mapping[str, float]:
        share = float(self.config.rank_weight)
        return {"classifier": 1 - share, "ranking": share}

    def forward(self, batch: Batch) -> Terms:
        pooled = self.network.features(batch.inputs).pooled
        logits = self.network.classify(pooled)
        importance = self.confidence(pooled)
        scaled = logits * importance[:, None]
        ranked = gathered(importance).sort(descending=True).values
        high = min(max(1, round(self.config.high_share * len(ranked))), len(ranked))
        index = self.task.index(batch.annotation)
        if self._relabels:  # a prediction that becomes a label is not a path for gradients
            said = (scaled if self.config.relabel_by == "scaled" else logits).detach()
            index = self.relabelled(said, index, importance.detach() < ranked[high - 1].detach())
        label = hard(index, self.num_classes, validate=False)
        return {
            "classifier": sum_and_mass(cross_entropy, scaled, label),
            "ranking": self.ranking(ranked[:high], ranked[high:], len(index)),
        }

    def confidence(self, pooled: Tensor) -> Tensor:
        """Features (N, D) -> importance (N,) in (0, 1)."""
        return torch.sigmoid(self.importance(pooled))[:, 0]

    def ranking(self, high: Tensor, low: Tensor, own_rows: int) -> SumAndMass:
        """How much the margin between the two shares' means is missed by; 0 for a batch of one row."""
        gap = high.mean() - low.mean() if len(low) else high.mean().detach() + self.config.rank_margin
        missed = (self.config.rank_margin - gap).clamp_min(0)
        return SumAndMass(missed * own_rows, missed.new_tensor(own_rows))

    def relabelled(self, logits: Tensor, index: Tensor, low: Tensor) -> Tensor:
        """The labels (N,) to learn from: the prediction's, for rows of the lower share that are far from theirs."""
        probabilities = torch.softmax(logits.float(), -1)
        most, predicted = probabilities.max(-1)
        given = probabilities.gather(1, index[:, None])[:, 0]
        return torch.where(low & (most - given > self.config.relabel_margin), predicted, index)

    def row_scores(self, batch: Batch) -> Mapping[str, Tensor]:
        return {"alpha": self.confidence(self.network.features(batch.inputs).pooled)}
