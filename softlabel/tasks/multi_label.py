"""Multi-label: any number of classes is true of a sample, some perhaps difficult to tell (DLDL, section 3.2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from softlabel.data.annotation import LEVELS
from softlabel.labels import LabelDistribution, hard, levels
from softlabel.labels.levels import DIFFICULT, POSITIVE
from softlabel.metrics.average_precision import MeanAveragePrecision
from softlabel.metrics.label_ranking import Coverage, LabelRankingPrecision, OneError, RankingLoss
from softlabel.metrics.ranking import StreamingRanking
from softlabel.metrics.thresholded import F1, HammingLoss, present
from softlabel.statistic import Statistic
from softlabel.tasks.evaluator import Evaluator, Groups, finite
from softlabel.tasks.link import Link
from softlabel.tasks.task import ForTemperature, Task

THRESHOLD = 0.5


class MultiLabel(Task):
    """The annotation is (N, K) of levels: 2 positive, 1 difficult, 0 negative.

    The default label is the levels' amounts 1, 0.3 and 0.005, divided by their sum. Rows without a positive or
    difficult class have no such distribution: a loss of distributions leaves them out (mass 0), the sigmoid learns from
    them, and mAP and Hamming loss count them as negatives of every class; scores of a row's order leave them out.

    link  softmax: shares of one whole, and a class is answered from half of the largest share on; sigmoid: each class
          has a probability of its own, and is answered from 0.5 on
    """

    name = "multi-label"
    annotation_kind = LEVELS
    one_class = False
    several_labels = True
    selects_calibrated = False
    selects: ClassVar[Literal["lowest", "highest"]] = "highest"
    answer_fields: ClassVar[Mapping[str, type]] = {"labels": str}

    def __init__(self, class_names: Sequence[str], link: Link = "softmax") -> None:
        super().__init__(class_names)
        if link not in ("softmax", "sigmoid"):
            raise ValueError(f"link is {link!r}, expected 'softmax' or 'sigmoid'")
        self.link = link

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        return cls(saved["class_names"], saved["link"])

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "link": self.link}

    def read_as(self, link: Link) -> Self:
        return type(self)(self.class_names, link)

    @property
    def relative(self) -> bool:
        """Whether the threshold is relative to the largest probability of a row."""
        return self.link == "softmax"

    def label(self, annotation: Tensor) -> LabelDistribution:
        return levels(annotation, validate=False)

    def index(self, annotation: Tensor) -> Tensor:
        """The first of each row's positive classes; of its difficult ones, or 0, where there is none."""
        return annotation.argmax(-1)

    def truth(self, annotation: Tensor) -> Tensor:
        """The default label, and zeros for a row without a positive or difficult class."""
        return self.label(annotation).dense()

    def for_temperature(self, logits: Tensor, annotation: Tensor) -> ForTemperature:
        """Softmax: the default labels. Sigmoid: every label as a choice of two, which difficult ones are not part of.

        The labels of a row belong together.
        """
        row = torch.arange(len(logits))
        if self.link == "softmax":
            return logits, self.label(annotation), row
        level = annotation.flatten().long()
        choice = torch.where(level == DIFFICULT, -1, level // POSITIVE)
        flat = logits.flatten()
        pairs = torch.stack([torch.zeros_like(flat), flat], -1)
        return pairs, hard(choice, 2, ignore_index=-1), row.repeat_interleave(logits.shape[1])

    def class_counts(self, annotation: Tensor) -> Tensor:
        """Positive rows per class."""
        return (annotation == POSITIVE).double().sum(0)

    def stratify(self, annotation: Tensor) -> np.ndarray[Any, Any]:
        """The rarest of each row's positive classes, and K where it has none: so a rare class comes into every part."""
        positive = annotation == POSITIVE
        rarity = torch.where(positive, positive.sum(0), len(annotation) + 1)
        rarest = torch.where(positive.any(-1), rarity.argmin(-1), self.num_classes)
        return rarest.numpy()

    def statistics(self, class_counts: Tensor, groups: Groups) -> tuple[Statistic, ...]:
        return (
            MeanAveragePrecision(self.num_classes),
            RankingLoss(),
            LabelRankingPrecision(),
            OneError(),
            Coverage(),
            HammingLoss(self.num_classes, THRESHOLD, relative=self.relative),
            F1(self.num_classes, "micro", THRESHOLD, relative=self.relative),
            F1(self.num_classes, "macro", THRESHOLD, relative=self.relative),
        )

    def evaluator(self, class_counts: Tensor, groups: Groups, *, keep_rows: bool = False) -> LabelEvaluator:
        statistics = self.statistics(class_counts, groups)
        return LabelEvaluator(statistics, self.class_names, class_counts, link=self.link, keep_rows=keep_rows)

    def selection_score(self) -> str:
        return MeanAveragePrecision.name

    @property
    def printed(self) -> str:
        least = f"{THRESHOLD} * p.max()" if self.relative else f"{THRESHOLD}"
        return f'print(*[name for name, share in zip(said["class_names"], p) if share >= {least}])'

    def answer(self, probabilities: Tensor) -> list[dict[str, Any]]:
        """The labels that reach the threshold, most probable first, and the probability of every class."""
        found = present(probabilities.log(), THRESHOLD, relative=self.relative)
        order = probabilities.argsort(stable=True, dim=-1, descending=True)
        return [
            {
                "labels": [self.class_names[k] for k in best if reached[k]],
                "distribution": dict(zip(self.class_names, row, strict=True)),
            }
            for best, reached, row in zip(order.tolist(), found.tolist(), probabilities.tolist(), strict=True)
        ]

    def tell(self, answer: Mapping[str, Any]) -> list[str]:
        """The labels with their probabilities; where none reaches the threshold, the nearest to it."""
        shares = answer["distribution"]
        if answer["labels"]:
            return [", ".join(f"{name} {shares[name]:.3f}" for name in answer["labels"])]
        nearest = max(shares, key=lambda name: shares[name])
        return [f"no label (nearest: {nearest} {shares[nearest]:.3f})"]

    def describe(self, annotation: Tensor) -> list[str]:
        """The positive classes, and the difficult ones with a question mark."""
        return [_named(self.class_names, row) for row in annotation.tolist()]


class LabelEvaluator(Evaluator):
    """Adds up batches of logits (N, K) and levels (N, K); mAP needs the order of all rows, so memory is O(N K)."""

    def __init__(
        self,
        statistics: Sequence[Statistic],
        class_names: Sequence[str],
        class_counts: Tensor,
        *,
        link: Link,
        keep_rows: bool = False,
    ) -> None:
        self._class_names = class_names
        self._class_counts = class_counts
        super().__init__(statistics, [], lambda annotation: annotation, link=link, keep_rows=keep_rows)

    def details(self) -> dict[str, Any]:
        """For every label its positive rows, the rows where it is not difficult, and its average precision, as JSON."""
        (ranking,) = [score for score in self._scores if isinstance(score, StreamingRanking)]
        precision = ranking.statistic
        assert isinstance(precision, MeanAveragePrecision)
        rows = ranking.rows
        per_class = precision.per_class(rows, rows.new_ones(len(rows), 1))[:, 0]
        role = rows[:, precision.num_classes :]
        return {
            "by_label": [
                {
                    "class": name,
                    "training_count": float(self._class_counts[k]),
                    "test_count": int((role[:, k] > 0).sum()),
                    "counted": int((role[:, k] >= 0).sum()),
                    "average_precision": finite(float(per_class[k])),
                }
                for k, name in enumerate(self._class_names)
            ]
        }


def _named(class_names: Sequence[str], row: Sequence[int]) -> str:
    names = [name for name, level in zip(class_names, row, strict=True) if level == POSITIVE]
    unsure = [f"{name}?" for name, level in zip(class_names, row, strict=True) if level == DIFFICULT]
    return ", ".join([*names, *unsure]) or "no label"
