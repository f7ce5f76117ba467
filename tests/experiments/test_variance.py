"""The variance of a mean: what grows with what, and its power against an integral."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from softlabel.experiments.variance import VarianceComponents
from tests.oracle import statistics as oracle

SEEDS, POSITIVE, PART = st.integers(2, 12), st.floats(0.01, 10), st.floats(0, 5)


@given(SEEDS, POSITIVE, st.floats(1, 5), PART, PART)
def test_seeds_that_differ_more_make_intervals_wider_and_claims_rarer(
    seeds: int, between: float, factor: float, own: float, shared: float
) -> None:
    less, more = (
        VarianceComponents(seeds, between, own, shared),
        VarianceComponents(seeds, factor * between, own, shared),
    )
    assert less.interval(0, 0.95)[1] <= more.interval(0, 0.95)[1] * (1 + 1e-9)
    assert less.visible_estimate(0.05) <= more.visible_estimate(0.05) * (1 + 1e-9)
    assert less.p_value(1.0) <= more.p_value(1.0) * (1 + 1e-9)


@given(SEEDS, POSITIVE, PART, PART, PART, st.floats(1, 5))
def test_p_values_fall_with_the_distance_from_0_and_know_no_sign(
    seeds: int, between: float, own: float, shared: float, distance: float, factor: float
) -> None:
    variance = VarianceComponents(seeds, between, own, shared)
    assert variance.p_value(factor * distance) <= variance.p_value(distance) == variance.p_value(-distance) <= 1
    assert variance.p_value(0.0) == 1


@given(SEEDS, POSITIVE, PART, PART, st.sampled_from([0.01, 0.05, 0.3]))
def test_what_is_claimed_has_an_interval_without_0(
    seeds: int, between: float, own: float, shared: float, alpha: float
) -> None:
    """An estimate whose interval just touches 0 has a p-value of alpha at least."""
    variance = VarianceComponents(seeds, between, own, shared)
    assert variance.p_value(variance.interval(0, 1 - alpha)[1]) >= alpha * (1 - 1e-9)


@pytest.mark.parametrize("seeds", [3, 6])
@pytest.mark.parametrize(("own", "shared"), [(0.0, 0.0), (0.2, 0.5), (1.0, 2.0)])
@pytest.mark.parametrize("difference", [0.5, 2.0])
def test_power_is_an_integral_over_what_the_seeds_may_show(
    seeds: int, own: float, shared: float, difference: float
) -> None:
    variance = VarianceComponents(seeds, 1.0, own, shared)
    true_error = math.sqrt(shared + 1.0 / seeds)

    def claimed(chance: float) -> float:
        seen = stats.chi2.ppf(chance, seeds - 1) / (seeds - 1)
        error, _, degrees = oracle.degrees(seeds, seen, own, shared)
        needed = stats.t.ppf(0.975, degrees) * error
        outcome = stats.norm(difference, true_error)
        return float(outcome.sf(needed) + outcome.cdf(-needed))

    expected, _ = integrate.quad(claimed, 0, 1, epsabs=1e-5)
    assert variance.power(difference, 0.05) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("difference", [0.9, 1.0, 1.2, 1.5, 2.0, 3.0])
def test_seeds_to_see_are_the_fewest(difference: float) -> None:
    variance = VarianceComponents(3, 1.0, 0.2, 0.05)
    fewest = variance.seeds_to_see(difference, 0.05)
    assert fewest is not None
    assert variance.with_seeds(fewest).power(difference, 0.05) >= 0.8
    assert fewest == 2 or variance.with_seeds(fewest - 1).power(difference, 0.05) < 0.8
