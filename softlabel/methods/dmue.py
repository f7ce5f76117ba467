"""DMUE, dive into ambiguity: latent label distributions and pairwise uncertainty (She et al., CVPR 2021).

Published: for each class an auxiliary branch, a copy of the last stage with a classifier of its own, learns the other
classes (equation 1); what branch y says of a sample of class y is its latent distribution (2 and 3), which the target
branch is drawn to (4); the features of each branch and the target's agree on which samples are alike (5); the
cross-entropy's logits are scaled by a confidence from the sample's similarity to each class (6 to 9); in the sum (10)
the auxiliary branches lead at first, the target branch later (11 and 12). Only the target branch ships.

Other than the released code, as it contradicts the paper: the uncertainty module is trained; no batch is left out for
a class that it lacks; the latent distribution costs no second pass and leaves no trace in any batch normalisation, as
a row of class y is normalised in branch y by the statistics of the other rows. Options are its use of the branches'
logits in (5), its steeper ramp, its scaling of the similarities, and a confidence whose weights stay as drawn, for it
never gave them to the optimiser. Ours is a confidence that is not told the label (`knows_label`): one that is told can
become a weight of the label, whatever the sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from softlabel.bounds import MOST_EPOCHS
from softlabel.data.batch import Batch
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.global_batch import first_row, gathered
from softlabel.losses import cross_entropy, similarity_distance, sum_and_mass
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.methods.base.method import Method, MethodConfig, Terms, TrainingSet
from softlabel.methods.base.stage import SamplerName, Stage
from softlabel.networks.branches import BranchClassifiers, Branches, BranchOutputs
from softlabel.networks.class_means import ClassMeans
from softlabel.networks.kept_levels import FeatureLevels
from softlabel.networks.network import Network, Pyramid
from softlabel.networks.uncertainty import PairwiseUncertainty, class_similarity, min_max_scaled
from softlabel.read_only_with import ReadOnlyWith
from softlabel.tasks.task import Task

MANY_TIMES = 5
UNEVEN = 5
"""Times as many rows of the largest class as of the smallest, from which on a person is told; seen at 17 and at 20."""


_LATENT = ReadOnlyWith("latent_weight above 0", lambda own, _: own.latent_weight > 0)
_SIMILARITY = ReadOnlyWith("similarity_weight above 0", lambda own, _: own.similarity_weight > 0)
_BRANCHES = ReadOnlyWith(
    "latent_weight or similarity_weight above 0", lambda own, _: own.latent_weight > 0 or own.similarity_weight > 0
)
_CONFIDENCE = ReadOnlyWith("uncertainty", lambda own, _: own.uncertainty, more=", the confidence that it belongs to")
_LABEL = ReadOnlyWith(
    "knows_label",
    lambda own, _: own.knows_label,
    more="; a confidence that is not told the label leaves the sample out anyway",
)


class DMUE(Method):
    """A branch per class, which does not know that class, says what a sample would be otherwise."""

    needs_one_class = True
    compares_rows = True
    feature_levels: ClassVar[FeatureLevels] = "last"

    class Config(MethodConfig):
        temperature: Annotated[float, _LATENT] = Field(
            1.2, gt=0, le=1e6, description="temperature of the latent distribution (above 1 flattens)"
        )
        latent_weight: float = Field(0.5, ge=0, le=1e6, description="weight of the latent distribution's term (omega)")
        similarity_weight: float = Field(1000.0, ge=0, le=1e6, description="weight of similarity preserving (gamma)")
        similarity_of: Annotated[Literal["features", "logits"], _SIMILARITY] = Field(
            "features", description="what of the branches is to be as alike as the target's features: theirs, or logits"
        )
        uncertainty: bool = Field(True, description="scale the logits by a confidence from the batch's similarities")
        knows_label: Annotated[bool, _CONFIDENCE] = Field(
            True,
            description="tell the confidence which class the label is, as published; if not, leave the sample out too",
        )
        freeze_confidence: Annotated[bool, _CONFIDENCE] = Field(
            False, description="leave the confidence's weights as drawn, as the released code in effect does"
        )
        latent_from: Annotated[Literal["others", "all"], _BRANCHES] = Field(
            "others", description="a branch per class that knows the other ones, or one branch that knows all"
        )
        ramp: Literal["paper", "code"] = Field("paper", description="how the target's terms set in")
        ramp_epochs: int = Field(6, ge=1, le=MOST_EPOCHS, description="epochs until they count in full (beta)")
        exclude_self: Annotated[bool, _CONFIDENCE, _LABEL] = Field(
            False, description="leave a sample out of its similarity to its own class"
        )
        scale_similarities: Annotated[bool, _CONFIDENCE] = Field(
            False, description="bring each sample's similarities to 0 .. 1 first"
        )
        bank: Annotated[bool, _CONFIDENCE] = Field(
            False, description="running class means stand in for classes that a batch lacks"
        )

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if task.num_classes < 3:
            return (
                "with two classes the only other class has all of the latent distribution, whatever the sample; "
                "it needs three classes or more"
            )
        try:
            cls.check_backbone(network)
        except UnsupportedError as error:
            return str(error)
        return super().supports(task, network)

    @classmethod
    def check_backbone(cls, network: Network) -> None:
        """Raises UnsupportedError where the backbone has no last stage to copy."""
        network.backbone.last_stage()

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        asked = self.config
        self._rows_of_classes = tuple(map(float, training_set.class_counts.aminmax()))
        self.branches: Branches | BranchClassifiers | None = None
        self.uncertainty: PairwiseUncertainty | None = None
        self.means: ClassMeans | None = None
        if asked.latent_weight > 0 or asked.similarity_weight > 0:
            shape = (1, task.num_classes) if asked.latent_from == "all" else (task.num_classes, task.num_classes - 1)
            self.branches = self.make_branches(*shape)
            self.check_branches(self.branches)
        if asked.uncertainty:
            self.uncertainty = PairwiseUncertainty(self.num_classes, asked.knows_label)
            self.means = ClassMeans(self.num_classes, network.backbone.num_features) if asked.bank else None
        self.begin_epoch(0, 1)

    def make_branches(self, count: int, num_classes: int) -> Branches | BranchClassifiers:
        """The auxiliary branches."""
        return Branches(self.network.backbone, count, num_classes)

    def check_branches(self, branches: Branches | BranchClassifiers) -> None:
        """Raises ConfigError where features are to become alike that are the same ones."""
        if self._similarity_of_features and not branches.learns_features:
            name = type(self).__module__.rpartition(".")[2]
            raise ConfigError(
                f"methods.{name}.similarity_of: features of the branches are the target's own here, as they have no "
                "stage with weights, and would always be as alike; expected logits, or similarity_weight 0"
            )

    @property
    def _similarity_of_features(self) -> bool:
        return bool(self.config.similarity_weight > 0 and self.config.similarity_of == "features")

    def stages(self) -> tuple[Stage, ...]:
        frozen = self.config.freeze_confidence and self.uncertainty is not None
        return (Stage(parts={"uncertainty": "frozen"} if frozen else {}),)

    def branch_inputs(self, inputs: Tensor, pyramid: Pyramid) -> Tensor:
        """What the branches start from: the last level that they share with the target branch."""
        return pyramid.levels[-2] if len(pyramid.levels) > 1 else self.network.preprocess(inputs)

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        self._target_weight = ramp_up(epoch, self.config.ramp_epochs, self.config.ramp)
        self._auxiliary_weight = ramp_down(epoch, self.config.ramp_epochs)

    def weights(self) -> Mapping[str, float]:
        target = self._target_weight
        return {
            "classifier": target,
            "latent": target * self.config.latent_weight,
            "similarity": target * self.config.similarity_weight,
            "auxiliary": self._auxiliary_weight,
        }

    def forward(self, batch: Batch) -> Terms:
        pyramid = self.network.features(batch.inputs)
        logits = self.network.classify(pyramid.pooled)
        index = self.task.index(batch.annotation)
        pooled, classes = gathered(pyramid.pooled), gathered(index)
        scaled = logits
        if self.uncertainty is not None:
            scaled = logits * self.confidence(pyramid.pooled, index, pooled, classes)[:, None]
        terms = {"classifier": sum_and_mass(cross_entropy, scaled, self.task.label(batch.annotation))}
        if self.branches is None:
            return terms
        kept = self.kept(index)
        said = self.branches(self.branch_inputs(batch.inputs, pyramid), kept)
        rows = self.kept(classes).sum(1)  # of each branch, over all processes
        if self.config.latent_weight > 0:
            latent = self.latent(said.logits.detach(), index)  # a label, not a path
            terms["latent"] = self.latent_term(logits, latent, index)
        if self.config.similarity_weight > 0:
            distance = self.similarity(said, pyramid.pooled, pooled, kept, self.kept(classes))
            terms["similarity"] = mean_of_branches(distance, rows.square(), rows, index, classes)
        named = self.branch_classes(index).flatten()
        losses = F.cross_entropy(said.logits.flatten(0, 1).float(), named, reduction="none")
        losses = (losses.view(kept.shape) * kept).sum(1)
        terms["auxiliary"] = mean_of_branches(losses, rows, rows, index, classes)
        return terms

    def similarity(
        self, said: BranchOutputs, features: Tensor, others: Tensor, kept: Tensor, others_kept: Tensor
    ) -> Tensor:
        """Equation 5, summed over the kept pairs of each branch, (B,): of rows (n, D) with all rows (N, D)."""
        own = said.features if self.config.similarity_of == "features" else said.logits
        everyone = gathered(own.transpose(0, 1).contiguous()).transpose(0, 1)
        alike, expected = own @ everyone.mT, features @ others.T
        return similarity_distance(alike, expected, kept, others_kept, reduction="none").sum(-1)

    def kept(self, index: Tensor) -> Tensor:
        """Which rows (N,) each branch learns from, (B, N): all but those of its own class."""
        if self.config.latent_from == "all":
            return torch.ones_like(index, dtype=torch.bool)[None]
        return index != torch.arange(self.num_classes, device=index.device)[:, None]

    def branch_classes(self, index: Tensor) -> Tensor:
        """The class of each row as each branch counts them, (B, N); rows that it does not keep have any."""
        if self.config.latent_from == "all":
            return index[None]
        own = torch.arange(self.num_classes, device=index.device)[:, None]
        return (index - (index > own).long()).clamp_max(self.num_classes - 2)

    def latent(self, said: Tensor, index: Tensor) -> Tensor:
        """The latent distribution of each row, (N, K): of class y what branch y says, and 0 for y itself."""
        if self.config.latent_from == "all":
            return torch.softmax(said[0].float() / self.config.temperature, -1)
        rows = torch.arange(len(index), device=index.device)
        sharpened = torch.softmax(said[index, rows].float() / self.config.temperature, -1)
        places = torch.arange(self.num_classes - 1, device=index.device).expand_as(sharpened)
        places = places + (places >= index[:, None]).long()
        return sharpened.new_zeros(len(index), self.num_classes).scatter(1, places, sharpened)

    def latent_term(self, logits: Tensor, latent: Tensor, index: Tensor) -> SumAndMass:
        """L_soft: mean squared difference to the target's probabilities, over the classes that a branch knows."""
        difference = (latent - torch.softmax(logits.float(), -1)).square()
        if self.config.latent_from == "others":
            difference = difference.scatter(1, index[:, None], 0.0)
        classes = self.num_classes - (self.config.latent_from == "others")
        return SumAndMass(difference.sum() / classes, difference.new_tensor(len(index)))

    def confidence(self, features: Tensor, index: Tensor, others: Tensor, classes: Tensor) -> Tensor:
        """alpha (n,): of rows (n, D), from their similarity to all rows of the batch (N, D)."""
        assert self.uncertainty is not None
        one_hot = F.one_hot(classes, self.num_classes).float()
        leaves_out = self.config.exclude_self or not self.config.knows_label
        place = torch.arange(len(index), device=index.device) + first_row(index) if leaves_out else None
        if self.means is not None and self.training:
            self.means.follow(others.detach(), one_hot)
        means = None if self.means is None else self.means.current
        similarity = class_similarity(features, others, one_hot, place, means)
        if self.config.scale_similarities:
            similarity = min_max_scaled(similarity)
        found: Tensor = self.uncertainty(similarity, F.one_hot(index, self.num_classes).float())
        return found

    def notes(self, sampler: SamplerName) -> list[str]:
        return [note for note in (self._cost(), self._unevenness(sampler)) if note is not None]

    def _cost(self) -> str | None:
        if self.branches is None:
            return None
        extra, shipped = (sum(p.numel() for p in part.parameters()) for part in (self.branches, self.network))
        if extra < MANY_TIMES * shipped:
            return None
        return (
            f"dmue trains a copy of the last stage for each of {self.num_classes} classes: {extra / 1e6:.1f} M weights "
            f"beside the {shipped / 1e6:.1f} M that ship; dmue_shared has classifiers alone"
        )

    def _unevenness(self, sampler: SamplerName) -> str | None:
        few, many = self._rows_of_classes
        blind = self.uncertainty is None or not self.uncertainty.knows_label
        if blind or sampler == "balanced" or many < UNEVEN * few:
            return None
        return (
            f"classes have {few:,.0f} to {many:,.0f} rows: dmue's confidence may count rare ones for little, "
            "unless knows_label=false"
        )

    def row_scores(self, batch: Batch) -> Mapping[str, Tensor]:
        pyramid = self.network.features(batch.inputs)
        index = self.task.index(batch.annotation)
        scores = {}
        if self.uncertainty is not None:
            scores["alpha"] = self.confidence(pyramid.pooled, index, pyramid.pooled, index)
        if self.branches is not None:
            said = self.branches(self.branch_inputs(batch.inputs, pyramid), self.kept(index))
            scores["latent"] = self.latent(said.logits, index)
        return scores


def mean_of_branches(sums: Tensor, masses: Tensor, rows: Tensor, own: Tensor, everyone: Tensor) -> SumAndMass:
    """The mean over branches with rows of sum / mass (B,), as a sum and a mass that add up over processes.

    rows   (B,) rows of each branch over all processes, whose own rows and all rows have the classes own and everyone
    """
    present = (rows > 0).sum().clamp_min(1)
    mean = (sums / masses.clamp_min(1)).sum() / present
    return SumAndMass(mean * len(everyone), mean.new_tensor(len(own)))


def ramp_up(epoch: int, ramp_epochs: int, kind: Literal["paper", "code"]) -> float:
    """w_u: exp(-(1 - e / beta)^2) until epoch beta, then 1; the released code has 5 times the exponent."""
    factor = 1 if kind == "paper" else 5
    return math.exp(-factor * (1 - min(epoch, ramp_epochs) / ramp_epochs) ** 2)


def ramp_down(epoch: int, ramp_epochs: int) -> float:
    """w_d: 1 until epoch beta, then exp(-(1 - beta / e)^2), which falls towards 1 / e."""
    return math.exp(-((1 - ramp_epochs / max(epoch, ramp_epochs)) ** 2))
