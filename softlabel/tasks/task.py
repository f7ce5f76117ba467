"""What is predicted: the label space, the default label distribution, how logits become an answer, what is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from torch import Tensor

from softlabel.data.annotation import AnnotationKind
from softlabel.labels import LabelDistribution
from softlabel.statistic import Contribution, Statistic
from softlabel.tasks.link import Link

ForTemperature = tuple[Tensor, Tensor | LabelDistribution, Tensor]


class Scores(Protocol):
    """Adds up scores over batches of logits and annotations."""

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """The scores, in the order in which they are shown; the first is the primary one."""

    def update(self, logits: Tensor, annotation: Tensor) -> None:
        """Add a batch: logits (N, K), annotation as in `Batch`."""

    def scores(self) -> dict[str, float | None]:
        """Every score by name; None where it is undefined (an empty group)."""

    def row_contributions(self) -> dict[str, Contribution]:
        """What each row added to each score: what statistics resample. Only with `keep_rows`."""


class Evaluator(Scores, Protocol):
    """Adds up batches of logits and annotations, for scores and for what a report draws."""

    def alone(self, name: str, *, keep_rows: bool = False) -> Scores:
        """A new evaluator of one of these scores alone, which reads annotations as this one does."""

    def reliability(self) -> list[dict[str, float | int | None]]:
        """The non-empty bins of the reliability diagram: low, high, count, confidence, accuracy."""

    def details(self) -> dict[str, Any]:
        """What a report draws besides, as JSON: per-class table, groups, confusion."""


class Task(Protocol):
    """The contract between data, methods, loop and report. No other floor knows what is predicted."""

    name: ClassVar[str]
    annotation_kind: ClassVar[AnnotationKind]
    spreads: ClassVar[bool]
    """Whether labels have neighbours, so that `spread_label` can be asked for."""
    class_balanced: bool
    """Whether every class counts alike where an epoch is chosen and a temperature fitted, and not every row."""
    one_class: ClassVar[bool]
    """Whether one class stands for each sample, so that rows can be drawn, or tables be kept, by class."""
    per_pixel: ClassVar[bool]
    """Whether every pixel has a distribution of its own: logits are (N, K, H, W)."""
    selects_calibrated: ClassVar[bool]
    """Whether the score that selects is a likelihood, so that epochs are compared with temperatures of their own."""
    selects: ClassVar[Literal["lowest", "highest"]]
    """Which value of the selection score is best."""
    mirrors: bool
    """Whether what is true of a mirrored image lies in the label space, so that images may be mirrored."""
    link: Link
    """How logits become probabilities."""
    answer_fields: ClassVar[tuple[str, ...]]
    """What an answer says besides the distribution."""
    class_names: list[str]

    @property
    def num_classes(self) -> int:
        """K, the number of logits."""

    def label(self, annotation: Tensor) -> LabelDistribution:
        """The default label distribution of a batch, without checks: (N, ...) -> labels of shape (N, K)."""

    def spread_label(self, annotation: Tensor, sigma: float | None) -> LabelDistribution:
        """The label spread over its neighbours, in units of the label axis; None: as wide as the annotators', or usual.

        Only where `spreads`.
        """

    def mirror(self, annotation: Tensor, mirrored: Tensor) -> Tensor:
        """What is true of a batch whose images `mirrored`, bool (N,), were mirrored left to right."""

    def index(self, annotation: Tensor) -> Tensor:
        """The class that stands for each sample, int64 (N,): its label, or the first of the classes with most votes."""

    def truth(self, annotation: Tensor) -> Tensor:
        """What scores compare with: class indices (N,) or distributions (N, K)."""

    def for_temperature(self, logits: Tensor, annotation: Tensor) -> ForTemperature:
        """Logits and labels to which a temperature is fitted, and the sample (N,) that each row of them belongs to."""

    def class_counts(self, annotation: Tensor) -> Tensor:
        """Samples, or mass of votes, per class, float64 (K,)."""

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """One integer stratum per sample, for splits."""

    def statistics(self, class_counts: Tensor, groups: Literal["counts", "thirds"]) -> Sequence[Statistic]:
        """The scores in the order in which they are shown; the first is the primary one."""

    def evaluator(
        self, class_counts: Tensor, groups: Literal["counts", "thirds"], *, keep_rows: bool = False
    ) -> Evaluator:
        """A fresh evaluator; `class_counts` (of the training part) and `groups` define many, medium and few."""

    def selection_score(self) -> str:
        """The name of the score by which the validation split selects."""

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """What `predict` says of each row of probabilities (N, K): label, confidence, the whole distribution."""

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """An answer in a few words, one text a column."""

    def describe(self, annotation: Tensor) -> list[str]:
        """What is true of each row, in words."""

    def to_json(self) -> dict[str, Any]:
        """What a saved model needs to make this task again."""
