"""When a review counts labels as wrong: on clean sets, where it should not, and on noisy ones, where it should.

    python -m benchmarks review_claims --out benchmarks/results/review-claims-cpu

Real and made sets of scikit-learn, as they are (clean) and with 5, 10, 20 and 30 % of the labels made wrong (noisy),
each judged by several cross-fitted models with one temperature, as a review does. Three rules say whether to count:

    all        every suspected label is counted: confident learning as it is
    review     `softlabel.analysis.strength`
    null       labels are drawn from the models' own calibrated probabilities, DRAWS times, and suspected ones counted;
               a count is claimed where more are suspected than in 95 % of the draws (a parametric bootstrap)

Labels of coins are decided by chance, so no label of theirs is wrong; of coins of two sides, and of wrong labels of two
classes at the same rate, the data have one distribution, and no rule can tell them.
"""

from __future__ import annotations

import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.base import ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import markdown
from benchmarks.options import whole
from softlabel.analysis.label_quality import label_quality
from softlabel.analysis.strength import too_weak
from softlabel.calibration import TemperatureScaling

RIVAL = "confident learning as it is, which counts every suspected label; a parametric bootstrap"
PACKAGES = ("scikit-learn",)
QUICK = ("--seeds", "1", "--sets", "iris", "--models", "LDA")
NOISE, FOLDS, DRAWS = (0.0, 0.05, 0.1, 0.2, 0.3), 5, 99
LEAST = 1e-6
RULES = ("all", "review", "null")
Rows = NDArray[np.float64]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]
Row = dict[str, Any]


def stored(load: Callable[..., Any], seed: int, count: int | None = None) -> tuple[Rows, Labels]:
    """Rows of a stored set in an order of chance, or so many of them."""
    rows, labels = load(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return rows[order], labels[order]


def made(seed: int, **options: Any) -> tuple[Rows, Labels]:
    found: tuple[Rows, Labels] = datasets.make_classification(
        600, 20, n_informative=8, flip_y=0, random_state=seed, **options
    )
    return found


def coins(right: tuple[float, ...], classes: int, seed: int) -> tuple[Rows, Labels]:
    """Labels that are truly random: of each kind of row, one label comes up in that share, else any other one."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(600, 6))
    likely = rows[:, :classes].argmax(1)
    other = (likely + rng.integers(1, classes, len(rows))) % classes
    share = np.asarray(right)[(rows[:, -1] > 0).astype(int) % len(right)]
    return rows, np.where(rng.random(len(rows)) < share, likely, other)


def outliers(share: float, seed: int) -> tuple[Rows, Labels]:
    """Two Gaussians, and rows of each far on the other's side: right labels that no linear model can give."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 600)
    rows = rng.normal(size=(600, 6))
    side = np.where(rng.random(600) < share, -2.0, 1.0)
    rows[:, 0] += 4 * side * (2 * labels - 1)
    return rows, labels


SETS: dict[str, Callable[[int], tuple[Rows, Labels]]] = {
    "iris": partial(stored, datasets.load_iris),
    "wine": partial(stored, datasets.load_wine),
    "breast cancer": partial(stored, datasets.load_breast_cancer),
    "60 of breast cancer": partial(stored, datasets.load_breast_cancer, count=60),
    "digits": partial(stored, datasets.load_digits),
    "400 digits": partial(stored, datasets.load_digits, count=400),
    "100 digits": partial(stored, datasets.load_digits, count=100),
    "easy": partial(made, n_classes=4, class_sep=2.5),
    "hard": partial(made, n_classes=4, class_sep=0.6),
    "very hard": partial(made, n_classes=8, class_sep=0.6),
    "imbalanced": partial(made, weights=[0.93], class_sep=1.0),
    "outliers": partial(outliers, 0.05),
    "coins 80 %": partial(coins, (0.8,), 2),
    "coins 95 %": partial(coins, (0.95,), 2),
    "coins 80, 95 %": partial(coins, (0.8, 0.95), 2),
    "coins 80, 95 %, of 4": partial(coins, (0.8, 0.95), 4),
}
MODELS: dict[str, Callable[[], ClassifierMixin]] = {
    "LDA": LinearDiscriminantAnalysis,
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "neighbours": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(10, weights="distance")),
    "forest": lambda: RandomForestClassifier(100, random_state=0, n_jobs=1),
    "MLP": lambda: make_pipeline(StandardScaler(), MLPClassifier(32, alpha=0.1, max_iter=60, random_state=0)),
}


def made_wrong(labels: Labels, noise: float, seed: int) -> tuple[Labels, Flags]:
    rng = np.random.default_rng(seed)
    classes = labels.max() + 1
    wrong = rng.random(len(labels)) < noise
    return np.where(wrong, (labels + rng.integers(1, classes, len(labels))) % classes, labels), wrong


def judged(model: ClassifierMixin, rows: Rows, labels: Labels) -> NDArray[np.float32]:
    """Out-of-sample probabilities, with one temperature for all rows, as those of a review."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    p = cross_val_predict(model, rows, labels, cv=folds, method="predict_proba").clip(LEAST)
    logs = torch.from_numpy(np.log(p))
    scaling = TemperatureScaling().fit(logs, torch.from_numpy(labels), cautious=True)
    found: NDArray[np.float32] = scaling(logs).softmax(-1).float().numpy()
    return found


def above_the_null(p: NDArray[np.float32], suspected: int) -> bool:
    """Whether more are suspected than in 95 % of the sets whose labels the probabilities themselves draw."""
    rng = np.random.default_rng(0)
    steps = p.astype(np.float64).cumsum(1)
    drawn = ((rng.random(len(p))[:, None] * steps[:, -1:] >= steps[:, :-1]).sum(1) for _ in range(DRAWS))
    return suspected > float(np.quantile([label_quality(p, labels).suspected.sum() for labels in drawn], 0.95))


def trial(name: str, model: str, noise: float, seed: int) -> Row:
    rows, true = SETS[name](seed)
    labels, wrong = made_wrong(true, noise, seed)
    p = judged(MODELS[model](), rows, labels)
    quality = label_quality(p, labels)
    suspected = int(quality.suspected.sum())
    return {
        "set": name,
        "model": model,
        "noise": noise,
        "seed": seed,
        "rows": len(labels),
        "wrong": int(wrong.sum()),
        "suspected": suspected,
        "precision": float(wrong[quality.suspected].mean()) if suspected else None,
        "claims": {
            "all": suspected > 0,
            "review": suspected > 0 and too_weak(p, labels, quality) is None,
            "null": suspected > 0 and above_the_null(p, suspected),
        },
    }


def kind_of(name: str) -> str:
    return next((kind for kind in ("coins", "outliers") if name.startswith(kind)), "others")


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--seeds", type=whole, nargs="+", default=[1, 2])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")


def measure(options: Namespace) -> Row:
    warnings.simplefilter("ignore", ConvergenceWarning)  # of MLPs: 60 epochs are what they get
    trials = [
        trial(name, model, noise, seed)
        for seed in options.seeds
        for name in options.sets
        for noise in NOISE
        for model in options.models
    ]
    return {"folds": FOLDS, "seeds": options.seeds, "trials": trials}


def tables(measured: Row) -> dict[str, str]:
    """The table of docs/label-review.md."""
    titles = {
        "others": "eleven real and made ones",
        "outliers": "outliers",
        "coins": "coins: chance decides 5 or 20 % of labels",
    }
    rows = []
    for kind, title in titles.items():
        counts, precisions = [], []
        for noise in NOISE:
            these, claimed = claimed_of(measured["trials"], kind, noise)
            counts.append(f"{len(claimed)} of {len(these)}" if noise == 0 else str(len(claimed)))
            if noise > 0:
                precisions.append(100 * float(np.mean([row["precision"] for row in claimed])))
        rows.append((title, *counts, f"{min(precisions):.0f} to {max(precisions):.0f} %"))
    heads = ("sets", "clean", "5 % wrong", "10 %", "20 %", "30 %", "of those counted wrong, noisy sets")
    return {"claims": markdown.table(heads, rows)}


def claimed_of(rows: list[Row], kind: str, noise: float) -> tuple[list[Row], list[Row]]:
    """Trials of a kind of set with a share of wrong labels, and those of them whose review claims a count."""
    these = [row for row in rows if kind_of(row["set"]) == kind and row["noise"] == noise]
    return these, [row for row in these if row["claims"]["review"]]


def told(measured: Row) -> str:
    """Claims of all pairs of a set and a model, by kind of set and share of wrong labels."""
    rows = measured["trials"]
    lines = [
        f"{measured['folds']} folds, seeds {measured['seeds']}",
        "",
        f"{'sets':10} {'wrong':>6} {'pairs':>6} {'all':>6} {'review':>7} {'null':>6}  precision",
    ]
    for kind in ("others", "outliers", "coins"):
        for noise in NOISE:
            these, claimed = claimed_of(rows, kind, noise)
            claims = [sum(row["claims"][rule] for row in these) for rule in RULES]
            precision = f"{np.mean([row['precision'] for row in claimed]):.2f}" if claimed else "-"
            if not these:
                continue
            counts = "{:6} {:7} {:6}".format(*claims)
            lines.append(f"{kind:10} {noise:6.0%} {len(these):6} {counts}  {precision}")
    lines += ["", "claims of a review on clean sets:"]
    for row in rows:
        if row["noise"] == 0 and row["claims"]["review"]:
            where = f"{row['set']}, {row['model']}, seed {row['seed']}"
            lines.append(f"  {where}: {row['suspected']} of {row['rows']}")
    return "\n".join(lines) + "\n"
