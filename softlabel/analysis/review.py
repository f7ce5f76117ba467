"""Label review: the most ambiguous rows of a run, and those whose labels are most probably wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softlabel.analysis.cross_fitting import CrossFitted, FoldProgress, cross_fit
from softlabel.analysis.label_quality import LabelQuality, label_quality
from softlabel.analysis.strength import too_weak
from softlabel.errors import ConfigError
from softlabel.evaluation.row_scores import read_row_scores
from softlabel.text.words import nearest

Kind = Literal["mislabelled", "ambiguous"]
KINDS: tuple[Kind, ...] = ("mislabelled", "ambiguous")
NUMBERS = ("confidence", "margin", "ambiguity")


@dataclass(frozen=True)
class Filters:
    """Which rows are wanted.

    kind            None for both
    classes         rows whose given or suggested label is one of these; () for all
    min_ambiguity   from 0 to 1
    """

    kind: Kind | None = None
    classes: Sequence[str] = ()
    min_ambiguity: float = 0.0


@dataclass(frozen=True)
class Review:
    """Every reviewed row of a run, judged by a model that was not trained on it.

    run       its folder
    given     (N,) the labels; of votes the class with most
    extra     what the method says of single rows: columns (N,) by name, NaN where it says nothing
    """

    run: Path
    fitted: CrossFitted
    given: NDArray[np.int64]
    quality: LabelQuality
    extra: dict[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.given)

    @property
    def class_names(self) -> list[str]:
        return self.fitted.folds.prepared.task.class_names

    @property
    def correctable(self) -> bool:
        """Whether a corrected table can be given back to training: votes are corrected where they come from."""
        return self.fitted.folds.prepared.source.annotation_kind.correctable

    @property
    def left_out(self) -> int:
        """Rows of the run that every fold needed, so that no model could judge them."""
        return len(self.fitted.folds.samples) - len(self)

    @cached_property
    def sample_id(self) -> NDArray[np.int64]:
        """(N,) the row in the source, from 0."""
        ids: NDArray[np.int64] = self.fitted.folds.samples.sample_id.numpy()[self.fitted.rows]
        return ids

    @cached_property
    def too_weak(self) -> str | None:
        """Why suspected labels are ranked and not counted as wrong, in words; None where they are counted."""
        return too_weak(self.fitted.probabilities, self.given, self.quality)

    def ranked(self, kind: Kind) -> NDArray[np.int64]:
        """Positions of one kind: suspected labels, least confident first, or all others, most ambiguous first."""
        suspected = self.quality.suspected
        if kind == "mislabelled":
            return _sorted(np.flatnonzero(suspected), self.quality.confidence)
        return _sorted(np.flatnonzero(~suspected), -self.quality.ambiguity)

    def select(self, filters: Filters, kind: Kind) -> NDArray[np.int64]:
        """The ranked positions of one kind that the filters leave. Raises ConfigError for a class that is not there."""
        if filters.kind not in (None, kind):
            return np.zeros(0, dtype=np.int64)
        if not 0 <= filters.min_ambiguity <= 1:
            raise ConfigError(f"min_ambiguity must be a number from 0 to 1, not {filters.min_ambiguity:g}")
        positions = self.ranked(kind)
        kept = self.quality.ambiguity[positions] >= filters.min_ambiguity
        if filters.classes:
            wanted = [self._class_index(name) for name in filters.classes]
            of_class = np.isin(self.given[positions], wanted) | np.isin(self.quality.suggested[positions], wanted)
            kept &= of_class
        return positions[kept]

    def columns(self) -> list[str]:
        """Names of the columns of `cells`; `label` is there to be edited."""
        edited = ["label"] if self.correctable else []
        shares = [f"p_{name}" for name in self.class_names]
        return [
            *("row", "place", "given_label", "suggested_label", *edited, "suspected", *NUMBERS),
            *(name for name in self.extra if name not in shares),
            *shares,
        ]

    def cells(self, position: int) -> dict[str, Any]:
        """One row of the table: where it is, its labels, how sure they are, and the estimated distribution."""
        given = self.class_names[self.given[position]]
        quality = self.quality
        return {
            "row": int(self.sample_id[position]) + 1,
            "place": self.place(position),
            "given_label": given,
            "suggested_label": self.class_names[quality.suggested[position]],
            "label": given,
            "suspected": "not counted" if self.too_weak else "yes" if quality.suspected[position] else "no",
            **{name: _short(getattr(quality, name)[position]) for name in NUMBERS},
            **{name: _short(values[position]) for name, values in self.extra.items()},
            **{
                f"p_{name}": _short(share)
                for name, share in zip(self.class_names, self.fitted.probabilities[position].tolist(), strict=True)
            },
        }

    def place(self, position: int) -> str:
        """Where the row comes from: 'cat/7.png' or 'faces.csv, row 12'."""
        return self.fitted.folds.prepared.source.place_of(int(self.sample_id[position]))

    def inputs(self, positions: NDArray[np.int64]) -> Tensor:
        """Images uint8 (n, C, H, W) or features (n, D)."""
        import torch

        return self.fitted.folds.samples.read(torch.from_numpy(self.fitted.rows[positions]))

    @property
    def notes(self) -> list[str]:
        """What a reader of the judgement should know."""
        judged = f"{self.left_out:,} rows were needed in every fold (the only ones of a class) and are not judged"
        votes = "rows have votes: the given label is the class with most, and votes are corrected in the data"
        found = {judged: self.left_out, votes: not self.correctable}
        return [note for note, holds in found.items() if holds]

    def summary(self) -> dict[str, Any]:
        """How many rows are suspected, in all, by class and by pair of labels, as JSON; none where that is too weak."""
        counted = self.too_weak is None
        quality, names = self.quality, self.class_names
        config = self.fitted.config
        pairs, counts = np.unique(
            self.given[quality.suspected] * len(names) + quality.suggested[quality.suspected], return_counts=True
        )
        order = np.argsort(-counts, kind="stable")
        rows = np.bincount(self.given, minlength=len(names))
        suspected = np.bincount(self.given[quality.suspected], minlength=len(names))
        return {
            "source": config.data.source,
            "method": config.method,
            "seed": config.seed,
            "folds": self.fitted.folds.count,
            "rows": len(self),
            "left_out": self.left_out,
            "temperature": _short(self.fitted.temperature),
            "too_weak": self.too_weak,
            "suspected": int(quality.suspected.sum()) if counted else None,
            "agree": int((quality.suggested == self.given).sum()),
            "classes": [
                {
                    "class": name,
                    "rows": int(rows[k]),
                    "suspected": int(suspected[k]) if counted else None,
                    "threshold": _short(quality.thresholds[k]),
                }
                for k, name in enumerate(names)
            ],
            "pairs": [
                {
                    "given": names[pairs[k] // len(names)],
                    "suggested": names[pairs[k] % len(names)],
                    "rows": int(counts[k]),
                }
                for k in (order.tolist() if counted else [])
            ],
        }

    def _class_index(self, name: str) -> int:
        if name in self.class_names:
            return self.class_names.index(name)
        near = nearest(name, self.class_names)
        known = f"did you mean {near!r}?" if near else "the classes are " + ", ".join(self.class_names[:12])
        raise ConfigError(f"there is no class {name!r}; {known}")


def review(run: str | Path, folds: int = 5, progress: FoldProgress | None = None) -> Review:
    """Judge the labels of a finished training run by its own recipe, cross-fitted; stored predictions are used again.

    run     the folder of a training run
    folds   how many times its recipe is trained; every row is judged by the one that did not see it

    Raises as `cross_fit`.
    """
    folder = Path(run)
    fitted = cross_fit(folder, folds, progress)
    annotation = fitted.folds.samples.annotation[fitted.rows]
    given = fitted.folds.prepared.task.index(annotation).numpy()
    quality = label_quality(fitted.probabilities, given)
    return Review(folder, fitted, given, quality, _extra(folder, fitted))


def _extra(run: Path, fitted: CrossFitted) -> dict[str, NDArray[np.float32]]:
    """The method's own scores of training rows as columns: `alpha`, or `latent_cat`, `latent_dog`, … of (N, K)."""
    sample_id, scores = read_row_scores(run)
    names = fitted.folds.prepared.task.class_names
    reviewed = fitted.folds.samples.sample_id.numpy()[fitted.rows]
    place = {identity: position for position, identity in enumerate(sample_id.tolist())}
    positions = np.array([place.get(identity, -1) for identity in reviewed.tolist()], dtype=np.int64)
    columns: dict[str, NDArray[np.float32]] = {}
    for name, values in scores.items():
        wide = values.numpy() if values.ndim == 2 else values.numpy()[:, None]
        kinds = (
            names if values.ndim == 2 and wide.shape[1] == len(names) else [str(k + 1) for k in range(wide.shape[1])]
        )
        found = np.where(positions[:, None] >= 0, wide[positions], np.float32(np.nan))
        for k, kind in enumerate(kinds):
            columns[name if values.ndim == 1 else f"{name}_{kind}"] = found[:, k]
    return columns


def _sorted(positions: NDArray[np.int64], by: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positions in ascending order of a number, equal ones in their own."""
    return positions[np.argsort(by[positions], kind="stable")]


def _short(value: float) -> float | None:
    """Six digits that count; None for what is not known."""
    return float(f"{value:.6g}") if np.isfinite(value) else None
