"""What the page says first: how often the kept model is right, and what its confidence is worth."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softlabel.report.comparison import Comparison, among_others, why_kept
from softlabel.report.sections.achieved import achieved, surest
from softlabel.report.sections.class_table import class_section
from softlabel.report.terminal import comparison_table
from tests.report.results import comparison_results

Json = dict[str, Any]


def one(low: float, count: int, accuracy: float) -> Json:
    return {"low": low, "high": low + 0.05, "count": count, "confidence": low, "accuracy": accuracy}


@pytest.fixture
def results() -> Json:
    return copy.deepcopy(comparison_results())


def kept_cell(results: Json) -> Json:
    kept = results["verdict"]["kept"]
    found: Json = next(c for c in results["cells"] if (c["method"], c["seed"]) == (kept["method"], kept["seed"]))
    return found


def test_shares_of_a_hundred_rows_with_their_interval(results: Json) -> None:
    cell = kept_cell(results)
    cell["selected"]["after"]["accuracy"] = 0.905
    cell["details"]["reliability"] = {"before": [], "after": [one(0.5, 50, 0.6), one(0.9, 30, 0.9), one(0.95, 12, 1.0)]}
    results["data"]["rows"]["test"] = 200
    assert achieved(Comparison(results)) == (
        f"The kept model ({cell['method']}, seed {cell['seed']}) is right on 90 of 100 test rows (95 % interval "
        "86 to 94, 200 rows). Of 100 answers above 90 % confidence (42 rows) about 93 are right."
    )


def test_sure_answers_that_are_all_right(results: Json) -> None:
    kept_cell(results)["details"]["reliability"] = {"before": [], "after": [one(0.95, 36, 1.0)]}
    assert str(achieved(Comparison(results))).endswith(" All 36 answers above 95 % confidence are right.")


def test_a_model_no_better_than_a_constant_answer_is_said_to_be(results: Json) -> None:
    kept_cell(results)["constant"] = {"passed": False, "constant": 2.3, "value": 2.3, "title": "NLL"}
    assert ", which is no better than a constant answer." in str(achieved(Comparison(results)))


def test_other_tasks_name_their_score(results: Json) -> None:
    for cell in results["cells"]:
        for epoch in ("selected", "last"):
            for scores in (cell[epoch] or {}).values():
                (scores or {}).pop("accuracy", None)
    title = Comparison(results).primary["title"]
    assert f" has {title} " in str(achieved(Comparison(results)))


@pytest.mark.parametrize(
    ("bins", "found"),
    [
        ([], None),
        ([one(0.9, 19, 1.0)], None),
        ([one(0.9, 20, 0.5)], (0.9, 20, 0.5)),
        ([one(0.87, 10, 0.5), one(0.93, 10, 1.0)], (0.87, 20, 0.75)),
        ([one(0.8, 100, 0.5), one(0.93, 10, 1.0)], None),
    ],
)
def test_the_surest_answers_that_are_enough(bins: list[Json], found: Any) -> None:
    assert surest(bins) == found


def test_what_a_constant_answer_scores_is_the_last_line(results: Json) -> None:
    results["constant"] = {score["name"]: 0.125 for score in results["scores"]}
    table = comparison_table(results, 200)
    line = next(line for line in table.splitlines() if " constant " in line)
    assert "0.125" in line
    assert "the mean label, always" in line
    assert line.lstrip().startswith("–")
    assert [entry["method"] for entry in Comparison(results).lines][-1] == "constant"


def test_why_the_kept_model_is_not_the_first(results: Json) -> None:
    first, second = Comparison(results).methods[:2]
    results["verdict"]["kept"]["method"] = first
    assert why_kept(Comparison(results)) == ""
    results["verdict"]["kept"]["method"] = second
    assert why_kept(Comparison(results)) == f"; chosen on validation rows, on test rows {first} is before it"


@pytest.mark.parametrize(
    ("interval", "verdict", "told"),
    [
        ([0.1, 0.2], "no more than noise", " among 2"),
        ([-0.1, 0.2], "no more than noise", ""),
        ([0.1, 0.2], "worse", ""),
        (None, "no more than noise", ""),
    ],
)
def test_noise_whose_own_interval_misses_zero_is_said_to_be_among_others(
    interval: list[float] | None, verdict: str, told: str, results: Json
) -> None:
    assert among_others(Comparison(results), {"interval": interval, "verdict": verdict}) == told


@pytest.mark.parametrize("count", [3, 100, 1000])
def test_the_worst_classes_are_named(count: int, results: Json) -> None:
    names = [f"class {number}" for number in range(count)]
    results["data"]["class_names"] = names
    kept_cell(results)["details"] |= {
        "confusion": None,
        "per_class": [
            {
                "class": name,
                "training_count": 5.0,
                "test_count": 10,
                "accuracy": (number * 7 % count) / count,
                "mean_confidence": 0.5,
                "precision": None if number == 0 else 0.25,
            }
            for number, name in enumerate(names)
        ],
    }
    section = class_section(Comparison(results))
    assert section is not None
    (table,) = section.tables
    assert len(table.rows) == min(count, 10)
    assert [cell.text for cell in table.rows[0][:1]] == ["class 0"]
    assert "Least recognised: class 0, " in section.lead[0]
    assert (len(section.folded) == 1) is (count > 10)


def test_what_the_worst_classes_are_taken_for(results: Json) -> None:
    results["data"]["class_names"] = ["a", "b", "c"]
    rows = [("a", 0.5), ("b", 1.0), ("c", 0.0)]
    kept_cell(results)["details"] |= {
        "confusion": [[5, 4, 1], [0, 9, 0], [0, 7, 0]],
        "per_class": [
            {"class": name, "training_count": 9.0, "test_count": 10, "accuracy": share, "precision": 0.5}
            for name, share in rows
        ],
    }
    section = class_section(Comparison(results))
    assert section is not None
    assert [row[-1] for row in section.tables[0].rows] == ["b (7)", "b (4)", "–"]
