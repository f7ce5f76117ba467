"""Two angles in the report: errors and training rows on the grid, distributions of single rows, the card."""

from __future__ import annotations

import re
from typing import Any

import pytest

from softlabel.report.card import model_card
from softlabel.report.comparison import Comparison
from softlabel.report.drawing.cell_grid import cell_grid
from softlabel.report.html import render_report
from softlabel.report.sections.error_by_cell import cell_section
from softlabel.report.terminal import comparison_table
from softlabel.text.visible import visible
from tests.report.axis_results import axis_results
from tests.report.page import URL_ATTRIBUTES, Page, parse
from tests.report.payloads import PAYLOADS
from tests.report.pose_results import PITCH, YAW, pose_results
from tests.report.results import Json
from tests.report.test_hostile import ALLOWED_TAGS


def samples_of(page: Page) -> list[dict[str, Any]]:
    return [drawing for drawing in page.tags("svg") if drawing["aria-label"].startswith("predicted")]


def test_the_maps_hold_the_stored_numbers_with_pitch_upwards() -> None:
    section = cell_section(Comparison(pose_results()))
    assert section is not None
    errors, training = (parse(str(panel.drawing)) for panel in section.panels)
    # from the highest pitch down; cells without test rows are empty
    stored = [f"{k + 0.75:.2g}" for row in (2, 1, 0) for k in range(row * 5, row * 5 + 5) if k % 2 == 0]
    assert "".join(stored) in errors.text
    assert all(str(k) in training.text for k in range(1, 15))
    (largest,) = section.tables
    assert largest.rows[0] == ["pitch 30, yaw 60", "14", "15", "14.750", "14.250", "14.500"]
    (every,) = section.folded
    assert [row[0] for row in every.rows][:2] == ["pitch -30, yaw -60", "pitch -30, yaw 0"]


def test_neither_classes_nor_one_axis_is_spoken_of(no_drawing: None) -> None:
    results = pose_results()
    page = parse(render_report(results))
    for text in (page.text, model_card(results)):
        assert "pitch -30 to 30, yaw -60 to 60 degrees" in text
        assert not re.search(r"\bclasses: |\btail\b|label axis\b", text)
    assert max(map(len, comparison_table(results, 80).splitlines())) <= 80
    assert "two angles (pitch -30 to 30, yaw -60 to 60 degrees), with a distribution over 15 cells" in model_card(
        results
    )
    weak = model_card(results).split("## Where it is weak\n")[1].splitlines()[0]
    assert weak == "- pitch 30, yaw 60: mean absolute error 14.750 on 15 test rows, from 14 training rows"


def test_a_row_shows_where_the_answer_and_the_truth_lie(no_drawing: None) -> None:
    results = pose_results(1)
    cell = results["cells"][0]
    cell["worst"], cell["ambiguous"] = cell["worst"][:1], []  # the first cell: lowest pitch, lowest yaw
    page = parse(render_report(results))
    assert len(samples_of(page)) == 1
    outlines = [path["d"] for path in page.tags("path") if "--accent" in path["style"]]
    assert outlines[-1] == "M0.0 120.0H40.0V80.0H0.0z"
    cross = next(path["d"] for path in page.tags("path") if "stroke-width:2.2" in path["style"])
    assert cross.startswith("M27.0 87.0l10 10")  # 9 of 30 degrees to the right of the middle and 6 up
    assert cell["worst"][0]["grid"]["said"] in page.text
    assert not [one for one in page.tags("ul") if one.get("class") == "bars"]


def test_pooled_cells_at_the_edge_are_smaller(no_drawing: None) -> None:
    results = pose_results(1)
    cell = results["cells"][0]
    cell["worst"], cell["ambiguous"] = cell["worst"][:1], []
    cell["worst"][0]["grid"] |= {"pooled": 2, "shares": "0 0 0 0 0 10000"}
    outlines = [path["d"] for path in parse(render_report(results)).tags("path") if "--accent" in path["style"]]
    assert outlines[-1] == "M160.0 40.0H200.0V0.0H160.0z"


@pytest.mark.parametrize(
    "damage",
    [{"shares": "1 2"}, {"shares": "x " * 15}, {"shares": None}, {"pooled": 0}, {"true_yaw": "a"}, {"pitch": None}],
    ids=str,
)
def test_a_damaged_distribution_falls_back_to_bars(damage: Json, no_drawing: None) -> None:
    results = pose_results(1)
    for entry in results["cells"][0]["worst"] + results["cells"][0]["ambiguous"]:
        entry["grid"] |= damage
    page = parse(render_report(results))
    assert not samples_of(page)
    assert [one for one in page.tags("ul") if one.get("class") == "bars"]


@pytest.mark.parametrize(
    "names",
    [
        ["pitch 0 yaw 0"] * 15,
        [f"pitch {pitch:g} yaw {yaw:g}" for yaw in YAW for pitch in PITCH],
        [*(f"pitch {pitch:g} yaw {yaw:g}" for pitch in PITCH for yaw in YAW), "cat"],
        ["pitch 0 yaw nan", "pitch 0 yaw inf"],
        [],
    ],
    ids=["one", "turned", "another", "unknown", "none"],
)
def test_other_names_make_no_grid(names: list[str]) -> None:
    results = pose_results()
    assert cell_grid(Comparison(results)) is not None
    results["data"]["class_names"] = names
    assert cell_grid(Comparison(results)) is None
    assert cell_section(Comparison(results)) is None


def test_damaged_errors_are_left_out() -> None:
    results = pose_results(1)
    (cell,) = results["cells"]
    first, second, third, *_ = cell["details"]["by_cell"]
    first["absolute_error"], second["pitch"], third["test_count"] = None, 7.0, 0
    section = cell_section(Comparison(results))
    assert section is not None
    assert len(section.folded[0].rows) == 8 - 3


def test_other_tasks_have_no_grid() -> None:
    assert cell_grid(Comparison(axis_results(1, 1))) is None


@pytest.mark.parametrize("payload", PAYLOADS[:3])
def test_a_hostile_unit_stays_text(payload: str, no_drawing: None) -> None:
    page = parse(render_report(pose_results(1, unit=payload)))
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith(("data:image/png;base64,", "#"))
    assert visible(payload) in page.text
