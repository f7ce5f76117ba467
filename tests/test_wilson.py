"""Wilson's interval is SciPy's, at every level, and needs no whole number of rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from softlabel.wilson import NORMAL_975, wilson_interval


def test_the_quantile_is_scipys() -> None:
    assert pytest.approx(float(norm.ppf(0.975)), abs=1e-15) == NORMAL_975


@pytest.mark.parametrize("z", [1.0, NORMAL_975, 3.0])
@pytest.mark.parametrize(("number", "size"), [(0, 7), (3, 7), (7, 7), (1, 1), (1, 180), (40, 300), (450, 9000)])
def test_is_scipys(number: int, size: int, z: float) -> None:
    expected = binomtest(number, size).proportion_ci(2 * norm.cdf(z) - 1, method="wilson")
    assert wilson_interval(number / size, size, z) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(share=st.floats(0, 1), count=st.floats(1e-3, 1e9), more=st.floats(1, 100))
def test_holds_the_share_within_0_and_1_and_narrows(share: float, count: float, more: float) -> None:
    low, high = wilson_interval(share, count)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    narrow_low, narrow_high = wilson_interval(share, count * more)
    assert narrow_high - narrow_low <= high - low + 1e-9
