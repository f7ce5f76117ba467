"""What the kept model achieves, in a sentence: how often it is right, and what its confidence is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softlabel.report.comparison import Comparison, chosen, final, weakness
from softlabel.text.numbers import count, interval, is_number, number
from softlabel.wilson import wilson_interval

FEWEST = 20
"""Rows that a share must rest on to be named."""
SURE = 0.85
"""A confidence from here on is one that people would act on."""


def achieved(comparison: Comparison) -> str | None:
    """The sentence about the run that is kept, or else looked at; None where there is none."""
    cell = comparison.shown_cell
    if cell is None:
        return None
    scores = final(chosen(cell))
    said = _right(comparison, scores) or _primary(comparison, cell, scores)
    if said is None:
        return None
    weak = ", which is no better than a constant answer" if weakness(cell) else ""
    return f"{_who(comparison, cell)} {said}{weak}.{_sure(cell)}"


def _who(comparison: Comparison, cell: dict[str, Any]) -> str:
    kept = "The kept model" if comparison.kept else "The first run"
    return f"{kept} ({cell['method']}, seed {cell['seed']})"


def _right(comparison: Comparison, scores: dict[str, Any]) -> str | None:
    """In shares of a hundred rows, where a row has one right answer."""
    accuracy, rows = scores.get("accuracy"), comparison.results["data"]["rows"]["test"]
    if accuracy is None or not is_number(accuracy) or not rows:
        return None
    low, high = wilson_interval(accuracy, rows)
    return (
        f"is right on {100 * accuracy:.0f} of 100 test rows (95 % interval {100 * low:.0f} to {100 * high:.0f}, "
        f"{count(rows)} rows)"
    )


def _primary(comparison: Comparison, cell: dict[str, Any], scores: dict[str, Any]) -> str | None:
    score = comparison.primary
    value = scores.get(score["name"])
    if not is_number(value):
        return None
    entry = next((one for one in comparison.summary if one["method"] == cell["method"]), None)
    stored = ((entry or {}).get("scores") or {}).get(score["name"]) or {}
    bounds = interval(stored.get("interval"))
    return f"has {score['title']} {number(value)} on the test rows" + (f", seeds and rows {bounds}" if bounds else "")


def _sure(cell: dict[str, Any]) -> str:
    """What the confidence of its surest answers is worth; empty where too few are sure."""
    reliability = cell["details"].get("reliability") or {}
    bins = reliability.get("after") or reliability.get("before") if isinstance(reliability, dict) else reliability
    found = surest(bins or [])
    if found is None:
        return ""
    threshold, rows, right = found
    if right == 1:
        return f" All {count(rows)} answers above {100 * threshold:.0f} % confidence are right."
    least = f"{100 * threshold:.0f} % confidence ({count(rows)} rows)"
    return f" Of 100 answers above {least} about {100 * right:.0f} are right."


def surest(bins: Sequence[dict[str, Any]]) -> tuple[float, int, float] | None:
    """The highest confidence from which on there are enough rows, how many, and the share of them that is right."""
    rows, right = 0, 0.0
    for one in sorted(bins, key=lambda one: -one["low"]):
        if one["low"] < SURE:
            break
        rows += one["count"]
        right += one["count"] * (one["accuracy"] or 0.0)
        if rows >= FEWEST:
            return one["low"], rows, right / rows
    return None
