"""Features in a plane: a point for every stored row, coloured by class or value; damaged ones are left out."""

from __future__ import annotations

from typing import Any

import pytest

from softlabel.report.comparison import Comparison
from softlabel.report.sections.feature_map import POINTS_AT_MOST, feature_section
from tests.report.axis_results import axis_results
from tests.report.page import parse
from tests.report.pose_results import pose_results
from tests.report.results import Json, comparison_results

POINTS = "0 0 1 1000 0 1 500 1000 2 300 300 0"


def with_features(results: Json, stored: Any) -> Comparison:
    results["cells"][0]["features"] = stored
    return Comparison(results)


@pytest.mark.parametrize("make", [comparison_results, axis_results])
def test_every_point_is_drawn(make: Any) -> None:
    section = feature_section(with_features(make(1, 1), {"points": POINTS, "explained": [0.4, 0.2]}))
    assert section is not None
    assert "4 test rows" in section.lead[0]
    assert "60 % of their variance" in section.lead[0]
    paths = parse(str(section.panels[0].drawing)).tags("path")
    assert "".join(path["d"] for path in paths).count("M") == 4
    assert any("M6 314h0" in path["d"] for path in paths)  # 0 0 is below, on the left


def test_few_classes_are_named_as_text() -> None:
    results = comparison_results(1, 1)
    results["data"]["class_names"][1] = "<script>"
    section = feature_section(with_features(results, {"points": POINTS}))
    assert section is not None
    assert "<script>" not in section.panels[0].drawing
    page = parse(str(section.panels[0].drawing))
    assert sorted(page.texts) == ["0", "2", "<script>"]
    assert {tag for tag, _ in page.elements} == {"svg", "path", "text"}


@pytest.mark.parametrize(
    "points",
    [None, 7, "", "1 2", "1 2 x", "1 2 -1", "1 2 99", "1001 0 0", "0 1001 0", "1 2 3 " * (POINTS_AT_MOST + 1)],
    ids=lambda points: str(points)[:12],
)
def test_damaged_points_are_left_out(points: Any) -> None:
    assert feature_section(with_features(comparison_results(1, 1), {"points": points})) is None
    assert feature_section(with_features(comparison_results(1, 1), points)) is None


def test_runs_without_features_have_no_such_section() -> None:
    assert feature_section(Comparison(comparison_results(1, 1))) is None


def test_a_grid_of_angles_is_coloured_by_each_of_them() -> None:
    results = pose_results(1)
    results["cells"][0]["features"] = {"points": "0 0 0 500 500 4 1000 1000 14"}  # cells of 3 pitches by 5 yaws
    section = feature_section(Comparison(results))
    assert section is not None
    assert [panel.title for panel in section.panels] == ["By pitch", "By yaw"]
    drawn = [parse(str(panel.drawing)).tags("path") for panel in section.panels]
    assert [[path["d"].count("M") for path in paths] for paths in drawn] == [[2, 1], [1, 2]]
    assert section.panels[1].caption == "From -60 (blue) to 60 degrees (orange)."
