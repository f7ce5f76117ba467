"""Suspected labels are counted where models are strong and labels wrong; clean and hopeless sets claim none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.base import ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.strength import FEWEST_PER_CLASS, FEWEST_SUSPECTED, too_weak
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


def outliers() -> tuple[Rows, Labels]:
    """Two Gaussians, and rows of each far on the other's side: right labels that no linear model can give."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 600)
    rows = rng.normal(size=(600, 6))
    rows[:, 0] += 4 * np.where(rng.random(600) < 0.05, -2, 1) * (2 * labels - 1)
    return rows, labels


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
    "outliers": outliers,
    "a hundred digits": lambda: tuple(part[:100] for part in digits()),
    "few rows": lambda: tuple(part[::4] for part in datasets.load_iris(return_X_y=True)),
}
STRONG = ("wine", "breast cancer", "digits", "easy")
"""Of 178 wines with 30 % wrong labels too little can be learnt."""


def made_wrong(labels: Labels, noise: float, seed: int = 0) -> tuple[Labels, NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(labels)) < noise
    other = (labels + rng.integers(1, labels.max() + 1, len(labels))) % (labels.max() + 1)
    return np.where(wrong, other, labels), wrong


def judged(rows: Rows, labels: Labels, model: ClassifierMixin | None = None) -> tuple[str | None, NDArray[np.bool_]]:
    """Whether a cross-fitted model is too weak, and what it suspects."""
    model = model or LinearDiscriminantAnalysis()
    shares = cross_val_predict(model, rows, labels, cv=5, method="predict_proba")
    logs = np.log(shares.clip(np.exp(-60)))
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


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2, 0.3])
def test_wrong_labels_are_counted_by_models_whose_probabilities_no_temperature_mends(noise: float) -> None:
    """Neighbours are too unsure of most rows: of 1,797 digits with a fifth wrong labels they agree with 77 %."""
    rows, true = digits()
    labels, wrong = made_wrong(true, noise)
    weak, suspected = judged(rows, labels, KNeighborsClassifier(10, weights="distance"))
    assert weak is None
    assert wrong[suspected].mean() > 0.8


def test_a_handful_is_not_counted() -> None:
    """Five sure contradictions among 60 sure rows are counted, four are not."""
    for number in (FEWEST_SUSPECTED - 1, FEWEST_SUSPECTED):
        given = np.arange(60) % 2
        p = np.where(np.eye(2)[given] > 0, 0.95, 0.05)
        given[:number] ^= 1  # of both classes
        quality = label_quality(p, given)
        assert quality.suspected.sum() == number
        assert (too_weak(p, given, quality) is None) == (number >= FEWEST_SUSPECTED)


def test_fewer_than_twenty_rows_a_class_are_not_counted() -> None:
    """A set of which a tenth is wrong, and the models are right of all rows; a fourth class is never given."""
    for rows in (3 * FEWEST_PER_CLASS - 1, 3 * FEWEST_PER_CLASS):
        given = np.arange(rows) % 3
        p = np.where(np.eye(4)[given] > 0, 0.7, 0.1)
        given[:6] = (given[:6] + 1) % 3
        assert (too_weak(p, given, label_quality(p, given)) is None) == (rows >= 3 * FEWEST_PER_CLASS)


def test_the_order_of_equally_sure_rows_decides_nothing() -> None:
    """Wrong labels stand first in the file, or last."""
    given = np.arange(300) % 2
    p = np.where(np.eye(2)[given] > 0, 0.95, 0.05)
    given[:30] ^= 1
    for order in (slice(None), slice(None, None, -1)):
        assert too_weak(p[order], given[order], label_quality(p[order], given[order])) is None


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
