"""The statistics of a race, against NumPy's quantiles."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ratios import compared, middle, ratios, shown


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 20])
def test_the_middle_half_is_between_quartiles(count: int) -> None:
    values = np.random.default_rng(count).lognormal(size=count)
    found = middle(values.tolist())
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    assert found["median"] == pytest.approx(median)
    assert found["middle_half"] == pytest.approx([low, high])


def test_a_ratio_is_of_rounds_and_not_of_medians() -> None:
    slow = [1.0, 10.0, 100.0]
    assert ratios([2.0, 20.0, 200.0], slow) == {"median": 2.0, "middle_half": [2.0, 2.0]}
    assert ratios([200.0, 20.0, 2.0], slow)["median"] == 2.0
    with pytest.raises(ValueError, match="longer"):
        ratios([1.0], slow)


def test_contestants_are_compared_to_one_of_them() -> None:
    found = compared({"ours": [1.0, 2.0, 4.0], "theirs": [3.0, 4.0, 4.0]}, "ours")
    assert found["ours"] == {"median": 2.0, "ratio": {"median": 1.0, "middle_half": [1.0, 1.0]}}
    assert found["theirs"] == {"median": 4.0, "ratio": {"median": 2.0, "middle_half": [1.5, 2.5]}}
    assert shown(found["theirs"]["ratio"]) == "2.00 [1.50, 2.50]"
