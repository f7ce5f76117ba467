"""Nothing in data, names or command lines runs, loads or hides; all of it can be read."""

from __future__ import annotations

import copy

import pytest

from softlabel.report.card import model_card
from softlabel.report.drawing.svg import drawing, inline_svg, transparent_axes
from softlabel.report.html import render_report
from softlabel.report.terminal import comparison_table
from softlabel.text.visible import one_line, visible
from tests.report.page import URL_ATTRIBUTES, parse
from tests.report.payloads import PAYLOADS
from tests.report.results import Json, comparison_results, hostile

ALLOWED_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "h1", "h2", "h3", "p"),
    *("dl", "dt", "dd", "div", "ul", "li", "figure", "figcaption", "svg", "path", "text", "table", "thead", "tbody"),
    *("tr", "th", "td", "bdi", "small", "span", "strong", "details", "summary", "pre", "img", "wbr"),
    *("nav", "a"),
}


@pytest.fixture(scope="module")
def tame() -> Json:
    return comparison_results(2, 1, classes=3, epochs=2)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_every_field_stays_text(payload: str, tame: Json, no_drawing: None) -> None:
    html = render_report(hostile(tame, payload))
    page = parse(html)
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith(("data:image/png;base64,", "#"))
    assert len(page.tags("meta")) == 4
    assert " ".join(page.text.split()).count(" ".join(visible(payload).split())) >= 30


@pytest.mark.parametrize("payload", PAYLOADS)
def test_terminal_and_card_obey_no_payload(payload: str, tame: Json) -> None:
    changed = hostile(tame, payload)
    table, card = comparison_table(changed), model_card(changed)
    for text in (table, card):
        assert not any((ord(sign) < 32 and sign != "\n") or 0x7F <= ord(sign) < 0xA0 for sign in text)
        text.encode("utf-8")
    assert not {"\u202e", "\u2067"} & set(table)
    prose = "\n".join(line for line in card.splitlines() if not line.startswith("    ")).replace("\\<", "")
    assert "<" not in prose
    assert "](" not in prose.replace("\\]", "")


def test_payloads_in_drawings_stay_text() -> None:
    with drawing(4000, 400) as figure:
        axes = transparent_axes(figure)
        for place, payload in enumerate(PAYLOADS):
            axes.text(0, place, one_line(payload))
        axes.set_yticks(range(len(PAYLOADS)), [one_line(payload) for payload in PAYLOADS])
        markup = inline_svg(figure, " ".join(map(visible, PAYLOADS)))
    page = parse(str(markup))
    assert {tag for tag, _ in page.elements} == {"svg", "path", "text"}
    assert {name for _, attributes in page.elements for name in attributes} <= {
        *("viewbox", "role", "aria-label", "d", "style", "transform", "x", "y")
    }
    for payload in PAYLOADS:
        assert page.text.count(one_line(payload)) >= 2


def test_a_dollar_is_a_dollar() -> None:
    changed = copy.deepcopy(comparison_results(1, 1, classes=3, epochs=2))
    changed["data"]["class_names"] = ["$x^2$", "$\\frac{", "a$b$"]
    for entry, name in zip(changed["cells"][0]["details"]["per_class"], changed["data"]["class_names"], strict=True):
        entry["class"] = name
    html = render_report(changed)
    assert "$x^2$  ·  " in html or "$x^2$ · " in html
    assert "$\\frac{" in html
