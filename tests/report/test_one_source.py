"""Report, terminal and card show the numbers of one results.json: what changes there changes in all that show it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import reduce
from typing import Any

from softlabel.report.card import model_card
from softlabel.report.html import render_report
from softlabel.report.terminal import comparison_table
from tests.report.page import parse
from tests.report.results import Json

WRITERS: dict[str, Callable[[Json], str]] = {
    "report": lambda results: parse(render_report(results)).text,
    "terminal": lambda results: comparison_table(results, width=200),
    "card": model_card,
}
SHOWN: list[tuple[tuple[str | int, ...], Any, str, tuple[str, ...]]] = [
    (("summary", 0, "scores", "nll", "mean"), 7.1011, "7.101", ("report", "terminal", "card")),
    (("summary", 0, "scores", "nll", "interval", 0), 7.1021, "7.102", ("report", "card")),
    (("summary", 1, "difference", "nll", "estimate"), 7.1031, "+7.103", ("report", "terminal")),
    (("summary", 1, "difference", "nll", "interval", 1), 7.1041, "+7.104", ("report", "terminal")),
    (("summary", 1, "seconds"), 71.0, "71 s", ("report", "terminal")),
    (("verdict", "text"), "Nobody won.", "Nobody won.", ("report", "terminal", "card")),
    (("verdict", "kept", "temperature"), 7.126, "7.13", ("report", "terminal")),
    (("cells", 0, "temperature"), 7.136, "7.14", ("report", "card")),
    (("cells", 0, "selected", "after", "brier"), 7.1061, "7.106", ("card",)),
    (("cells", 0, "details", "per_class", 3, "test_count"), 71_234, "71,234", ("report",)),
    (("data", "rows", "test"), 71_235, "71,235", ("report", "terminal", "card")),
    (("data", "test_hash"), "abcdef012345", "abcdef012345", ("report", "card")),
    (("command",), "softlabel compare --seeds 71", "softlabel compare --seeds 71", ("report", "card")),
]


def test_a_change_shows_wherever_the_number_does(results: Callable[[str], Json], no_drawing: None) -> None:
    changed = copy.deepcopy(results("full"))
    for (*path, last), value, _, _ in SHOWN:
        reduce(lambda part, key: part[key], path, changed)[last] = value  # type: ignore[index,return-value]
    for name, write in WRITERS.items():
        before, after = write(results("full")), write(changed)
        for path, _, shown, places in SHOWN:
            assert (shown in after) == (name in places), (name, path)
            assert shown not in before, (name, path)
