"""Suspected labels are counted where models are strong and labels wrong; clean and hopeless sets claim none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict

from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.strength import too_weak
from softlabel.calibration import TemperatureScaling

Rows, Labels = NDArray[np.float64], NDArray[np.int64]


def digits() -> tuple[Rows, Labels]:
    rows, labels = datasets.load_digits(return_X_y=True)
    return rows + 1e-3 * np.random.default_rng(0).normal(size=rows.shape), labels


def made(seed: int, **options: float) -> tuple[Rows, Labels]:
    found: tuple[Rows, Labels] = datasets.make_classification(
        600, 20, n_informative=8, flip_y=0, random_state=seed, **options
    )
    return found


def noisy_features() -> tuple[Rows, Labels]:
    rows, labels = datasets.load_wine(return_X_y=True)
    return (rows - rows.mean(0)) / rows.std(0) + 2.5 * np.random.default_rng(0).normal(size=rows.shape), labels


CLEAN = {
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "digits": digits,
    "easy": lambda: made(0, n_classes=4, class_sep=2.5),
    "hard": lambda: made(1, n_classes=4, class_sep=0.6),
    "very hard": lambda: made(2, n_classes=8, class_sep=0.6),
    "imbalanced": lambda: made(3, weights=[0.93], class_sep=1.0),
    "noisy features": noisy_features,
    "few rows": lambda: tuple(part[::4] for part in datasets.load_iris(return_X_y=True)),
}
STRONG = ("wine", "breast cancer", "digits", "easy")
"""Of 178 wines with 30 % wrong labels too little can be learnt."""


def made_wrong(labels: Labels, noise: float, seed: int = 0) -> tuple[Labels, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(labels)) < noise
    other = (labels + rng.integers(1, labels.max() + 1, len(labels))) % (labels.max() + 1)
    return np.where(wrong, other, labels), wrong


def judged(rows: Rows, labels: Labels) -> tuple[str | None, NDArray[np.bool_]]:
    """Whether a cross-fitted model is too weak, and what it suspects."""
    logs = cross_val_predict(LinearDiscriminantAnalysis(), rows, labels, cv=5, method="predict_log_proba").clip(-60)
    scaling = TemperatureScaling().fit(logs, torch.from_numpy(labels), cautious=True)
    p = scaling(torch.from_numpy(logs)).softmax(-1).float().numpy()
    quality = label_quality(p, labels)
    return too_weak(p, labels, quality), quality.suspected


@pytest.mark.parametrize("name", CLEAN)
def test_a_set_without_wrong_labels_claims_none(name: str) -> None:
    weak, suspected = judged(*CLEAN[name]())
    assert weak is not None or suspected.sum() == 0


@pytest.mark.parametrize(
    ("name", "noise"),
    [(name, noise) for name in STRONG for noise in (0.1, 0.2, 0.3) if (name, noise) != ("wine", 0.3)],
)
def test_wrong_labels_are_counted_by_a_strong_model(name: str, noise: float) -> None:
    rows, true = CLEAN[name]()
    labels, wrong = made_wrong(true, noise)
    weak, suspected = judged(rows, labels)
    assert weak is None
    assert wrong[suspected].mean() > 0.6


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("even", [True, False])
def test_a_hopeless_set_claims_none(seed: int, classes: int, even: bool) -> None:
    rng = np.random.default_rng(seed)
    shares = np.full(classes, 1 / classes) if even else np.r_[0.8, np.full(classes - 1, 0.2 / (classes - 1))]
    labels = rng.choice(classes, 500, p=shares)
    weak, _ = judged(rng.normal(size=(500, 10)), labels)
    assert weak is not None


def test_one_row_is_too_little() -> None:
    p, labels = np.array([[0.9, 0.1]], np.float32), np.array([0])
    assert too_weak(p, labels, label_quality(p, labels)) is not None
