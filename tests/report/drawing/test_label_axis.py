"""Tasks whose labels are values: errors along the axis, distributions of single rows, sweeps; no word of classes."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

import pytest

from softlabel.report.card import model_card
from softlabel.report.comparison import Comparison
from softlabel.report.drawing.label_axis import label_axis
from softlabel.report.html import render_report
from softlabel.report.sections.error_by_value import BINS_AT_MOST, axis_bins, error_section, errors_in
from softlabel.report.sections.option_sweep import find_sweep, sweep_section
from softlabel.report.terminal import comparison_table
from softlabel.text.visible import one_line, visible
from tests.report.axis_results import axis_results, sweep_results
from tests.report.page import URL_ATTRIBUTES, Page, parse
from tests.report.payloads import PAYLOADS
from tests.report.results import Json, comparison_results
from tests.report.test_hostile import ALLOWED_TAGS


@pytest.fixture(scope="module")
def results() -> Json:
    return axis_results()


@pytest.fixture(scope="module")
def page(results: Json) -> Page:
    return parse(render_report(results))


def table_of(page: Page, first: str) -> list[list[str]]:
    return next(table for table in page.tables if table[0][0] == first)


def test_bins_hold_all_test_rows_and_their_training_rows(results: Json) -> None:
    comparison = Comparison(results)
    axis = label_axis(comparison)
    assert axis is not None
    bins = axis_bins(axis, comparison.cells)
    stored = comparison.cells[0]["details"]["by_value"]
    assert 2 <= len(bins) <= BINS_AT_MOST
    assert sum(one.test for one in bins) == sum(row["test_count"] for row in stored)
    assert (bins[0].low, bins[-1].high) == (stored[0]["value"], stored[-1]["value"])
    between = [name for name in axis.values if bins[0].low <= name <= bins[-1].high]
    assert sum(one.training for one in bins) == sum(axis.training[axis.values.index(value)] for value in between)


def test_the_error_of_a_bin_is_that_of_its_rows(results: Json) -> None:
    comparison = Comparison(results)
    axis = label_axis(comparison)
    assert axis is not None
    for cell in comparison.cells:
        bins = axis_bins(axis, comparison.cells)
        for one, error in zip(bins, errors_in(axis, bins, cell), strict=True):
            rows = [row for row in cell["details"]["by_value"] if one.low <= row["value"] <= one.high]
            errors = [row["absolute_error"] for row in rows for _ in range(row["test_count"])]
            assert error.absolute == pytest.approx(sum(errors) / len(errors))
            signed = [row["error"] for row in rows for _ in range(row["test_count"])]
            assert error.signed == pytest.approx(sum(signed) / len(signed))


def test_the_folded_table_has_the_drawn_numbers(results: Json, page: Page) -> None:
    comparison = Comparison(results)
    axis = label_axis(comparison)
    assert axis is not None
    bins = axis_bins(axis, comparison.cells)
    table = table_of(page, "true value, years")
    assert table[0][1:] == ["training", "test", *comparison.methods]
    errors = [errors_in(axis, bins, cell)[0].absolute for cell in comparison.of(comparison.methods[0])]
    assert table[1][3] == f"{sum(errors) / len(errors):.3f}"
    assert [row[0] for row in table[1:]] == [one.name for one in bins]


def test_a_fine_grid_finds_its_rows_whatever_the_rounding() -> None:
    results = axis_results()
    results["data"]["class_names"] = ["0.1", "0.2", "0.3"]
    results["data"]["training_counts"] = [4.0, 5.0, 6.0]
    rounded = {"value": 0.10000000149011612, "training_count": 4.0, "test_count": 2, "error": 1.0}
    for cell in results["cells"]:
        cell["details"]["by_value"] = [rounded | {"absolute_error": 1.5}]
    comparison = Comparison(results)
    axis = label_axis(comparison)
    assert axis is not None
    (only,) = axis_bins(axis, comparison.cells)
    assert (only.low, only.training, only.test) == (0.1, 4.0, 2)


def test_tasks_over_classes_have_no_axis() -> None:
    comparison = Comparison(comparison_results(2, 1, epochs=2))
    assert label_axis(comparison) is None
    assert error_section(comparison) is None


def test_no_word_of_classes_accuracy_or_confidence(results: Json, page: Page) -> None:
    for text in (page.text, model_card(results), comparison_table(results, 80)):
        assert not re.search(r"accuracy|\bclass(es)?\b|confiden|Calibration of|reliability", text, re.IGNORECASE)
    for heading in ("Answering only when sure", "Confusion", "Features of one class", "ε-error", "many over 100"):
        assert heading not in page.text
    assert "20 to 70 years, 51 labels" in page.text
    assert "MAE in years" in page.text


def test_single_rows_show_their_distribution_and_answer(results: Json, page: Page) -> None:
    words = [drawing["aria-label"] for drawing in page.tags("svg")]
    kept = next(cell for cell in results["cells"] if cell["method"] == results["verdict"]["kept"]["method"])
    shown = kept["worst"][:12] + kept["ambiguous"][:12]
    assert sum(label.startswith("predicted distribution") for label in words) == 24
    assert sum(entry["axis"]["said"] in page.text for entry in shown) >= 20
    assert "dashed line: the truth" in page.text
    assert not [attributes for attributes in page.tags("ul") if attributes.get("class") == "bars"]


def test_the_curve_peaks_where_the_distribution_does(no_drawing: None) -> None:
    results = axis_results(1, 1)
    cell = results["cells"][0]
    cell["ambiguous"] = []
    cell["worst"] = cell["worst"][:1]
    shares = ["0"] * 51
    shares[25] = "10000"
    label = ["0"] * 14 + ["1"] + ["0"] * 36
    cell["worst"][0]["axis"] |= {"label": " ".join(label), "shares": " ".join(shares), "truth": 70.0}
    cell["worst"][0]["axis"] |= {"value": 45.0, "low": 45.0, "high": 45.0}
    paths = [
        attributes for attributes in parse(render_report(results)).tags("path") if "--accent" in attributes["style"]
    ]
    curve = next(path["d"] for path in paths if "stroke:var(--accent)" in path["style"])
    points = [tuple(map(float, point.split())) for point in curve[1:].split("L")]
    assert min(points, key=lambda point: point[1])[0] == 100.0  # 45 lies in the middle of 20 to 70
    trained_on, true = (path for path in parse(render_report(results)).tags("path") if "dasharray" in path["style"])
    assert true["d"].startswith("M200 0")
    points = [tuple(map(float, point.split())) for point in trained_on["d"][1:].split("L")]
    assert min(points, key=lambda point: point[1]) == (56.0, 6.0)  # as high as the other curve


@pytest.mark.parametrize(
    "damage",
    [{"shares": "1 2 3"}, {"shares": "x " * 51}, {"shares": 7}, {"pooled": 0}, {"pooled": None}, {"low": "a"}],
    ids=str,
)
def test_a_damaged_distribution_falls_back_to_bars(damage: Json, no_drawing: None) -> None:
    results = axis_results(1, 1)
    for entry in results["cells"][0]["worst"] + results["cells"][0]["ambiguous"]:
        entry["axis"] |= damage
    page = parse(render_report(results))
    assert not [drawing for drawing in page.tags("svg") if drawing["aria-label"].startswith("predicted")]
    assert [attributes for attributes in page.tags("ul") if attributes.get("class") == "bars"]


def test_the_card_names_where_errors_are_largest(results: Json) -> None:
    card = model_card(results)
    assert "Predicts a value between 20 and 70 years, with a distribution over 51 labels," in card
    weak = card[card.index("## Where it is weak") :].splitlines()[1:4]
    errors = [float(re.findall(r"error ([\d.]+) on", line)[0]) for line in weak]
    assert errors == sorted(errors, reverse=True)
    assert all(re.match(r"- [\d.]+( to [\d.]+)? years: mean absolute error", line) for line in weak)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_hostile_unit_stays_text(payload: str, no_drawing: None) -> None:
    results = axis_results(1, 1, unit=payload)
    results["scores"][0]["title"] = f"MAE in {payload}"
    page = parse(render_report(results))
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith(("data:image/png;base64,", "#"))
    assert visible(payload) in page.text
    card = model_card(results)
    prose = "\n".join(line for line in card.splitlines() if not line.startswith("    ")).replace("\\<", "")
    assert "<" not in prose
    assert not any((ord(sign) < 32 and sign != "\n") or 0x7F <= ord(sign) < 0xA0 for sign in card)
    comparison_table(results)


def test_a_unit_in_drawings_stays_text() -> None:
    payload = "<script>$x^2$</script>"
    section = error_section(Comparison(axis_results(1, 1, unit=payload)))
    assert section is not None
    page = parse(str(section.panels[0].drawing))
    assert {tag for tag, _ in page.elements} == {"svg", "path", "text"}
    assert one_line(payload) in page.text


def test_a_sweep_shows_the_score_against_its_option() -> None:
    results = sweep_results()
    sweep = find_sweep(Comparison(results))
    assert sweep is not None
    assert (sweep.method, sweep.option) == ("dldl", "sigma")
    assert [value for value, _ in sweep.entries] == [0.5, 2.0, 8.0]
    page = parse(render_report(results))
    table = table_of(page, "sigma")
    assert [row[0] for row in table[1:]] == ["0.5", "2", "8"]
    for row, (_, entry) in zip(table[1:], sweep.entries, strict=True):
        assert row[1] == entry["method"]
        assert row[2].startswith(f"{entry['scores']['mae']['mean']:.3f}")


def _another_method(methods: Json) -> None:
    methods["width_0"]["method"] = "sord"


def _two_options(methods: Json) -> None:
    for place, options in enumerate(methods.values()):
        options["other"] = place


def _no_number(methods: Json) -> None:
    methods["width_0"]["sigma"] = None


def _one_missing(methods: Json) -> None:
    del methods["width_0"]


@pytest.mark.parametrize("change", [_another_method, _two_options, _no_number, _one_missing, Json.clear])
def test_what_is_no_sweep(change: Callable[[Json], None]) -> None:
    results = copy.deepcopy(sweep_results())
    change(results["settings"]["methods"])
    assert sweep_section(Comparison(results)) is None


def test_options_that_all_share_do_not_hide_a_sweep() -> None:
    results = copy.deepcopy(sweep_results())
    for options in results["settings"]["methods"].values():
        options["weight"] = 2
    assert find_sweep(Comparison(results)) is not None
