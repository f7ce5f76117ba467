"""What is said of abstaining equals what abstaining does to rows."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest

from softlabel.report.card import model_card
from softlabel.report.sections.abstention import limits, worth_naming
from tests.report.page import Page
from tests.report.results import Json


def cell_of(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> Json:
    """A cell whose bins of confidence are those of these rows."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    stored = [
        {
            "low": number / bins,
            "high": (number + 1) / bins,
            "count": int((place == number).sum()),
            "confidence": float(confidence[place == number].mean()) if (place == number).any() else None,
            "accuracy": float(right[place == number].mean()) if (place == number).any() else None,
        }
        for number in range(bins)
    ]
    return {"details": {"reliability": {"before": stored, "after": None}}}


def test_limits_are_what_abstaining_does() -> None:
    dice = np.random.default_rng(3)
    confidence = dice.uniform(0.3, 1, 500)
    right = dice.uniform(size=500) < confidence
    found = list(limits(cell_of(confidence, right)))
    assert [limit.confidence for limit in found] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    for limit in found:
        answered = confidence >= limit.confidence
        assert limit.answered == answered.sum()
        assert limit.share == pytest.approx(answered.mean())
        assert limit.accuracy == pytest.approx(right[answered].mean())
        assert limit.interval[0] <= limit.accuracy <= limit.interval[1]


def test_a_limit_is_named_only_where_it_helps() -> None:
    sure = np.array([0.95] * 50 + [0.55] * 50)
    assert worth_naming(cell_of(sure, np.ones(100))) is None
    assert worth_naming(cell_of(sure, np.zeros(100))) is None
    named = worth_naming(cell_of(sure, np.arange(100) < 50))
    assert named is not None
    assert (named.confidence, named.share, named.accuracy) == (0.9, 0.5, 1.0)


def test_report_and_card_have_the_limits_of_the_kept_cell(
    page: Callable[[str], Page], results: Callable[[str], Json]
) -> None:
    found = list(limits(results("full")["cells"][0]))
    table = next(table for table in page("full").tables if table[0][0] == "abstain below")
    assert [row[1].split(" %")[0] for row in table[1:]] == [f"{100 * limit.share:.1f}" for limit in found]
    assert [row[2].split(" [")[0].split("[")[0].strip() for row in table[1:]] == [
        f"{limit.accuracy:.3f}" for limit in found
    ]
    changed = copy.deepcopy(results("full"))
    for entry in changed["cells"][0]["details"]["reliability"]["after"]:
        entry["accuracy"] = 0.4 if entry["high"] < 0.9 else 1.0
    named = worth_naming(changed["cells"][0])
    assert named is not None
    assert f"--abstain-below {named.confidence:.2f}` it answered {100 * named.share:.0f} % " in model_card(changed)
