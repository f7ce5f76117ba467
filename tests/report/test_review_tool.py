"""The page of a review as a tool: a browser clicks, and what it saves is what --corrections reads."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from softlabel.analysis.review import Filters, Review
from softlabel.report.review_page import json_in_page, render_review_page, review_script, script_hash
from softlabel.text.spreadsheet import read_csv
from tests.analysis.made import images, made_review
from tests.report.page import parse
from tests.report.payloads import PAYLOADS
from tests.report.test_browser import CHROMIUM, run_browser

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium was found: install the package chromium")

DRIVER = """
onload = () => {
  const frame = document.querySelector("iframe"), page = frame.contentDocument, inside = frame.contentWindow;
  const items = [...page.querySelectorAll("li[data-row]")];
  const part = (item, text) => [...item.querySelectorAll("button")].find(button => button.textContent.startsWith(text));
  const press = key => page.activeElement.dispatchEvent(new inside.KeyboardEvent("keydown", { key, bubbles: true }));
  const told = () => page.querySelector("#deciding output").textContent;
  const found = { rows: items.map(item => item.dataset.row), before: told() };
  found.disabled = page.querySelector("#deciding button").disabled;
  part(items[0], "take").click();
  part(items[1], "leave out").click();
  items[2].focus();
  press("1");
  press("j");
  found.moved = page.activeElement.dataset.row;
  press("4");
  const other = items[4].querySelector("select");
  other.value = "0";
  other.dispatchEvent(new inside.Event("change"));
  part(items[5], "keep").click();
  part(items[5], "keep").click();
  found.after = told();
  found.csv = inside.softlabelReview.csv();
  found.pressed = part(items[0], "take").getAttribute("aria-pressed");
  const state = page.querySelector("#deciding select");
  state.selectedIndex = 2;
  state.dispatchEvent(new inside.Event("change"));
  found.shown = items.filter(item => !item.hidden).length;
  found.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  found.touched = inside.touched || window.touched || false;
  document.getElementById("found").textContent = JSON.stringify(found);
};
"""


def reviewed(names: list[str] | None = None) -> Review:
    return made_review(images(300, 10), names or [str(k) for k in range(10)], wrong=0.2)


def driven(page: str, folder: Path, width: int = 1280) -> dict[str, Any]:
    """What a browser found after it had clicked."""
    frame = f'<iframe style="width:{width}px;height:900px" srcdoc="{html.escape(page, quote=True)}"></iframe>'
    document = f"<!doctype html><meta charset=utf-8><pre id=found></pre>{frame}<script>{DRIVER}</script>"
    (folder / "frames.html").write_text(document, encoding="utf-8")
    seen = run_browser("--dump-dom", folder=folder)
    stored = re.search(r'<pre id="found">(.*?)</pre>', seen, re.DOTALL)
    assert stored is not None, seen[:500]
    assert stored.group(1), "the script failed"
    found: dict[str, Any] = json.loads(html.unescape(stored.group(1)))
    return found


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_clicks_and_keys_make_the_file(width: int, tmp_path: Path) -> None:
    review = reviewed()
    found = driven(render_review_page(review, Filters()), tmp_path, width)
    rows = found["rows"]
    assert found["before"] == f"0 of {len(rows)} decided, 0 changed"
    assert found["disabled"] is True
    assert found["after"] == f"5 of {len(rows)} decided, 4 changed"
    assert found["moved"] == rows[3]
    assert found["pressed"] == "true"
    assert found["shown"] == 5
    assert found["overflow"] == 0
    saved = list(csv.DictReader(io.StringIO(found["csv"])))
    cells = {str(review.sample_id[k] + 1): review.cells(k) for k in range(len(review))}
    first = cells[rows[0]]
    assert [row["row"] for row in saved] == rows[:5]
    assert saved[0] == {
        "row": rows[0],
        "place": first["place"],
        "given_label": first["given_label"],
        "label": first["suggested_label"],
        "action": "",
    }
    assert [row["action"] for row in saved] == ["", "leave out", "", "leave out", ""]
    assert saved[2]["label"] == saved[2]["given_label"]
    assert saved[4]["label"] == review.class_names[0]


@needs_browser
def test_hostile_names_do_nothing_and_are_saved_whole(tmp_path: Path) -> None:
    armed = [payload.replace("alert(1)", "(parent.touched=window.touched=1)") for payload in PAYLOADS]
    usable = [name for name in armed if name.isprintable() or "\u202e" in name][:9]
    names = [*usable, '=1+1, "quoted"\nand more']
    review = reviewed(names)
    found = driven(render_review_page(review, Filters()), tmp_path)
    assert found["touched"] is False
    saved = list(read_csv(io.StringIO(found["csv"], newline="")))
    assert len(saved) == 5
    assert {row["given_label"] for row in saved} | {row["label"] for row in saved} <= set(names)
    given = {str(review.sample_id[k] + 1): review.class_names[review.given[k]] for k in range(len(review))}
    assert all(row["given_label"] == given[row["row"]] for row in saved)


def test_one_script_is_allowed_by_its_hash_and_the_page_reads_without_it() -> None:
    text = render_review_page(reviewed(), Filters())
    policy = next(meta["content"] for meta in parse(text).tags("meta") if "http-equiv" in meta)
    assert f"script-src '{script_hash(review_script())}';" in policy
    assert f"<script>{review_script()}</script>" in text
    assert len(parse(text).tags("script")) == 2
    assert not parse(text).tags("button")
    assert '<div id="deciding" class="deciding" role="region" aria-label="Decisions" hidden>' in text


def test_the_data_in_the_page_end_no_element() -> None:
    value = {"a": "</script><!--<script>&lt;\u2028", "b": ["é"]}
    text = json_in_page(value)
    assert not set("<>&") & set(text)
    assert json.loads(text) == value
