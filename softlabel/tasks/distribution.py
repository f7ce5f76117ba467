"""Distribution: what is true of a sample is a distribution over the classes, such as the votes of a crowd."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from softlabel.data.annotation import VOTES
from softlabel.labels import LabelDistribution, dense
from softlabel.metrics.distances import Canberra, Chebyshev, Clark, Cosine, Intersection
from softlabel.metrics.kl import KullbackLeibler
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import Groups
from softlabel.tasks.task import Task


class Distribution(Task):
    """The annotation is votes or probabilities, float (N, K); the default label is their share of the sum."""

    name = "distribution"
    annotation_kind = VOTES

    def label(self, annotation: Tensor) -> LabelDistribution:
        return dense(self.truth(annotation), validate=False)

    def index(self, annotation: Tensor) -> Tensor:
        return annotation.argmax(-1)

    def class_counts(self, annotation: Tensor) -> Tensor:
        return self.truth(annotation.double()).sum(0)

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        return self.index(annotation).numpy()

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        """With the KL divergence, which is 0 where the prediction equals the votes, and the other distances to them."""
        nll, *others = super().statistics(class_counts, groups)
        return (nll, KullbackLeibler(), *others, Chebyshev(), Clark(), Canberra(), Cosine(), Intersection())

    def truth(self, annotation: Tensor) -> Tensor:
        return annotation / annotation.sum(-1, keepdim=True)
