"""A mixture of Gaussians over related labels as the label of a row, after DLDL (TIP 2017, section 3.2.3).

DLDL gives every absent label the same small amount. Here an absent label gets more, the nearer it is to a present one:
a Gaussian stands on every present label, with weights for which the present labels keep the amounts that DLDL gives
them. Near is what occurs together, d^2 = -log(n_jk / (n_j + n_k - n_jk)); what lies near on an axis, d = |v_j - v_k|;
or what has a vector of like direction, d^2 = 1 - cosine. No publication of exactly this is known.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.data.reading.label_vectors import read_label_vectors
from softlabel.errors import ConfigError
from softlabel.labels import LabelDistribution, dense, gaussian_mixture, levels, mix
from softlabel.labels.label_distance import cooccurrence_distance, embedding_distance, grid_distance
from softlabel.labels.levels import DIFFICULT, POSITIVE, check_amounts
from softlabel.losses import kl_divergence, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Share, Terms, TrainingSet
from softlabel.networks.network import Network
from softlabel.tasks.task import Task

HALVINGS = 40


class LabelMixture(Method):
    """The KL divergence to that label; two labels that share s of their rows are s^(1 / 2 sigma^2) alike.

    On a label axis the value nearest to a row's is present, and those within the annotators' spread are difficult.

    The controls tell whether relations matter, or softness alone does: 'shuffled' has every label take the relations of
    another one; 'smoothing' spreads as much entropy evenly over all labels.
    """

    files = ("embeddings",)

    class Config(MethodConfig):
        sigma: float = Field(
            0.5, ge=0, le=1e6, description="width of the Gaussians in label distance; 0 gives DLDL's own label"
        )
        distance: Literal["auto", "cooccurrence", "grid", "embedding"] = Field(
            "auto",
            description="what says how near labels are: how often they are together, their values on an axis, or "
            "vectors; auto: grid where the task has an axis, else cooccurrence",
        )
        embeddings: str | None = Field(
            None, description="file of a vector per class, .csv (name, numbers) or .npz (names, vectors)"
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
        if task.several_labels or task.grid is not None:
            return None
        return f"it relates labels of a row or of an axis, and a row of the task {task.name} has neither"

    def __init__(self, config: MethodConfig, network: Network, task: Task, training_set: TrainingSet) -> None:
        super().__init__(config, network, task, training_set)
        assert training_set.annotation is not None
        self._check()
        level = self.levels(training_set.annotation)
        distance = self._distance(level)
        if self.config.control == "shuffled":
            taken = shifted(torch.randperm(len(distance)))
            distance = distance[taken][:, taken]
        self.register_buffer("distance", distance, persistent=False)
        self.even = self._even_share(level) if self.config.control == "smoothing" else 0.0

    def _check(self) -> None:
        try:
            check_amounts(self.config.positive, self.config.difficult, self.config.negative)
        except ValueError as error:
            raise ConfigError(f"label_mixture: {error}") from None
        if (self._kind == "embedding") != (self.config.embeddings is not None):
            raise ConfigError(
                "methods.label_mixture.embeddings: the file of vectors goes with distance embedding, and only with it"
            )
        if self._kind == "cooccurrence" and not self.task.several_labels:
            raise ConfigError(
                "methods.label_mixture.distance: 'cooccurrence' is of several labels a row, and the task "
                f"{self.task.name} has one; expected grid or embedding"
            )

    @property
    def _kind(self) -> str:
        if self.config.distance == "auto":
            return "cooccurrence" if self.task.several_labels else "grid"
        return str(self.config.distance)

    def _distance(self, level: Tensor) -> Tensor:
        if self._kind == "embedding":
            path = Path(str(self.config.embeddings)).expanduser()
            return embedding_distance(read_label_vectors(path, self.task.class_names))
        return grid_distance(self._axis()) if self._kind == "grid" else cooccurrence_distance(level)

    def _axis(self) -> Tensor:
        """The values of the labels (K,). Raises ConfigError with the first class whose name is no number."""
        if self.task.grid is not None:
            return self.task.grid
        for name in self.task.class_names:
            if not is_number(name):
                raise ConfigError(
                    f"methods.label_mixture.distance: 'grid' takes classes as values on an axis, and {name!r} is not a "
                    "number; expected classes named by numbers, cooccurrence or embedding"
                )
        return torch.tensor([float(name) for name in self.task.class_names], dtype=torch.float64)

    def levels(self, annotation: Tensor) -> Tensor:
        """The levels (N, K) of rows: those that they have, or of a value and its spread (N, 2) on the axis."""
        if self.task.grid is None:
            return annotation
        value, spread = annotation.unbind(-1)
        apart = (self.task.grid.to(annotation.device) - value[:, None]).abs()
        level = DIFFICULT * (apart <= spread.nan_to_num(0.0)[:, None]).to(torch.uint8)
        return level.scatter(1, self.task.index(annotation)[:, None], POSITIVE)

    def forward(self, batch: Batch) -> Terms:
        label = self.label(self.levels(batch.annotation))
        return {"kl_divergence": sum_and_mass(kl_divergence, self.network(batch.inputs), label)}

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


def is_number(name: str) -> bool:
    """Whether a class's name is a finite number."""
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def evened(label: LabelDistribution, share: float) -> LabelDistribution:
    """A share of each label spread over all classes; an ignored row stays ignored."""
    even = torch.full((*label.shape, label.num_classes), 1 / label.num_classes, device=label.device)
    return mix(dense(even, validate=False), label, share)


def shifted(order: Tensor) -> Tensor:
    """A permutation (K,) that leaves nothing in its place: each takes what the next one in this order has."""
    taken = torch.empty_like(order)
    taken[order] = order.roll(-1)
    return taken
