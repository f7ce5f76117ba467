"""The statistics of a comparison: against SciPy, against plain loops, and what they say of equal methods."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.calibration.ece import AdaptiveCalibrationError, DebiasedCalibrationError, ExpectedCalibrationError
from softlabel.errors import RunError
from softlabel.experiments.differences import differences_to, holm, ranking
from softlabel.experiments.resampling import MOST_ROWS, Replicates, resample_rows
from softlabel.experiments.score_table import ScoreTable
from softlabel.experiments.statistics import summarise
from softlabel.experiments.summary import MethodSummary, Summary
from softlabel.experiments.variance import VarianceComponents, pooled, variance_of_mean
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.groups import group_accuracies
from softlabel.metrics.nll import NegativeLogLikelihood
from softlabel.statistic import Contribution, Statistic, StreamingStatistic, total
from tests.oracle import statistics as oracle

K = 4
SCORES: tuple[Statistic, ...] = (
    NegativeLogLikelihood(),
    Accuracy(),
    BalancedAccuracy(K),
    *group_accuracies(torch.tensor([500, 200, 50, 50])),  # no class is "few"
    ExpectedCalibrationError(),
    DebiasedCalibrationError(),
    AdaptiveCalibrationError(),
    ClasswiseCalibrationError(K),
)
DEFINED = [score for score in SCORES if score.name != "accuracy_few"]
Run = dict[str, Contribution]


def contribute(logits: np.ndarray, truth: np.ndarray) -> Run:
    log_probabilities = torch.from_numpy(logits).log_softmax(-1)
    return {score.name: score.contribute(log_probabilities, torch.from_numpy(truth)) for score in SCORES}


def comparison(
    gains: dict[str, float], seeds: int = 3, rows: int = 300, seed: int = 0, seed_spread: float = 0.02
) -> dict[str, list[Run | None]]:
    """Runs of methods whose logits of the true class are higher by a gain; rows and their difficulty are shared."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, K, rows)
    base = generator.normal(0, 1, (rows, K))
    base[np.arange(rows), truth] += generator.normal(1.5, 1.5, rows)
    runs: dict[str, list[Run | None]] = {}
    for method, gain in gains.items():
        runs[method] = []
        for _ in range(seeds):
            logits = base + generator.normal(0, 0.2, base.shape)
            logits[np.arange(rows), truth] += gain + generator.normal(0, seed_spread)
            runs[method].append(contribute(logits, truth))
    return runs


def by_name(summary: Summary) -> dict[str, MethodSummary]:
    return {method.method: method for method in summary.methods}


# Variance


@pytest.mark.parametrize("seeds", [2, 3, 5, 20])
@pytest.mark.parametrize("t", [0.1, 1.0, 4.0])
def test_without_noise_of_rows_it_is_students_test(seeds: int, t: float) -> None:
    variance = VarianceComponents(seeds, between=2.5, own=0.0, shared=0.0)
    error = math.sqrt(2.5 / seeds)
    assert variance.p_value(t * error) == pytest.approx(2 * stats.t.sf(t, seeds - 1), rel=1e-10)
    low, high = variance.interval(1.0, 0.95)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, seeds - 1, 1.0, error), rel=1e-10)


def test_paired_differences_alone_give_scipys_paired_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 6))
    difference = first - second
    variance = variance_of_mean(difference, np.repeat(difference[:, None], 10, axis=1))
    assert variance.p_value(float(difference.mean())) == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-10)


def test_without_noise_of_seeds_it_is_normal() -> None:
    variance = VarianceComponents(3, between=0.0, own=0.0, shared=4.0)
    assert variance.p_value(3.0) == pytest.approx(2 * stats.norm.sf(1.5), rel=1e-12)
    assert variance.interval(0.0, 0.9)[1] == pytest.approx(2 * stats.norm.ppf(0.95), rel=1e-10)


@given(
    seeds=st.integers(2, 12),
    between=st.floats(0.01, 10),
    own=st.floats(0, 5),
    shared=st.floats(0, 5),
    distance=st.floats(0.05, 5),
)
def test_error_and_degrees_equal_the_oracle(
    seeds: int, between: float, own: float, shared: float, distance: float
) -> None:
    variance = VarianceComponents(seeds, between, own, shared)
    error, of_interval, of_claim = oracle.degrees(seeds, between, own, shared)
    assert variance.p_value(distance) == pytest.approx(2 * stats.t.sf(distance / error, of_claim), rel=1e-9, abs=1e-300)
    assert variance.p_value(variance.visible_estimate(0.05)) == pytest.approx(0.05, rel=1e-7)
    low, high = variance.interval(0.0, 0.95)
    assert high == pytest.approx(stats.t.ppf(0.975, of_interval) * error, rel=1e-9)
    assert low == -high
    assert high <= variance.visible_estimate(0.05) * (1 + 1e-9)  # what is claimed has an interval without 0


def test_seeds_that_differ_no_more_than_their_rows_explain_leave_the_normal_interval() -> None:
    variance = VarianceComponents(3, between=0.4, own=0.5, shared=1.0)
    assert variance.interval(0.0, 0.95)[1] == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(1 + 0.5 / 3), rel=1e-12)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize(("shared", "own"), [(0.5, 0.2), (0.5, 0.9), (2.0, 0.5), (0.1, 0.0)])
def test_intervals_cover_and_claims_err_as_often_as_they_say(seeds: int, shared: float, own: float) -> None:
    """Normal draws of which the seeds' part has a variance of 1 after division by their number."""
    generator = np.random.default_rng(seeds)
    errors = generator.normal(0, math.sqrt(shared + 1), 2000)
    seen = seeds * generator.chisquare(seeds - 1, 2000) / (seeds - 1)
    variances = [VarianceComponents(seeds, between, own * seeds, shared) for between in seen]
    covered = [abs(error) <= variance.interval(0, 0.95)[1] for variance, error in zip(variances, errors, strict=True)]
    claimed = [variance.p_value(error) < 0.025 for variance, error in zip(variances, errors, strict=True)]
    assert 0.91 < np.mean(covered) < 0.98
    assert np.mean(claimed) < 0.045  # of 0.025; least exact with three seeds and hardly any noise of rows


@given(st.floats(1e-6, 1e6))
def test_noise_has_no_unit(scale: float) -> None:
    small, large = VarianceComponents(3, 1.0, 0.5, 2.0), VarianceComponents(3, scale, 0.5 * scale, 2.0 * scale)
    assert large.p_value(2 * math.sqrt(scale)) == pytest.approx(small.p_value(2.0), rel=1e-9)
    assert large.visible_difference(0.05) == pytest.approx(math.sqrt(scale) * small.visible_difference(0.05), rel=1e-3)


def test_noise_that_cannot_be_known() -> None:
    one_seed = VarianceComponents(1, math.nan, math.nan, 1.0)
    assert math.isnan(one_seed.p_value(9.0))
    assert one_seed.interval(0.0, 0.95)[1] == pytest.approx(1.959964, rel=1e-6)
    assert math.isnan(one_seed.visible_difference(0.05))
    undefined = variance_of_mean(np.full(3, math.nan), np.full((3, 50), math.nan))
    assert math.isnan(undefined.p_value(math.nan))
    assert math.isnan(undefined.interval(math.nan, 0.95)[0])
    none = VarianceComponents(3, 0.0, 0.0, 0.0)
    assert (none.power(0.1, 0.05), none.power(0.0, 0.05)) == (1.0, 0.0)
    assert (none.p_value(0.0), none.p_value(0.1), none.visible_difference(0.05)) == (1.0, 0.0, 0.0)
    assert none.interval(2.0, 0.95) == (2.0, 2.0)
    assert pooled([one_seed, undefined]) is None


def test_components_are_found_again() -> None:
    """Replicates of S seeds with known shared and own variance."""
    generator = np.random.default_rng(0)
    shared, own = generator.normal(0, 2.0, 20_000), generator.normal(0, 3.0, (4, 20_000))
    variance = variance_of_mean(np.array([1.0, 2.0, 3.0, 4.0]), shared + own)
    assert variance.between == pytest.approx(5 / 3)
    assert variance.own == pytest.approx(9.0, rel=0.05)
    assert variance.shared == pytest.approx(4.0, rel=0.1)


def test_visible_difference_is_seen_four_times_in_five() -> None:
    generator = np.random.default_rng(0)
    for seeds, own, shared, extra in ((3, 0.2, 0.5, 1.0), (6, 1.0, 0.0, 0.5)):
        true = VarianceComponents(seeds, own + extra, own, shared)
        difference = true.visible_difference(0.05)
        seen = 0
        for _ in range(1500):
            values = (
                difference + generator.normal(0, math.sqrt(shared)) + generator.normal(0, math.sqrt(own + extra), seeds)
            )
            found = VarianceComponents(seeds, float(values.var(ddof=1)), own, shared)
            seen += found.p_value(float(values.mean())) < 0.05
        assert seen / 1500 == pytest.approx(0.8, abs=0.04)


def test_seeds_to_see_is_the_reverse_question() -> None:
    variance = VarianceComponents(3, 1.0, 0.2, 0.05)
    wanted = variance.with_seeds(9).visible_difference(0.05)
    assert variance.seeds_to_see(wanted * 1.001, 0.05) == 9
    assert variance.seeds_to_see(0.1, 0.05) is None  # the rows alone hide it


# Resampling


def test_replicates_equal_a_plain_bootstrap() -> None:
    """The same distribution of scores as drawing rows in a loop, for every kind of score."""
    runs = comparison({"a": 0.0, "b": 0.1}, seeds=1, rows=120)
    found = resample_rows(SCORES, [runs["a"][0], runs["b"][0]], 3000, seed=0)
    for score in DEFINED:
        cell, values = runs["a"][0][score.name]

        def draw(rows: np.ndarray, score: Statistic = score, cell=cell, values=values) -> float:
            return float(score.value(total(score, Contribution(cell[rows], values[rows]))))

        plain = oracle.bootstrap(120, draw, 600, seed=1)
        mine = found[score.name].replicates[0]
        assert mine.mean() == pytest.approx(plain.mean(), abs=5 * plain.std() / math.sqrt(600))
        assert mine.std() == pytest.approx(plain.std(), rel=0.15)
        stream = StreamingStatistic(score)
        assert found[score.name].estimate[0] == pytest.approx(
            float(stream.statistic.value(total(score, Contribution(cell, values)))), abs=1e-12
        )


def test_draws_are_shared_by_all_runs() -> None:
    run = comparison({"a": 0.0}, seeds=1)["a"][0]
    found = resample_rows(SCORES, [run, run], 50, seed=0)
    for score in DEFINED:
        assert np.array_equal(found[score.name].replicates[0], found[score.name].replicates[1])


def test_accuracy_has_the_binomial_error() -> None:
    run = comparison({"a": 0.0}, seeds=1, rows=1000)["a"][0]
    found = resample_rows([Accuracy()], [run], 4000, seed=0)["accuracy"]
    share = found.estimate[0]
    assert found.replicates[0].std() == pytest.approx(math.sqrt(share * (1 - share) / 1000), rel=0.05)


def test_many_rows_are_resampled_from_a_part_and_scaled() -> None:
    generator = np.random.default_rng(0)
    rows = 3 * MOST_ROWS
    correct = torch.from_numpy((generator.random(rows) < 0.8).astype(float))
    values = torch.stack([correct, torch.ones_like(correct)], -1)
    run = {"accuracy": Contribution(torch.zeros(rows, dtype=torch.int64), values)}
    found = resample_rows([Accuracy()], [run], 400, seed=0)["accuracy"]
    assert found.estimate[0] == float(correct.mean())
    assert found.replicates[0].std() == pytest.approx(math.sqrt(0.16 / rows), rel=0.15)


# Adjusting for several comparisons


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(oracle.holm(p_values))
    assert all(a >= p for a, p in zip(holm(p_values), p_values, strict=True))


def test_holm_by_hand_and_with_undefined_ones() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    found = holm([math.nan, 0.02, 0.01])
    assert math.isnan(found[0])
    assert found[1:] == [0.02, 0.02]


# The summary


def test_a_clearly_better_method_wins() -> None:
    summary = summarise(SCORES, comparison({"base": 0.0, "good": 1.0, "same": 0.0}, seeds=5), "base", primary="nll")
    methods = by_name(summary)
    assert summary.methods[0].method == "good"
    assert {name: method.rank for name, method in methods.items()} == {"good": 1, "base": 2, "same": 2}
    assert summary.winner == "good"
    assert methods["base"].difference is None
    good, same = methods["good"].difference, methods["same"].difference
    assert good is not None
    assert same is not None
    assert good["nll"].verdict == good["accuracy"].verdict == "better"  # lower and higher: each in its own direction
    assert good["nll"].estimate < 0 < good["accuracy"].estimate
    assert good["nll"].interval[1] < 0
    assert same["nll"].verdict == "no more than noise"
    assert "good is better than every other method" in summary.text


def test_baseline_may_win_and_worse_is_said() -> None:
    summary = summarise(SCORES, comparison({"a": 0.0, "b": -1.0}, seeds=5), "a", primary="accuracy")
    assert summary.winner == "a"
    difference = by_name(summary)["b"].difference
    assert difference is not None
    assert difference["accuracy"].verdict == "worse"


def test_equal_methods_share_the_first_rank() -> None:
    summary = summarise(SCORES, comparison(dict.fromkeys("abcd", 0.0)), "a", primary="nll")
    assert [method.rank for method in summary.methods] == [1, 1, 1, 1]
    assert summary.winner is None
    assert "No clear winner" in summary.text


def test_leaders_that_cannot_be_told_apart_are_named() -> None:
    runs = comparison({"base": 0.0, "one": 1.0, "two": 1.0}, seeds=5)
    summary = summarise(SCORES, runs, "base", primary="nll")
    assert sorted(method.rank for method in summary.methods) == [1, 1, 3]
    assert summary.winner is None
    assert "one" in summary.text
    assert "two" in summary.text
    assert "cannot be told apart" in summary.text


def test_pairs_that_both_equal_the_baseline_are_not_told_apart() -> None:
    """However surely they differ: or six equal methods would have many chances to be called unequal."""
    nll = NegativeLogLikelihood()
    estimate = np.array([0.0, 0.0, 0.0, -1.0, -2.0, -3.0, 3.0, 2.0, 1.0])  # the last two always differ by 4
    found = Replicates(estimate, np.repeat(estimate[:, None], 5, axis=1))
    table = ScoreTable(
        {"nll": found}, [(method, seed) for method in ("base", "low", "high") for seed in range(3)], 0.95
    )
    methods = ["base", "low", "high"]
    differences = differences_to(table, [nll], methods, "base", "nll")
    assert table.difference_variance("nll", "low", "high")[1].p_value(-4.0) == 0.0
    order, ranks, winner = ranking(table, nll, methods, "base", differences)
    assert order == ["low", "base", "high"]
    assert ranks == {"base": 1, "low": 1, "high": 1}
    assert winner is None


def test_differences_are_paired_by_rows_and_seeds() -> None:
    """A method compared with itself differs by nothing, without any noise."""
    runs = comparison({"a": 0.0})["a"]
    difference = by_name(summarise(SCORES, {"a": runs, "b": runs}, "a", primary="nll"))["b"].difference
    assert difference is not None
    for score in DEFINED:
        assert difference[score.name].interval == (0.0, 0.0)
        assert difference[score.name].p_value == 1.0


def test_numbers_are_means_over_seeds() -> None:
    runs = comparison({"a": 0.0, "b": 0.3})
    summary = by_name(summarise(SCORES, runs, "a", primary="nll"))
    for score in DEFINED:
        values = {
            method: np.array([float(score.value(total(score, run[score.name]))) for run in found if run])
            for method, found in runs.items()
        }
        found = summary["b"].scores[score.name]
        assert found.mean == pytest.approx(values["b"].mean(), abs=1e-12)
        assert found.spread == pytest.approx(values["b"].std(ddof=1), abs=1e-12)
        assert found.interval[0] <= found.mean <= found.interval[1]
        assert score.bounds[0] <= found.interval[0]
        difference = summary["b"].difference
        assert difference is not None
        assert difference[score.name].estimate == pytest.approx((values["b"] - values["a"]).mean(), abs=1e-12)


def test_the_same_input_gives_the_same_numbers() -> None:
    runs = comparison({"a": 0.0, "b": 0.1})
    first, second = (summarise(SCORES, runs, "a", primary="nll").to_json() for _ in range(2))
    assert first == second
    other = summarise(SCORES, runs, "a", primary="nll", seed=1).to_json()
    assert other["summary"][0]["scores"]["nll"]["interval"] != first["summary"][0]["scores"]["nll"]["interval"]


def test_undefined_scores_stay_undefined() -> None:
    summary = summarise(SCORES, comparison({"a": 0.0, "b": 1.0}), "a", primary="nll")
    difference = by_name(summary)["b"].difference
    assert difference is not None
    assert difference["accuracy_few"].verdict == "undefined"
    stored = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    entry = next(one for one in stored["summary"] if one["method"] == "b")
    assert entry["scores"]["accuracy_few"] == {"mean": None, "spread": None, "interval": [None, None]}
    assert set(entry) == {"method", "rank", "seeds", "failed", "scores", "difference"}
    assert set(entry["difference"]["nll"]) == {"estimate", "interval", "p_adjusted", "verdict"}


def test_one_seed_gives_no_verdict() -> None:
    summary = summarise(SCORES, comparison({"a": 0.0, "b": 3.0}, seeds=1), "a", primary="nll")
    difference = by_name(summary)["b"].difference
    assert difference is not None
    assert {one.verdict for one in difference.values()} == {"no more than noise", "undefined"}
    assert summary.winner is None
    assert math.isnan(summary.smallest_visible_difference)
    assert "One seed" in summary.text


def test_failed_runs_are_counted_and_pairs_are_kept() -> None:
    runs = comparison({"a": 0.0, "b": 1.0, "c": 0.0}, seeds=4)
    runs["b"][1] = None
    runs["c"] = [None] * 4
    methods = by_name(summary := summarise(SCORES, runs, "a", primary="nll"))
    assert (methods["b"].seeds, methods["b"].failed) == (3, 1)
    assert (methods["c"].seeds, methods["c"].failed, methods["c"].rank) == (0, 4, 3)
    assert methods["c"].difference is None
    nll = NegativeLogLikelihood()
    paired = [
        float(nll.value(total(nll, b["nll"])) - nll.value(total(nll, a["nll"])))
        for a, b in zip(runs["a"], runs["b"], strict=True)
        if a and b
    ]
    assert methods["b"].difference is not None
    assert methods["b"].difference["nll"].estimate == pytest.approx(np.mean(paired))
    assert "Not all runs finished: b and c." in summary.text
    json.dumps(summary.to_json(), allow_nan=False)


def test_refusals() -> None:
    runs = comparison({"a": 0.0, "b": 0.0}, seeds=2, rows=50)
    with pytest.raises(ValueError, match="baseline is 'z'"):
        summarise(SCORES, runs, "z", primary="nll")
    with pytest.raises(ValueError, match="primary is 'loss'"):
        summarise(SCORES, runs, "a", primary="loss")
    with pytest.raises(ValueError, match="seeds"):
        summarise(SCORES, runs | {"b": runs["b"][:1]}, "a", primary="nll")
    with pytest.raises(RunError, match="different rows"):
        summarise(SCORES, runs, "a", primary="nll", test_hashes=["1f", "1f", "2a", "1f"])
    with pytest.raises(RunError, match="same rows"):
        summarise(SCORES, runs | {"b": comparison({"b": 0.0}, 2, 40)["b"]}, "a", primary="nll")
    with pytest.raises(RunError, match="no run finished"):
        summarise(SCORES, {"a": [None], "b": [None]}, "a", primary="nll")


def test_few_seeds_never_speak_of_significance() -> None:
    for seeds in (1, 2, 3, 5):
        for gain in (0.0, 2.0):
            summary = summarise(SCORES, comparison({"a": 0.0, "b": gain}, seeds), "a", primary="nll")
            assert "significan" not in json.dumps(summary.to_json()).lower()


def test_equal_methods_are_seldom_told_apart() -> None:
    """A short A/A simulation; `benchmarks/comparison.py` is the long one."""
    scores = [NegativeLogLikelihood(), Accuracy()]
    claims = 0
    for seed in range(100):
        runs = comparison(dict.fromkeys("abc", 0.0), rows=100, seed=seed, seed_spread=0.3)
        summary = summarise(scores, runs, "a", primary="nll", resamples=100)
        claims += max(method.rank for method in summary.methods) > 1
    assert claims <= 11  # P(more) < 0.02 if one in twenty were claimed


def test_intervals_cover_a_true_difference() -> None:
    scores = [NegativeLogLikelihood()]
    truth = np.mean([_difference(seed, rows=2000) for seed in range(1000, 1060)])
    covered = 0
    for seed in range(120):
        runs = comparison({"a": 0.0, "b": 0.2}, rows=100, seed=seed, seed_spread=0.3)
        difference = by_name(summarise(scores, runs, "a", primary="nll", resamples=100))["b"].difference
        assert difference is not None
        low, high = difference["nll"].interval
        covered += low <= truth <= high
    assert covered >= 106


def _difference(seed: int, rows: int) -> float:
    nll = NegativeLogLikelihood()
    runs = comparison({"a": 0.0, "b": 0.2}, seeds=1, rows=rows, seed=seed, seed_spread=0.3)
    b, a = (float(nll.value(total(nll, runs[method][0]["nll"]))) for method in "ba")
    return b - a
