"""A real browser opens the report: nothing runs, nothing is asked of the network, nothing overflows."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softlabel.report.html import render_report
from softlabel.text.visible import visible
from tests.report.payloads import PAYLOADS
from tests.report.results import Json, comparison_results, hostile

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium was found: install the package chromium"),
]

PROBE = """
const ADDRESSES = ["href", "xlink:href", "src", "srcset", "action", "formaction", "data", "poster"];
const isOurs = address => address === null || /^(data:image\\/png;base64,|#)/.test(address);

function channels(colour) {
  return colour.match(/[\\d.]+/g).map(Number);
}
function luminance(colour) {
  const [r, g, b] = channels(colour).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
function ground(e, style) {
  for (; e; e = e.parentElement) {
    const colour = style(e).backgroundColor;
    if ((channels(colour)[3] ?? 1) > .99) return colour;
  }
  return "rgb(255, 255, 255)";
}
function contrast(e, style) {
  const colour = e.closest("svg") ? style(e).fill : style(e).color;
  const [dark, light] = [luminance(colour), luminance(ground(e, style))].sort((a, b) => a - b);
  return (light + .05) / (dark + .05);
}
function hasText(e) {
  return [...e.childNodes].some(node => node.nodeType === 3 && node.data.trim()) && !e.closest("style, title, head");
}

function seen(frame) {
  const page = frame.contentDocument, inside = frame.contentWindow, root = page.documentElement;
  const all = [...page.querySelectorAll("*")], written = all.filter(hasText);
  const isWide = e => !e.closest(".scroll, svg") && e.getBoundingClientRect().right > root.clientWidth + 1;
  return {
    scripts: page.scripts.length,
    handlers: all.flatMap(e => e.getAttributeNames()).filter(name => name.startsWith("on")),
    addresses: all.flatMap(e => ADDRESSES.map(name => e.getAttribute(name))).filter(address => !isOurs(address)),
    broken: [...page.images].filter(image => !image.naturalWidth).length,
    requests: inside.performance.getEntriesByType("resource").map(e => e.name).filter(name => !isOurs(name)),
    overflow: root.scrollWidth - root.clientWidth,
    outside: all.filter(isWide).map(e => e.tagName + "." + e.className),
    texts: written.length,
    faint: written.filter(e => contrast(e, inside.getComputedStyle) < 4.5).map(e => e.outerHTML.slice(0, 90)),
    ground: inside.getComputedStyle(page.body).backgroundColor,
    text: root.innerText,
    touched: inside.touched || window.touched || false,
  };
}

onload = () => {
  const frames = [...document.querySelectorAll("iframe")];
  const found = Object.fromEntries(frames.map(frame => [frame.id, seen(frame)]));
  document.getElementById("found").textContent = JSON.stringify(found);
};
"""


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Opens pages in frames, each named by its name and width, and tells what the browser made of them."""

    def opened(pages: dict[str, str], widths: tuple[int, ...], *, dark: bool = False) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("browser")
        frames = "".join(_frame(f"{name} {width}", width, text) for name, text in pages.items() for width in widths)
        document = f"<!doctype html><meta charset=utf-8><pre id=found></pre>{frames}<script>{PROBE}</script>"
        (folder / "frames.html").write_text(document, encoding="utf-8")
        seen = run_browser("--dump-dom", f"--blink-settings=preferredColorScheme={0 if dark else 1}", folder=folder)
        stored = re.search(r'<pre id="found">(.*?)</pre>', seen, re.DOTALL)
        assert stored is not None, seen[:500]
        found: dict[str, Any] = json.loads(html.unescape(stored.group(1)))
        return found

    return opened


def _frame(name: str, width: int, page: str) -> str:
    return (
        f'<iframe id="{name}" style="width:{width}px;height:900px" srcdoc="{html.escape(page, quote=True)}"></iframe>'
    )


def run_browser(*flags: str, folder: Path) -> str:
    """What the browser prints of the page of frames in this folder."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, (folder / "frames.html").as_uri()]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def test_the_page_fits_desktop_and_phone(look: Callable[..., dict[str, Any]], report: Callable[[str], str]) -> None:
    names = ("full", "100 classes", "failed method", "label axis", "sweep")
    found = look({name: report(name) for name in names}, (1280, 390))
    assert len(found) == 2 * len(names)
    for name, seen in found.items():
        assert seen["overflow"] == 0, name
        assert seen["outside"] == [], name
        assert seen["broken"] == 0, name
        assert seen["requests"] == [], name


def test_paper_cuts_no_table(look: Callable[..., dict[str, Any]]) -> None:
    """What is set for print, in frames as wide as A4 and Letter paper between their margins."""
    page = render_report(comparison_results(5, 2)).replace("@media print", "@media all")
    for name, seen in look({"paper": page}, (718, 740)).items():
        assert seen["overflow"] == 0, name


@pytest.mark.parametrize("name", ["full", "label axis"])
def test_light_and_dark_follow_the_reader(
    name: str, look: Callable[..., dict[str, Any]], report: Callable[[str], str]
) -> None:
    light, dark = (look({name: report(name)}, (1280,), dark=scheme)[f"{name} 1280"] for scheme in (False, True))
    assert light["ground"] == "rgb(255, 255, 255)"
    assert dark["ground"] == "rgb(19, 23, 29)"
    for seen in (light, dark):
        assert seen["texts"] > 500
        assert seen["faint"] == []


def test_hostile_names_do_nothing_and_can_be_read(
    look: Callable[..., dict[str, Any]], results: Callable[[str], Json]
) -> None:
    armed = [payload.replace("alert(1)", "(parent.touched=window.touched=1)") for payload in PAYLOADS]
    changed = hostile(results("one method, one seed"), " ¦ ".join(armed))
    found = look({"hostile": render_report(changed)}, (390,))["hostile 390"]
    assert found["scripts"] == 0
    assert found["handlers"] == []
    assert found["addresses"] == []
    assert found["requests"] == []
    assert found["touched"] is False
    assert found["overflow"] == 0
    shown = " ".join(found["text"].split())
    for payload in armed:
        assert " ".join(visible(payload).split()) in shown
