"""Every figure of docs/statistics.md is one that a benchmark stored, and the stored ones keep their promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from benchmarks.stored import RESULTS, read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")


def stored(name: str) -> dict[str, Any]:
    return read(RESULTS / name).measured


FOUND = stored("comparison-cpu")


def test_the_text_has_no_figures_of_its_own() -> None:
    text = re.sub(r"^\|[^\n]*$|^<!--[^\n]*$|```.*?```", "", PAGE, flags=re.M | re.S)
    figures = set(re.findall(r"\d[\d,]*(?:\.\d+)?(?: %)?", text))
    settled = {"1", "2", "3", "5", "10", "93", "97 %", "5 %", "95 %", "100,000"}
    assert figures - settled <= {str(FOUND["comparisons"])}


def test_equal_methods_are_seldom_told_apart() -> None:
    assert max(line["comparisons"] for line in FOUND["claims"]) >= 2000
    for line in FOUND["claims"]:
        by_chance = stats.binom.ppf(0.99, line["comparisons"], 0.05) / line["comparisons"]
        assert line["winner"] <= 0.05, line
        assert line["told_apart"] <= by_chance, line


def test_intervals_cover_what_they_promise() -> None:
    """Less than by chance only where the page says so, and nowhere much less."""
    by_chance = stats.binom.ppf(0.005, FOUND["comparisons"], 0.95) / FOUND["comparisons"]
    short = [line for line in FOUND["coverage"] if line["coverage"]["ours"] < by_chance]
    assert {(line["seeds"], line["score"]) for line in short} <= {(10, "ece"), (3, "accuracy")}
    assert all(0.89 <= line["coverage"]["ours"] <= 0.98 for line in FOUND["coverage"])


def test_the_formula_of_the_smallest_visible_difference_is_within_a_tenth() -> None:
    for line in FOUND["formula"]:
        assert line["said"] == pytest.approx(line["seen"], rel=0.1), line


def test_ten_times_the_rows_take_a_tenth_more_memory_at_most() -> None:
    found = stored("memory-cpu")
    assert found["rows"][1] == 10 * found["rows"][0]
    for few, many in found["peaks"].values():
        assert many <= 1.1 * few
