"""The page says what results.json says: the verdict first, every number from there, within its size."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from softlabel.errors import RunError
from softlabel.report.html import render_report, write_report
from tests.report.page import URL_ATTRIBUTES, Page, parse
from tests.report.results import EDGE_CASES, Json, comparison_results

Pages = Callable[[str], Page]
MEGABYTE = 1_000_000


@pytest.mark.parametrize("name", EDGE_CASES)
def test_every_case_makes_a_page_without_scripts_and_addresses(
    name: str, report: Callable[[str], str], page: Pages
) -> None:
    assert not page(name).tags("script")
    for tag, attributes in page(name).elements:
        assert not [attribute for attribute in attributes if attribute.startswith("on")], tag
        for attribute in URL_ATTRIBUTES & attributes.keys():
            where = attributes[attribute]
            if (tag, attribute) == ("a", "href"):  # to a part of the page itself
                assert where.startswith("#")
                assert [part for _, others in page(name).elements for part in [others.get("id")] if part == where[1:]]
                continue
            assert (tag, attribute) == ("img", "src")
            assert where.startswith("data:image/png;base64,")
    assert "http://" not in report(name)
    assert "https://" not in report(name)
    assert "url(" not in report(name)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", page(name).text)


def test_the_policy_forbids_what_the_page_does_not_use(page: Pages) -> None:
    policy = next(meta["content"] for meta in page("full").tags("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_the_verdict_comes_first(page: Pages, results: Callable[[str], Json]) -> None:
    text = page("full").text
    places = [text.index(part) for part in ("cannot be told apart", "Kept model", "What was understood", "Ranking")]
    assert places == sorted(places)
    assert results("full")["verdict"]["text"].split(". ")[0] in text


def test_headings_step_down_one_level_at_a_time(page: Pages) -> None:
    levels = [int(tag[1]) for tag, _ in page("full").elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_drawing_has_words_and_its_numbers_as_a_table(page: Pages) -> None:
    drawings = page("full").tags("svg")
    assert sum(drawing["aria-label"] != "" for drawing in drawings) >= 8
    assert len(page("full").tags("details")) >= 8


def test_the_ranking_has_the_numbers_of_the_summary(page: Pages, results: Callable[[str], Json]) -> None:
    ranking = page("full").tables[0]
    for row, entry in zip(ranking[1:], results("full")["summary"], strict=True):
        assert row[0] == entry["method"]
        assert row[1] == str(entry["rank"])
        assert row[2].startswith(f"{entry['scores']['nll']['mean']:.3f} ±")
        if entry["difference"]:
            assert row[3].startswith(f"{entry['difference']['nll']['estimate']:+.3f}".replace("-", "−"))
            assert row[4].startswith(entry["difference"]["nll"]["verdict"])


def test_the_better_direction_is_told_by_an_arrow(page: Pages) -> None:
    names = [row[0].replace("\u00a0", " ") for row in page("full").tables[1]]
    assert names[1:] == ["NLL ↓", "accuracy ↑", "balanced accuracy ↑", "few accuracy ↑", "Brier ↓", "ECE ↓"]


CHANGES: list[tuple[tuple[str | int, ...], float, str]] = [
    (("summary", 0, "scores", "nll", "mean"), 7.1011, "7.101 ±"),
    (("summary", 0, "scores", "nll", "spread"), 7.1021, "±7.102"),
    (("summary", 0, "scores", "brier", "interval", 1), 7.1031, "7.103]"),
    (("summary", 0, "difference", "nll", "estimate"), -7.1041, "−7.104"),
    (("summary", 0, "difference", "nll", "p_adjusted"), 0.5678, "p 0.568"),
    (("summary", 0, "seconds"), 71.2, "71 s"),
    (("verdict", "smallest_visible_difference"), 7.1051, "7.105"),
    (("verdict", "kept", "temperature"), 7.126, "temperature 7.13"),
    (("data", "rows", "test"), 71_234, "71,234"),
    (("data", "effective_validation_size"), 73.61, "73.6"),
    (("data", "training_counts", 0), 82_345, "82,345"),
    (("cells", 0, "seconds"), 7123.0, "118 min 43 s"),
    (("cells", 0, "images_per_second"), 9_000_000.0, "3,005,400"),
    (("cells", 0, "bytes"), 9_000_000_000, "3,000.3 MB"),
    (("cells", 0, "temperature"), 74.567, "74.57"),
    (("cells", 1, "temperature_interval", 1), 7.1061, "7.106]"),
    (("cells", 0, "selected", "before", "ece"), 300.0, "100.0 → "),
    (("cells", 0, "selected", "before", "nll"), 75.678, "75.678"),
    (("cells", 0, "last", "after", "accuracy"), 600.0, "200.6"),
    (("cells", 0, "curves", 3, "loss"), 9000.0, "3001."),
    (("cells", 0, "details", "reliability", "after", -1, "count"), 9_000_000, "3,000,"),
    (("cells", 0, "details", "per_class", 0, "test_count"), 6_123, "6,123"),
    (("cells", 0, "details", "confusion", 0, 1), 5_123, "5,123"),
    (("cells", 0, "ambiguous", 0, "entropy"), 7.163, "entropy\u00a07.16"),
    (("cells", 0, "worst", 0, "loss"), 71.63, "loss\u00a071.63"),
    (("cells", 0, "table", "values", 0, 1), 0.71234, "0.7123"),
    (("seconds",), 1234.0, "20 min 34 s"),
]


def test_a_number_changed_in_results_json_changes_the_page(
    results: Callable[[str], Json], page: Pages, no_drawing: None
) -> None:
    changed = copy.deepcopy(results("full"))
    for path, value, _ in CHANGES:
        part = changed
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value
    before, after = page("full").text, parse(render_report(changed)).text
    for path, _, shown in CHANGES:
        assert after.count(shown) > before.count(shown), path


def test_the_file_stays_small(report: Callable[[str], str]) -> None:
    assert len(render_report(comparison_results(5, 5)).encode()) <= 2 * MEGABYTE
    assert len(report("100 classes").encode()) <= 2 * MEGABYTE


def test_size_does_not_grow_with_rows_epochs_or_large_images(no_drawing: None) -> None:
    small = comparison_results(1, 1, epochs=150)
    large = comparison_results(1, 1, epochs=3000)
    large["data"]["rows"]["test"] = 10**9
    assert len(render_report(large)) <= 1.05 * len(render_report(small))


def test_same_results_give_the_same_bytes(report: Callable[[str], str], results: Callable[[str], Json]) -> None:
    name = "one method, one seed"
    assert render_report(copy.deepcopy(results(name))) == report(name)


def test_failed_runs_are_named_with_their_reason(page: Pages) -> None:
    text = page("failed cell").text
    assert "1 of 9 runs failed." in text
    assert "FloatingPointError: the loss is NaN at epoch 3" in text


def test_a_method_that_failed_altogether_stays_in_the_table(page: Pages) -> None:
    row = next(row for row in page("failed method").tables[0] if row[0] == "online_label_smoothing")
    assert row[1:3] == ["–", "–"]
    assert row[5] == "0 3 failed"


def test_the_published_protocol_shows_no_temperature(page: Pages) -> None:
    text = page("published").text
    assert "→" not in text
    assert "No temperature was fitted" in text
    assert "this protocol selects no model" in text
    assert "Validation NLL" not in text


def test_an_empty_group_prints_a_dash(page: Pages) -> None:
    groups = next(table for table in page("empty group").tables if table[0][1].startswith("many"))
    assert groups[0][3] == "few 0 classes, 0 rows"
    assert [row[3] for row in groups[1:]] == ["–"] * 2


def test_a_task_without_confusion_has_no_such_section(page: Pages) -> None:
    assert "Confusion" not in page("votes").text
    assert "truth 3: 0.60, 8: 0.40" in re.sub(r"\s+", " ", page("votes").text)


def test_many_classes_are_listed_by_their_largest_confusions(page: Pages) -> None:
    table = next(table for table in page("100 classes").tables if table[0][0] == "truth")
    rows = [int(row[2]) for row in table[1:]]
    assert len(rows) == 10
    assert rows == sorted(rows, reverse=True)


def test_images_are_written_anew_and_only_png(results: Callable[[str], Json], no_drawing: None) -> None:
    changed = copy.deepcopy(results("full"))
    ambiguous = changed["cells"][0]["ambiguous"]
    for entry, image in zip(
        ambiguous, ["javascript:alert(1)", "data:image/png;base64,AAAA", "data:text/html,x", 7], strict=False
    ):
        entry["image"] = image
    assert len(parse(render_report(changed)).tags("img")) == len(parse(render_report(results("full"))).tags("img")) - 4


def test_another_format_is_refused(results: Callable[[str], Json]) -> None:
    with pytest.raises(RunError, match="format 2"):
        render_report(results("full") | {"format": 2})


def test_the_report_is_written_where_it_was_asked(
    tmp_path: Path, results: Callable[[str], Json], no_drawing: None
) -> None:
    path = write_report(results("one method, one seed"), tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
