"""The result tables: the primary score with its difference to the baseline, all scores, the last epoch, every run."""

from __future__ import annotations

from typing import Any

from softlabel.report.comparison import (
    CONSTANT,
    Comparison,
    among_others,
    chosen,
    difference,
    final,
    heading,
    mean,
    mean_and_spread,
    rank,
)
from softlabel.report.page import Cell, Section, Table, Tone
from softlabel.text.numbers import DASH, count, duration, interval, is_number, number, signed

_TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}


def score_section(comparison: Comparison) -> Section:
    """What the comparison measured."""
    return Section(
        "Results on the test split",
        [_what_is_shown(comparison)],
        tables=[ranking(comparison), all_scores(comparison)],
        folded=[last_epoch(comparison), every_run(comparison)],
    )


def ranking(comparison: Comparison) -> Table:
    """The methods by rank; those that cannot be told apart share one."""
    score = comparison.primary
    columns = ["method", "rank", heading(score), f"difference to {comparison.baseline}", "verdict", "seeds", "time"]
    rows = [_ranking_row(comparison, entry) for entry in comparison.lines]
    return Table("Ranking", columns, rows, frozenset({4}))


def all_scores(comparison: Comparison) -> Table:
    """Every score that some method has, coloured where it differs from the baseline by more than noise."""
    rows = [
        [Cell(heading(score)), *(_score_cell(comparison, entry, score["name"]) for entry in comparison.lines)]
        for score in comparison.scores
        if any(is_number((entry["scores"].get(score["name"]) or {}).get("mean")) for entry in comparison.summary)
    ]
    return Table("All scores", ["score", *(entry["method"] for entry in comparison.lines)], rows)


def last_epoch(comparison: Comparison) -> Table:
    """Means over seeds at the last epoch, which nothing selected."""
    last = {method: [final(cell.get("last") or {}) for cell in comparison.of(method)] for method in comparison.methods}
    found = {
        heading(score): [mean(scores.get(score["name"]) for scores in last[method]) for method in last]
        for score in comparison.scores
    }
    rows = [[title, *map(number, means)] for title, means in found.items() if any(map(is_number, means))]
    return Table("Scores at the last epoch (means over seeds)", ["score", *last], rows)


def every_run(comparison: Comparison) -> Table:
    """One line a run, failed ones with their reason."""
    title = comparison.primary["title"]
    columns = ["run", "epoch", "temperature", f"{title} before", f"{title} after", "time", "remark"]
    rows = [_run_row(cell, comparison.primary["name"]) for cell in comparison.cells + comparison.failed]
    return Table("Every run", columns, rows, frozenset({6}))


def _what_is_shown(comparison: Comparison) -> str:
    epoch = "last" if comparison.published else "selected"
    after = ", after temperature scaling" if comparison.calibrated else ""
    rows = count(comparison.results["data"]["rows"]["test"])
    return (
        f"Mean ± spread over seeds on {rows} test rows, at the {epoch} epoch{after}; 95 % intervals below. "
        f"↓ lower is better, ↑ higher is better. Methods that cannot be told apart share a rank."
    )


def _ranking_row(comparison: Comparison, entry: dict[str, Any]) -> list[Cell | str]:
    score = entry["scores"].get(comparison.primary["name"])
    stored = difference(comparison, entry)
    failed = f"{entry['failed']} failed" if entry.get("failed") else ""
    return [
        Cell(entry["method"], tone="strong"),
        rank(entry),
        Cell(mean_and_spread(score), interval((score or {}).get("interval"))),
        *_difference_cells(comparison, entry, stored),
        Cell(DASH if entry["method"] == CONSTANT else str(entry["seeds"]), failed, "bad" if failed else ""),
        duration(entry.get("seconds")),
    ]


def _difference_cells(comparison: Comparison, entry: dict[str, Any], stored: dict[str, Any] | None) -> list[Cell]:
    if stored is None:
        told = {comparison.baseline: "baseline", CONSTANT: "the mean label of the training rows, always"}
        return [Cell(DASH), Cell(told.get(entry["method"], DASH), tone="muted")]
    corrected = f"p {number(stored['p_adjusted'])}" if is_number(stored.get("p_adjusted")) else ""
    return [
        Cell(signed(stored["estimate"]), interval(stored.get("interval"), sign=True)),
        Cell(stored["verdict"] + among_others(comparison, stored), corrected, _TONES.get(stored["verdict"], "muted")),
    ]


def _score_cell(comparison: Comparison, entry: dict[str, Any], name: str) -> Cell:
    stored = entry["scores"].get(name)
    verdict = (difference(comparison, entry, name) or {}).get("verdict", "")
    tone = _TONES.get(verdict, "")
    note = " ".join(filter(None, [interval((stored or {}).get("interval")), verdict if tone else ""]))
    return Cell(mean_and_spread(stored), note, tone)


def _run_row(cell: dict[str, Any], primary: str) -> list[Cell | str]:
    name = f"{cell['method']}, seed {cell['seed']}"
    if cell["status"] != "finished":
        return [
            name,
            DASH,
            DASH,
            DASH,
            DASH,
            DASH,
            Cell(f"failed: {cell.get('reason') or 'unknown reason'}", tone="bad"),
        ]
    scores = chosen(cell)
    temperature = cell.get("temperature") if scores.get("after") else None
    chosen_options = {option: value for option, value in (cell.get("chosen_options") or {}).items() if is_number(value)}
    return [
        Cell(name, ", ".join(f"{option} {value:g}" for option, value in chosen_options.items())),
        str(cell["selected_epoch"]) if is_number(cell.get("selected_epoch")) else DASH,
        Cell(number(temperature, 2), interval(cell.get("temperature_interval"))),
        number((scores.get("before") or {}).get(primary)),
        number((scores.get("after") or {}).get(primary)),
        duration(cell.get("seconds")),
        cell.get("temperature_flag") or "",
    ]
