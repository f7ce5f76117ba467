"""Classification: one class per sample is true."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from softlabel.data.annotation import LABEL
from softlabel.labels import LabelDistribution, hard
from softlabel.tasks.task import Task


class Classification(Task):
    """The annotation is a class index, int64 (N,); the default label is all of its class."""

    name = "classification"
    annotation_kind = LABEL

    def by_classes(self) -> Self:
        task = copy.copy(self)
        task.class_balanced = True
        return task

    def label(self, annotation: Tensor) -> LabelDistribution:
        return hard(annotation, self.num_classes, validate=False)

    def index(self, annotation: Tensor) -> Tensor:
        return annotation

    def class_counts(self, annotation: Tensor) -> Tensor:
        return torch.bincount(annotation, minlength=self.num_classes).double()

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        return annotation.numpy()

    def truth(self, annotation: Tensor) -> Tensor:
        return annotation
