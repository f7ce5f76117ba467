"""Whether models know the labels well enough that suspected ones may be counted as wrong, and not only be ranked.

From out-of-sample probabilities p (N, K) alone a hard row and a wrong label look alike: another label than the given
one has the largest. They differ among the rows that the models are surest of. Where labels are right and rows are
hard, the disagreement goes to 0 there; where labels were made wrong, it stays. With e the share of rows that disagree
among the surest, and d the share that disagrees among rows of which the models are as sure as of this one,

    expected wrong among the suspected = sum of min(1, e / d)

where e is the lower end of Wilson's interval (1927), and d falls as sureness rises (isotonic regression; Zadrozny and
Elkan 2002): one temperature does not make every 1 - p honest. Models that disagree far more with the surest rows than
with the next are sure and mistaken, as linear ones are of outliers: what makes a label wrong knows nothing of them.

This is a reading of the noise of confident learning (Northcutt, Jiang and Chuang 2021), ours. Labels that chance
decides have the very distribution of labels made wrong, and no rule can tell them: they are counted. To draw labels
from the models' own calibrated probabilities is no way out: models that were trained on wrong labels have learnt their
rate, so sets of wrong labels are refused as well (`benchmarks/review_claims.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlabel.analysis.label_quality import LabelQuality
from softlabel.wilson import wilson_interval

SUSPECTED = "the models contradict them; labels that chance decides look the same"
"""What a count of suspected labels is one of, in words."""
CLEARLY = 2.0
"""Standard errors by which the likelihood must be above that of a constant answer."""
MOST_NOISE = 1 / 3
"""Of the surest rows that disagree: beyond, either could be wrong."""
SUREST = (0.1, 0.25, 0.5)
FEWEST_SUREST = 30
FEWEST_PER_CLASS = 20
"""Rows on average: of ten digits each, clean ones, a linear model is sure of wrong answers."""
FEWEST_SUSPECTED = 5
"""Fewer are looked at sooner than counted, and clean sets have as many."""
STANDARD_ERRORS = 1.0
"""Of the interval of the disagreement; the least of three is rather low already."""
FALLS_CLEARLY = 3.0
"""Standard errors; more than CLEARLY, as it is the one test that speaks against a count."""
FALLS_BY = 2.0


def too_weak(probabilities: NDArray[np.floating], given: NDArray[np.int64], quality: LabelQuality) -> str | None:
    """Why no label may be counted as wrong, in words; None where the suspected ones may be."""
    if not _knows_more_than_a_constant(quality.confidence, given, probabilities.shape[1]):
        return "the models do not clearly know more than how frequent each label is"
    if len(given) < FEWEST_PER_CLASS * len(np.unique(given)):
        return f"there are fewer than {FEWEST_PER_CLASS} rows a class"
    differs = quality.suggested != given
    if 2 * differs.sum() >= len(given):
        return "the models agree with no more than half of the labels"
    surest = probabilities.max(1).astype(np.float64)
    surest_first = _shares_by_sureness(surest, differs)
    share, careful = _disagreement_of_the_surest(surest_first)
    if share >= MOST_NOISE:
        return f"the models disagree with {100 * share:.0f} % of the labels even of the rows that they are surest of"
    if _falls_with_doubt(surest_first):
        return "the models disagree most with the labels of the rows that they are surest of"
    suspected = quality.suspected
    if 0 < suspected.sum() < FEWEST_SUSPECTED:
        return f"fewer than {FEWEST_SUSPECTED} labels are suspected"
    if 2 * np.minimum(1.0, careful / _disagreement_by(surest, differs)[suspected]).sum() < suspected.sum():
        return "most rows that disagree are as likely mistakes of the models, which are unsure of them"
    return None


def _knows_more_than_a_constant(confidence: NDArray[np.float64], given: NDArray[np.int64], num_classes: int) -> bool:
    """Whether the given labels are clearly more probable to the models than their frequency in the other rows."""
    count = len(given)
    if count < 2:
        return False
    frequency = (np.bincount(given, minlength=num_classes)[given] - 1 + 1 / num_classes) / count
    gain = np.log(np.maximum(confidence, 1e-12)) - np.log(frequency)
    return bool(gain.mean() > CLEARLY * gain.std(ddof=1) / np.sqrt(count))


def _sizes(count: int) -> list[int]:
    """How many rows are the surest, the fewest first."""
    return [min(count, max(FEWEST_SUREST, int(np.ceil(part * count)))) for part in SUREST]


def _shares_by_sureness(surest: NDArray[np.float64], differs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Whether each row disagrees, the surest first; among rows of which the models are as sure, the share that does.

    So the order of the rows decides nothing: of a saturated model many are equally sure.
    """
    _, group, size = np.unique(-surest, return_inverse=True, return_counts=True)
    shares: NDArray[np.float64] = np.repeat(np.bincount(group, weights=differs) / size, size)
    return shares


def _disagreement_of_the_surest(differs: NDArray[np.float64]) -> tuple[float, float]:
    """The least share that disagrees among the surest rows, which come first; and the least end of its interval."""
    found = [(float(differs[:size].sum()), size) for size in _sizes(len(differs))]
    lower_ends = [wilson_interval(number / size, size, STANDARD_ERRORS)[0] for number, size in found]
    return min(number / size for number, size in found), min(lower_ends)


def _disagreement_by(surest: NDArray[np.float64], differs: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Per row the share that disagrees where the models are as sure, which falls as they get surer; above 0."""
    from sklearn.isotonic import IsotonicRegression

    share = IsotonicRegression(increasing=False).fit(surest, differs.astype(np.float64)).predict(surest)
    found: NDArray[np.float64] = np.maximum(share, 1e-9)
    return found


def _falls_with_doubt(differs: NDArray[np.float64]) -> bool:
    """Whether of the surest rows, which come first, far more disagree than of the others of the surer half."""
    first, _, half = _sizes(len(differs))
    if half <= first:
        return False
    sure, less = float(differs[:first].mean()), float(differs[first:half].mean())
    pooled = float(differs[:half].mean())
    error = np.sqrt(pooled * (1 - pooled) * (1 / first + 1 / (half - first)))
    return sure >= FALLS_BY * less and sure - less > FALLS_CLEARLY * error
