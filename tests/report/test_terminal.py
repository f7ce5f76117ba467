"""The table of the terminal: the numbers of results.json, whole, in the width there is."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softlabel.report.columns import text_width
from softlabel.report.terminal import comparison_table
from softlabel.text.numbers import number, signed
from tests.report.results import EDGE_CASES, Json, comparison_results

GOLDEN = """\
#  method                    test NLL ↓  test NLL - cross_entropy, 95 %
1  online_label_smoothing  0.295 ±0.011  -0.345 [-0.370, -0.320] better
1  label_smoothing         0.273 ±0.026  +0.002 [-0.023, +0.027] noise
3  cross_entropy           0.640 ±0.062  baseline

method           test acc. ↑  test acc., few ↑    test ECE ↓  time/run  disk/run
online_label_…  0.897 ±0.011      0.849 ±0.022  0.035 ±0.003     2.6 s    0.4 MB
label_smoothi…  0.904 ±0.006      0.872 ±0.006  0.023 ±0.007     2.9 s    1.4 MB
cross_entropy   0.798 ±0.024      0.713 ±0.033  0.036 ±0.005     3.2 s    2.4 MB
achieved The kept model (online_label_smoothing, seed 0) is right on 91 of 100
         test rows (95 % interval 88 to 93, 450 rows). Of 100 answers above 93 %
         confidence (301 rows) about 99 are right.
verdict  No clear winner: on NLL online_label_smoothing and label_smoothing
         cannot be told apart. A difference under 0.021 would probably not have
         been seen; 12 seeds would see 0.011.
kept     online_label_smoothing, seed 0, temperature 1.30"""


@pytest.fixture
def golden_results() -> Json:
    results = comparison_results()
    for entry, mean, spread in zip(results["summary"], (0.2951, 0.2728, 0.64), (0.011, 0.0262, 0.062), strict=True):
        entry["scores"]["nll"] |= {"mean": mean, "spread": spread}
    first, second, _ = results["summary"]
    first["difference"]["nll"] |= {"estimate": -0.345, "interval": [-0.37, -0.32], "verdict": "better"}
    second["difference"]["nll"] |= {"estimate": 0.002, "interval": [-0.023, 0.027], "verdict": "no more than noise"}
    for place, entry in enumerate(results["summary"]):
        entry["bytes"] = 412_345 + 1_000_000 * place
        entry["scores"]["accuracy_few"] = entry["scores"].pop("few")
    few = {"name": "accuracy_few", "title": "accuracy, few"}
    results["scores"] = [score | few if score["name"] == "few" else score for score in results["scores"]]
    return results


def test_golden(golden_results: Json) -> None:
    assert comparison_table(golden_results) == GOLDEN


def test_ascii_alone(golden_results: Json) -> None:
    text = comparison_table(golden_results, unicode=False)
    assert text.isascii()
    assert "test NLL v" in text
    assert "0.295 +-0.011" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_too_wide_and_no_number_cut(name: str, width: int, results: Callable[[str], Json]) -> None:
    found = results(name)
    text = comparison_table(found, width)
    assert max(map(text_width, text.splitlines())) <= width
    assert "nan" not in text
    known = _numbers_of(found)
    table = text[: text.index("verdict ")]
    for shown in re.findall(r"[-+]?\d+\.\d+", table.replace("+-", "±")):
        assert shown in known, shown


def test_what_does_not_fit_beside_the_score_stands_below(results: Callable[[str], Json]) -> None:
    first, second, *_ = comparison_table(results("full"), 40).split("\n\n")
    assert "test NLL ↓" in first
    assert "better" not in first
    assert "better" in second
    assert "test Brier ↓" in comparison_table(results("full"), 220)
    assert "\n\n" not in comparison_table(results("full"), 220)


def test_every_score_names_its_split_and_its_better_direction(golden_results: Json) -> None:
    table = comparison_table(golden_results, 220).splitlines()[0]
    columns = re.split(r"  +", table)[2:-2]
    assert columns[1] == "test NLL - cross_entropy, 95 %"
    for column in columns[:1] + columns[2:]:
        assert re.fullmatch(r"test .* [↓↑]", column), column


def test_shortened_names_still_differ(golden_results: Json) -> None:
    names = ["label_smoothing_weak", "label_smoothing_wide", "cross_entropy"]
    for entry, name in zip(golden_results["summary"], names, strict=True):
        entry["method"] = name
    below = comparison_table(golden_results, 80).split("\n\n")[1].splitlines()[1:4]
    assert len({line.split()[0] for line in below}) == 3


def test_colour_only_where_it_is_wanted(golden_results: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    painted = comparison_table(golden_results, colour=True)
    assert "\x1b[32mbetter\x1b[0m" in painted
    assert re.sub(r"\x1b\[\d+m", "", painted) == GOLDEN
    monkeypatch.setenv("NO_COLOR", "1")
    assert comparison_table(golden_results, colour=True) == GOLDEN


def test_failed_runs_are_named(results: Callable[[str], Json]) -> None:
    text = comparison_table(results("failed cell"))
    assert "failed   online_label_smoothing, seed 1: FloatingPointError: the loss is NaN" in text


def test_long_names_are_shortened_unless_they_would_look_the_same() -> None:
    results = comparison_results()
    for entry, name in zip(results["summary"], ["a" * 50, "b" * 50, "cross_entropy"], strict=True):
        entry["method"] = name
    assert "a" * 23 + "…" in comparison_table(results)
    results["summary"][1]["method"] = "a" * 49 + "b"
    assert "a" * 49 in comparison_table(results, 200)


@given(st.lists(st.text(min_size=1, max_size=40), min_size=3, max_size=3, unique=True), st.integers(40, 140))
def test_any_names_keep_within_the_width(names: list[str], width: int) -> None:
    results = copy.deepcopy(_RESULTS)
    for entry, name in zip(results["summary"], names, strict=True):
        entry["method"] = name
    tables = comparison_table(results, width).split("\nachieved ")[0].split("\n\n")
    assert [len(table.splitlines()) for table in tables] == [4] * len(tables)
    assert max(text_width(line) for table in tables for line in table.splitlines()) <= width


_RESULTS = comparison_results(classes=3, epochs=1)


def _numbers_of(results: Json) -> set[str]:
    """Every number of the summary as it may be written."""
    found: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            for part in value.values():
                collect(part)
        elif isinstance(value, list):
            for part in value:
                collect(part)
        elif isinstance(value, float):
            found.update({number(value), signed(value), f"{value:.1f}"})

    collect(results["summary"])
    return found


def test_an_interval_without_0_that_is_called_noise_is_explained() -> None:
    results = comparison_results()
    assert "(Holm)" not in comparison_table(results, 80, False, True)
    for entry in results["summary"]:
        if entry["difference"]:
            entry["difference"]["nll"].update(interval=[0.01, 0.2], verdict="no more than noise")
    assert "(Holm)." in comparison_table(results, 100, False, True)
