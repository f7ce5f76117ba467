"""Whether models know the labels well enough that suspected ones may be counted as wrong, and not only be ranked.

From out-of-sample probabilities p (N, K) alone a hard row and a wrong label look alike: another label than the given
one has the largest. They differ among the rows that the models are surest of. Where labels are right and rows are
hard, the disagreement goes to 0 there; where labels were made wrong, it stays. With e the share of rows that disagree
among the surest, a row whose largest probability is p disagrees with probability 1 - p, of which e is a wrong label.
So

    expected wrong among the suspected = sum of min(1, e / (1 - p))

This is a reading of the noise of confident learning (Northcutt, Jiang and Chuang 2021), ours; rows that all are equally
hard, whatever is known of them, cannot be told from noise, and are counted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softlabel.analysis.label_quality import LabelQuality

CLEARLY = 2.0
"""Standard errors by which the likelihood must be above that of a constant answer."""
MOST_NOISE = 1 / 3
"""Of the surest rows that disagree: beyond, either could be wrong."""
SUREST = (0.1, 0.25, 0.5)
FEWEST_SUREST = 30


def too_weak(probabilities: NDArray[np.floating], given: NDArray[np.int64], quality: LabelQuality) -> str | None:
    """Why no label may be counted as wrong, in words; None where the suspected ones may be."""
    if not _knows_more_than_a_constant(quality.confidence, given, probabilities.shape[1]):
        return "the models do not clearly know more than how frequent each label is"
    differs = quality.suggested != given
    if 2 * differs.sum() >= len(given):
        return "the models agree with no more than half of the labels"
    surest = probabilities.max(1).astype(np.float64)
    share, careful = _disagreement_of_the_surest(differs[np.argsort(-surest, kind="stable")])
    if share >= MOST_NOISE:
        return f"the models disagree with {100 * share:.0f} % of the labels even of the rows that they are surest of"
    suspected = quality.suspected
    expected = np.minimum(1.0, careful / np.maximum(1 - surest[suspected], 1e-9)).sum()
    if 2 * expected < suspected.sum():
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


def _disagreement_of_the_surest(differs: NDArray[np.bool_]) -> tuple[float, float]:
    """The least share that disagrees among the surest rows, which come first; and that less half a standard error.

    Half of one, as the least of three is rather low already.
    """
    sizes = {min(len(differs), max(FEWEST_SUREST, int(np.ceil(part * len(differs))))) for part in SUREST}
    shares = [(float(differs[:size].mean()), size) for size in sizes]
    careful = min(max(0.0, share - 0.5 * np.sqrt(share * (1 - share) / size)) for share, size in shares)
    return min(share for share, _ in shares), float(careful)
