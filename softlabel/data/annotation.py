"""The kinds of annotation: what is true of a row, as one class, votes, numbers, levels of classes, or a mask.

Each kind is one object that knows all in which it differs from the others. Other modules ask it for a fact and never
compare with one, so that a new kind is one more class and object here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.labels.levels import POSITIVE
from softlabel.text.numbers import count

VOID = 255
"""In a mask: a pixel of which nothing is known."""


class AnnotationKind:
    """What every kind knows; what is written here is so for kinds with a column for each class.

    name                what it is called, and its column in the dataset of a source
    dtype, row          type of an annotation, and the axes that one row of it has
    option              the field of `DataConfig` that names its columns in a table; None where no table holds it
    fields              names of the numbers of a row, each a column of the dataset; () where the row is one column
    has, per            what there is of it, and of what: 'one class label', 'per row'
    described           what follows 'N classes' in the description of a source
    unseen              what is missing where no training row has a class
    numbers             whether a row holds numbers of which there are no classes
    is_index            whether a row is the index of its one class
    are_votes           whether a row says how many, or which share, chose each class
    per_class           whether a row says something of every class, so that none may be left out
    strata_are_classes  whether rows are split, and made long-tailed, by their class
    of_pixels           whether a row says something of every pixel, so that nothing may be cut off its image
    correctable         whether a person can put another class in the place of a row's
    """

    name: ClassVar[str]
    dtype: ClassVar[np.dtype[Any]]
    row: ClassVar[tuple[str, ...]]
    option: ClassVar[str | None] = None
    fields: ClassVar[tuple[str, ...]] = ()
    has: ClassVar[str]
    per: ClassVar[str] = "per row"
    described: ClassVar[str] = ""
    unseen: ClassVar[str] = ""
    numbers: ClassVar[bool] = False
    is_index: ClassVar[bool] = False
    are_votes: ClassVar[bool] = False
    per_class: ClassVar[bool] = False
    strata_are_classes: ClassVar[bool] = False
    of_pixels: ClassVar[bool] = False
    correctable: ClassVar[bool] = False

    @property
    def given(self) -> str:
        """What a source of this kind has."""
        return f"{self.has} {self.per}"

    @property
    def instead_of_class(self) -> str:
        """What a source has where strata are no classes."""
        return self.given

    def fits(self, annotation: NDArray[Any]) -> bool:
        """Whether annotations (N, ...) have the type and the axes of this kind."""
        return annotation.dtype == self.dtype and annotation.ndim == 1 + len(self.row)

    def describe(self, annotation: Tensor, class_names: Sequence[str]) -> str:
        """What a source says of its annotations (N, ...)."""
        return f"{len(class_names)} classes{self.described}"

    def reason(self, annotation: Tensor) -> str:
        """What is seen in annotations (N, ...), and makes a task be chosen."""
        return f"each row has {self.has}"

    def told_columns(self, asked: Sequence[str], class_names: Sequence[str]) -> Sequence[str]:
        """The columns to name with that reason, where these names or patterns were `asked` for."""
        return asked

    def seen(self, annotation: NDArray[Any], num_classes: int) -> NDArray[np.bool_]:
        """Which classes (K,) some row of the annotations (N, ...) has."""
        seen: NDArray[np.bool_] = (annotation != 0).any(0)
        return seen

    def renumbered(self, annotation: Tensor, place: Tensor, num_classes: int) -> Tensor:
        """Annotations (N, ...) in the order of other classes, where class k stands at place[k]."""
        wide = annotation.new_zeros(len(annotation), num_classes)
        wide[:, place] = annotation
        return wide


class _Label(AnnotationKind):
    """int64 (N,), the class index."""

    name = "label"
    dtype = np.dtype(np.int64)
    row = ()
    option = "label_column"
    has = "one class label"
    unseen = "no training rows"
    is_index = True
    strata_are_classes = True
    correctable = True

    def reason(self, annotation: Tensor) -> str:
        return "each row has one label"

    def seen(self, annotation: NDArray[Any], num_classes: int) -> NDArray[np.bool_]:
        return np.bincount(annotation, minlength=num_classes) > 0

    def renumbered(self, annotation: Tensor, place: Tensor, num_classes: int) -> Tensor:
        return place[annotation]


class _Votes(AnnotationKind):
    """float32 (N, K), votes or probabilities."""

    name = "votes"
    dtype = np.dtype(np.float32)
    row = ("K",)
    option = "vote_columns"
    has = "votes or probabilities"
    described = ", votes or probabilities"
    unseen = "no votes in the training rows"
    are_votes = True
    per_class = True
    strata_are_classes = True

    def reason(self, annotation: Tensor) -> str:
        """How many votes a row has; rows that all sum to 1 hold probabilities."""
        sums = annotation.sum(-1)
        fewest, most = float(sums.min()), float(sums.max())
        if most - fewest < 1e-3 and abs(most - 1) < 1e-3:
            return "each row has probabilities"
        return f"each row has {count(fewest) if fewest == most else f'{count(fewest)} to {count(most)}'} votes"


class _Numbers(AnnotationKind):
    """float32 (N, 2); of a source without names of columns the first number is the value."""

    dtype = np.dtype(np.float32)
    row = ("2",)
    numbers = True

    def describe(self, annotation: Tensor, class_names: Sequence[str]) -> str:
        ranges = [f"{values.min():g} to {values.max():g}" for values in annotation[:, : len(class_names) or 1].T]
        return ", ".join(f"{name} from {span}" for name, span in zip(class_names or ["values"], ranges, strict=True))


class _Value(_Numbers):
    """float32 (N, 2), a number and its spread, NaN where that is not known."""

    name = "value"
    option = "value_column"
    fields = ("value", "sigma")
    has = "a number"


class _Values(_Numbers):
    """float32 (N, 2), two numbers such as pitch and yaw; the names of their columns stand in the place of classes."""

    name = "values"
    option = "value_columns"
    has = "two numbers"

    def told_columns(self, asked: Sequence[str], class_names: Sequence[str]) -> Sequence[str]:
        return class_names


class _Levels(AnnotationKind):
    """uint8 (N, K), of every class 2 positive, 1 difficult, 0 negative."""

    name = "levels"
    dtype = np.dtype(np.uint8)
    row = ("K",)
    option = "level_columns"
    has = "any number of labels"
    described = ", any number of them a row"
    unseen = "no positive rows in the training rows"
    per_class = True

    @property
    def instead_of_class(self) -> str:
        return "any number of classes per row"

    def told_columns(self, asked: Sequence[str], class_names: Sequence[str]) -> Sequence[str]:
        return ()

    def seen(self, annotation: NDArray[Any], num_classes: int) -> NDArray[np.bool_]:
        seen: NDArray[np.bool_] = (annotation == POSITIVE).any(0)
        return seen


class _Mask(AnnotationKind):
    """uint8 (N, H, W), the class index of every pixel, 255 where it is void."""

    name = "mask"
    dtype = np.dtype(np.uint8)
    of_pixels = True
    row = ("H", "W")
    has = "a class"
    per = "per pixel"
    described = " of pixels"
    unseen = "no pixels in the training rows"

    def reason(self, annotation: Tensor) -> str:
        return "each image has a mask"

    def seen(self, annotation: NDArray[Any], num_classes: int) -> NDArray[np.bool_]:
        return np.bincount(annotation.ravel(), minlength=VOID)[:num_classes] > 0

    def renumbered(self, annotation: Tensor, place: Tensor, num_classes: int) -> Tensor:
        to_other = torch.full((VOID + 1,), VOID, dtype=torch.uint8)
        to_other[: len(place)] = place.to(torch.uint8)
        return to_other[annotation.long()]


LABEL: AnnotationKind = _Label()
VOTES: AnnotationKind = _Votes()
VALUE: AnnotationKind = _Value()
VALUES: AnnotationKind = _Values()
LEVELS: AnnotationKind = _Levels()
MASK: AnnotationKind = _Mask()
KINDS: tuple[AnnotationKind, ...] = (LABEL, VOTES, VALUE, VALUES, LEVELS, MASK)
"""All of them; those of tables in the order in which their options are told."""
