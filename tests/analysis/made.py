"""A review without training: made-up probabilities for the rows of a small source."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.analysis.cross_fitting import CrossFitted
from softlabel.analysis.folds import Folds
from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.review import Review
from softlabel.data.samples import HeldSamples, Samples
from softlabel.tasks.classification import Classification
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig
from tests.training.tiny import tiny_prepared

Probabilities = NDArray[np.float32]


def probabilities(given: NDArray[np.int64], classes: int, wrong: float = 0.2, seed: int = 0) -> Probabilities:
    """Distributions that mostly agree with the labels."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.5), len(given))
    sure = np.where(rng.random(len(given)) < wrong, (given + 1) % classes, given)
    p[np.arange(len(given)), sure] += rng.exponential(2.0, len(given))
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def made_review(
    samples: Samples | None = None,
    class_names: list[str] | None = None,
    *,
    place: str | None = None,
    extra: dict[str, NDArray[np.float32]] | None = None,
    config: RunConfig | None = None,
    wrong: float = 0.2,
    run: Path = Path("run"),
) -> Review:
    """The digits, or other samples with labels of these classes."""
    prepared = tiny_prepared()
    samples = samples or prepared.splits.training
    names = class_names or prepared.task.class_names
    prepared = _renamed(prepared, names, place)
    count = len(samples)
    folds = Folds(prepared, samples, np.ones(count, dtype=bool), np.arange(count) % 5, 5)
    given = samples.annotation.numpy()
    p = probabilities(given, len(names), wrong)
    fitted = CrossFitted(config or RunConfig(), folds, np.arange(count), p, 1.0, run / "review" / "folds-5")
    return Review(run, fitted, given, label_quality(p, given), extra or {})


def images(count: int, classes: int, shape: tuple[int, ...] = (3, 96, 96), seed: int = 0) -> HeldSamples:
    """Noise, which compresses worst."""
    draws = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (min(count, 400), *shape), dtype=torch.uint8, generator=draws)
    return HeldSamples(pixels, torch.arange(count) % len(pixels), torch.arange(count) % classes, torch.arange(count))


def _renamed(prepared: Prepared, names: list[str], place: str | None) -> Prepared:
    def anywhere(sample_id: int) -> tuple[str, int | None]:
        return (place or "made.csv", None if place else sample_id + 1)

    source = dataclasses.replace(prepared.source, class_names=names, place=anywhere)
    return dataclasses.replace(prepared, source=source, task=Classification(names))
