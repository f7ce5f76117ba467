"""The figures of the page on label review are those that its benchmark stored."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
STORED = ROOT / "benchmarks" / "results" / "label-review-cpu.json"


def test_the_page_shows_what_was_stored() -> None:
    benchmark = importlib.import_module("benchmarks.label_review")
    told = benchmark.told(json.loads(STORED.read_text(encoding="utf-8")))
    assert STORED.with_suffix(".txt").read_text(encoding="utf-8") == told
    assert told.strip() in (ROOT / "docs" / "label-review.md").read_text(encoding="utf-8")
