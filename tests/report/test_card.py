"""The model card holds what results.json says of one model, and nothing that is not known."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from softlabel.report.card import escaped, model_card
from tests.report.results import EDGE_CASES, Json


@pytest.mark.parametrize("name", EDGE_CASES)
def test_there_are_no_placeholders(name: str, results: Callable[[str], Json]) -> None:
    card = model_card(results(name))
    assert not re.search(r"TODO|TBD|None\b|\bnan\b|[Mm]ore information|\[\]|: *$", card, re.MULTILINE)


def test_numbers_are_those_of_the_kept_cell(results: Callable[[str], Json]) -> None:
    found = results("full")
    cell = found["cells"][0]
    lines = model_card(found).splitlines()
    for score in found["scores"]:
        row = next(line for line in lines if line.startswith(f"| {score['title']} "))
        before, after, last = (float(part) for part in row.split("|")[2:5])
        stored = cell["selected"]["before"], cell["selected"]["after"], cell["last"]["after"]
        assert [before, after, last] == [round(part[score["name"]], 3) for part in stored]
    assert f"temperature {cell['temperature']:.2f} [1.200, 1.420]" in "\n".join(lines)


def test_another_cell_can_be_described(results: Callable[[str], Json]) -> None:
    found = results("full")
    card = model_card(found, found["cells"][4])
    assert card.startswith("# label_smoothing on digits")
    assert "seed 1." in card
    assert "It was kept" not in card


def test_the_published_protocol_has_no_temperature(results: Callable[[str], Json]) -> None:
    card = model_card(results("published"))
    assert "No temperature was fitted" in card
    assert "| score | value |" in card


def test_it_says_what_counted_alike_for_the_temperature(results: Callable[[str], Json]) -> None:
    found = results("full")
    assert "fitted on validation rows." in model_card(found)
    found["settings"]["data"]["validation_weights"] = "classes"
    assert "fitted on validation rows, every class counting alike." in model_card(found)


def test_no_finished_run_no_card(results: Callable[[str], Json]) -> None:
    with pytest.raises(ValueError, match="no run of this comparison finished"):
        model_card(results("full") | {"cells": []})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b", "a_b"),
        ("_a_", r"\_a\_"),
        ("[x](y)", r"\[x\](y)"),
        ("http://x", r"http\://x"),
        ("www.x.y", r"www\.x.y"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("<b>|`$", r"\<b\>\|\`\$"),
    ],
)
def test_markup_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown
