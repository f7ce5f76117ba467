"""What is predicted: the label space, the default label distribution, how logits become an answer, what is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.calibration.ece import AdaptiveCalibrationError, DebiasedCalibrationError, ExpectedCalibrationError
from softlabel.data.annotation import AnnotationKind
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.labels import LabelDistribution
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.brier import Brier
from softlabel.metrics.groups import group_accuracies
from softlabel.metrics.nll import BalancedNegativeLogLikelihood, NegativeLogLikelihood
from softlabel.statistic import Statistic
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.evaluator import ClassEvaluator, Evaluator, Groups
from softlabel.tasks.link import Link

ForTemperature = tuple[Tensor, Tensor | LabelDistribution, Tensor]


class Task(ABC):
    """The contract between data, methods, loop and report: no other floor asks which task it is.

    A new task says what label, class, truth and stratum an annotation has; all else is as of K named classes until it
    says otherwise.
    """

    name: ClassVar[str]
    annotation_kind: ClassVar[AnnotationKind]
    spreads: ClassVar[bool] = False
    """Whether labels have neighbours, so that `spread_label` can be asked for."""
    grid: Tensor | None = None
    """The values of the labels, ascending float (K,), where they lie on one axis; None where on none or on several."""
    one_class: ClassVar[bool] = True
    """Whether one class stands for each sample, so that rows can be drawn, or tables be kept, by class."""
    several_labels: ClassVar[bool] = False
    """Whether any number of labels is true of a sample, each by itself: annotations are levels (N, K)."""
    per_pixel: ClassVar[bool] = False
    """Whether every pixel has a distribution of its own: logits are (N, K, H, W)."""
    class_balanced: bool = False
    """Whether every class counts alike where an epoch is chosen and a temperature fitted, and not every row."""
    selects_calibrated: ClassVar[bool] = True
    """Whether the score that selects is a likelihood, so that epochs are compared with temperatures of their own."""
    selects: ClassVar[Literal["lowest", "highest"]] = "lowest"
    """Which value of the selection score is best."""
    mirrors: bool = True
    """Whether what is true of a mirrored image lies in the label space, so that images may be mirrored."""
    link: Link = "softmax"
    """How logits become probabilities."""
    answer_fields: ClassVar[Mapping[str, type]] = {"label": str, "confidence": float}
    """What an answer says besides the distribution: numbers (float) and text, as which lists are written too (str)."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self.class_names = list(class_names)

    @property
    def printed(self) -> str:
        """Python that prints the answer of probabilities `p` of one row; `said` has the names of the classes."""
        return 'print(said["class_names"][p.argmax()], f"{p.max():.3f}")'

    @classmethod
    def for_source(cls, class_names: Sequence[str], annotation: Tensor, axis: AxisConfig) -> Self:
        """The task for a source's classes, and all of its annotations. Raises ConfigError for an axis without order."""
        if axis != AxisConfig():
            raise ConfigError(f"axis: the task {cls.name} has no label axis; it fits the tasks ordinal and pose")
        return cls(class_names)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """The task that `to_json` described."""
        return cls(saved["class_names"])

    def to_json(self) -> dict[str, Any]:
        """What a saved model needs to make this task again."""
        return {"name": self.name, "class_names": self.class_names}

    def read_as(self, link: Link) -> Self:
        """This task, for logits that are read so. Raises UnsupportedError where one class alone is true."""
        if link != self.link:
            raise UnsupportedError(f"the task {self.name} reads logits by {self.link}, not by {link}")
        return self

    def by_classes(self) -> Self:
        """This task, with classes counting alike on validation rows. Raises ConfigError where a row has no class."""
        raise ConfigError(
            f"validation_weights: 'classes' is for rows of one class each; the task {self.name} counts every row alike"
        )

    @property
    def num_classes(self) -> int:
        """K, the number of logits."""
        return len(self.class_names)

    @abstractmethod
    def label(self, annotation: Tensor) -> LabelDistribution:
        """The default label distribution of a batch, without checks: (N, ...) -> labels of shape (N, K)."""

    def spread_label(self, annotation: Tensor, sigma: float | None) -> LabelDistribution:
        """The label spread over its neighbours, in units of the label axis; None: as wide as the annotators', or usual.

        Only where `spreads`.
        """
        raise NotImplementedError(f"classes of the task {self.name} have no neighbours")

    @abstractmethod
    def index(self, annotation: Tensor) -> Tensor:
        """The class that stands for each sample, int64 (N,): its label, or the first of the classes with most votes."""

    @abstractmethod
    def truth(self, annotation: Tensor) -> Tensor:
        """What scores compare with: class indices (N,) or distributions (N, K)."""

    def mirror(self, annotation: Tensor, mirrored: Tensor) -> Tensor:
        """What is true of a batch whose images `mirrored`, bool (N,), were mirrored left to right: here the same."""
        return annotation

    def for_temperature(self, logits: Tensor, annotation: Tensor) -> ForTemperature:
        """Logits and labels to which a temperature is fitted, and the sample (N,) that each row of them belongs to."""
        return logits, self.truth(annotation), torch.arange(len(logits))

    @abstractmethod
    def class_counts(self, annotation: Tensor) -> Tensor:
        """Samples, or mass of votes, per class, float64 (K,)."""

    @abstractmethod
    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """One integer stratum per sample, for splits."""

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        """The scores in the order in which they are shown; the first is the primary one."""
        return (
            NegativeLogLikelihood(),
            Accuracy(),
            BalancedAccuracy(self.num_classes),
            *group_accuracies(class_counts, groups),
            Brier(),
            ExpectedCalibrationError(),
            ClasswiseCalibrationError(self.num_classes),
            AdaptiveCalibrationError(),
            DebiasedCalibrationError(),
            BalancedNegativeLogLikelihood(self.num_classes),
        )

    def evaluator(self, class_counts: Tensor, groups: Groups, *, keep_rows: bool = False) -> Evaluator:
        """A fresh evaluator; `class_counts` (of the training part) and `groups` define many, medium and few."""
        statistics = self.statistics(class_counts, groups)
        return ClassEvaluator(statistics, self.class_names, self.truth, class_counts, groups, keep_rows=keep_rows)

    def selection_score(self) -> str:
        """The name of the score by which the validation split selects."""
        return (BalancedNegativeLogLikelihood if self.class_balanced else NegativeLogLikelihood).name

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """What `predict` says of each row of probabilities (N, K): label, confidence, the whole distribution."""
        confidence, index = probabilities.max(-1)
        return [
            {
                "label": self.class_names[best],
                "confidence": sure,
                "distribution": dict(zip(self.class_names, row, strict=True)),
            }
            for best, sure, row in zip(index.tolist(), confidence.tolist(), probabilities.tolist(), strict=True)
        ]

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """An answer in a few words, one text a column: the three most probable classes, or that it abstains."""
        likely = sorted(answer["distribution"].items(), key=lambda item: -item[1])[:3]
        return [*(f"{name} {share:.3f}" for name, share in likely), *(["abstains"] if answer["label"] is None else [])]

    def describe(self, annotation: Tensor) -> list[str]:
        """What is true of each row, in words."""
        return [self.class_names[index] for index in self.index(annotation).tolist()]

    def describe_axes(self) -> str | None:
        """The axes of the labels in words: from where to where, and how many labels; None where classes have none."""
        return None

    def along_axes(
        self, annotation: Tensor, probabilities: Tensor, label: LabelDistribution | None
    ) -> list[dict[str, Any]]:
        """What a report draws of each row along the axes of the labels, by the kind of drawing, as JSON: here nothing.

        Annotations (N, ...), probabilities (N, K) and, where they are known, the labels (N, K) that such rows are
        trained on.
        """
        return [{} for _ in annotation]
