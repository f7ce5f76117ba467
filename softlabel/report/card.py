"""The model card: what a model is, how good and how sure it is, and how to use it, in Markdown from results.json."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from softlabel.report.comparison import Comparison, Json, chosen, final, heading, rank, weakness
from softlabel.report.drawing.cell_grid import cell_grid
from softlabel.report.drawing.label_axis import label_axis
from softlabel.report.sections.abstention import worth_naming
from softlabel.report.sections.class_frequency import pixel_classes
from softlabel.report.sections.data import understood
from softlabel.report.sections.error_by_cell import cell_rows
from softlabel.report.sections.error_by_value import axis_bins, errors_in
from softlabel.text.numbers import DASH, count, interval, is_number, number
from softlabel.text.visible import one_line

_MARKUP = re.compile(
    r"([\\`*\[\]<>#|~$&@]|(?<!\w)_|_(?!\w)|^[-+=]|(?<=^www)\.|(?<=\Wwww)\.|:(?=//)|(?<=^\d)[.)](?=\s))"
)


_ROWS_THAT_TELL = 5
"""Fewer test rows say nothing of a stretch of the label axis."""


def model_card(results: Mapping[str, Any], cell: Mapping[str, Any] | None = None) -> str:
    """The card of one model of a comparison: of `cell`, or of the kept one.

    Only what is known is written: a part without facts is left out. Raises RunError for results of another format, and
    ValueError where no cell finished.
    """
    comparison = Comparison(results)
    model = dict(cell) if cell is not None else comparison.shown_cell
    if model is None:
        raise ValueError("no run of this comparison finished, so there is no model to describe")
    return "\n".join(_lines(comparison, model)) + "\n"


def escaped(text: Any) -> str:
    """Text that Markdown shows as it is: no markup, no link, no mention."""
    return _MARKUP.sub(r"\\\1", one_line(str(text)))


def _lines(comparison: Comparison, cell: Json) -> Iterator[str]:
    data = comparison.results["data"]
    yield f"# {escaped(cell['method'])} on {escaped(data['source'])}"
    yield ""
    if (weak := weakness(cell)) is not None:
        yield from (f"**It is {escaped(weak)}.**", "")
    yield _what_it_is(comparison, cell)
    yield from _part("Data", [f"- {heading_}: {escaped(answer)}" for heading_, answer in understood(comparison)])
    yield from _part("Notes on the data", [f"- {escaped(note)}" for note in data.get("notes") or []])
    yield from _part("Scores on the test split", _scores(comparison, cell))
    yield from _part(
        "Where it is weak", [*_weakest(cell), *_weakest_values(comparison, cell), *_weakest_cells(comparison, cell)]
    )
    yield from _part("Calibration", _calibration(cell, _weights(comparison)))
    yield from _part("Compared with", _compared(comparison))
    yield from _part("Use", _use(cell))
    yield from _part("How it was made", _origin(comparison))


def _part(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}", *lines)


def _what_it_is(comparison: Comparison, cell: Json) -> str:
    kind = (comparison.results["data"].get("input") or {}).get("kind") or "input"
    one = "row of features" if kind == "features" else escaped(kind)
    chosen_ = " It was kept by the comparison below." if _is_kept(comparison, cell) else ""
    return (
        f"Predicts {_answer(comparison)} from one {one}. Trained with "
        f"{escaped(cell['method'])}, seed {cell['seed']}.{chosen_}"
    )


def _answer(comparison: Comparison) -> str:
    axis, grid = label_axis(comparison), cell_grid(comparison)
    if grid is not None:
        return f"two angles ({escaped(grid.told())}), with a distribution over {len(grid.training):,} cells,"
    if axis is None:
        return f"a distribution over {len(comparison.class_names)} classes"
    span = f"{axis.values[0]:g} and {escaped(axis.told(axis.values[-1]))}"
    return f"a value between {span}, with a distribution over {len(axis.values)} labels,"


def _is_kept(comparison: Comparison, cell: Json) -> bool:
    kept = comparison.kept or {}
    return (kept.get("method"), kept.get("seed")) == (cell["method"], cell["seed"])


def _scores(comparison: Comparison, cell: Json) -> list[str]:
    scores, last = chosen(cell), final(cell.get("last") or {})
    if scores.get("after"):
        head, parts = "| score | before temperature | after | last epoch |", [scores["before"], scores["after"], last]
    else:
        head, parts = "| score | value |", [final(scores)]
    rows = [
        f"| {escaped(heading(score))} | " + " | ".join(number(part.get(score["name"])) for part in parts) + " |"
        for score in comparison.scores
        if any(is_number(part.get(score["name"])) for part in parts)
    ]
    return [head, "|---|" + "---:|" * len(parts), *rows]


def _weakest(cell: Json) -> list[str]:
    """The classes that it gets wrong most often."""
    pixels = pixel_classes(cell["details"])
    score, unit = ("IoU", "pixels") if pixels else ("accuracy", "rows")
    known = [entry for entry in pixels or cell["details"].get("per_class") or [] if is_number(entry["accuracy"])]
    worst = sorted(known, key=lambda entry: entry["accuracy"])[:3]
    return [
        f"- {escaped(entry['class'])}: {score} {number(entry['accuracy'])} on {count(entry['test_count'])} test "
        f"{unit}, from {count(entry['training_count'])} training {unit}"
        for entry in worst
    ]


def _weakest_values(comparison: Comparison, cell: Json) -> list[str]:
    """The stretches of the label axis where its error is largest."""
    axis = label_axis(comparison)
    if axis is None:
        return []
    bins = axis_bins(axis, comparison.cells)
    errors = errors_in(axis, bins, cell)
    known = [pair for pair in zip(bins, errors, strict=True) if pair[0].test >= _ROWS_THAT_TELL]
    unit = escaped(axis.unit)
    return [
        f"- {one.name} {unit}".rstrip() + f": mean absolute error {number(error.absolute)} on {count(one.test)} test "
        f"rows, from {count(one.training)} training rows"
        for one, error in sorted(known, key=lambda pair: -pair[1].absolute)[:3]
        if is_number(error.absolute)
    ]


def _weakest_cells(comparison: Comparison, cell: Json) -> list[str]:
    """The cells of pitch and yaw where its error is largest."""
    grid = cell_grid(comparison)
    known = [row for row in cell_rows(grid, cell) if row.test >= _ROWS_THAT_TELL] if grid else []
    return [
        f"- {escaped(row.name)}: mean absolute error {number(row.error)} on {count(row.test)} test rows, "
        f"from {count(row.training)} training rows"
        for row in sorted(known, key=lambda row: -row.error)[:3]
    ]


def _calibration(cell: Json, weights: str | None) -> list[str]:
    if not chosen(cell).get("after"):
        return ["No temperature was fitted: probabilities are as trained."]
    bounds = interval(cell.get("temperature_interval"))
    alike = ", every class counting alike" if weights == "classes" else ""
    flag = f" {escaped(cell['temperature_flag'])}." if cell.get("temperature_flag") else ""
    between = f" {bounds}" if bounds else ""
    fitted = f"the temperature {number(cell['temperature'], 2)}{between}, fitted on validation rows{alike}"
    return [f"Logits are divided by {fitted}.{flag}"]


def _weights(comparison: Comparison) -> str | None:
    data = (comparison.results.get("settings") or {}).get("data") or {}
    weights: str | None = data.get("validation_weights")
    return weights


def _compared(comparison: Comparison) -> list[str]:
    if len(comparison.methods) < 2:
        return []
    title = comparison.primary["name"]
    lines = [escaped(comparison.results["verdict"]["text"]), ""]
    for entry in comparison.summary:
        score = entry["scores"].get(title) or {}
        bounds = interval(score.get("interval")) or DASH
        lines.append(
            f"- rank {rank(entry)}: {escaped(entry['method'])}, {escaped(heading(comparison.primary))} "
            f"{number(score.get('mean'))} {bounds} over {entry['seeds']} seeds"
        )
    return lines


def _use(cell: Json) -> list[str]:
    lines = ["    softlabel predict . FILE_OR_FOLDER", "", "in the folder that holds this card."]
    limit = worth_naming(cell)
    if limit is not None:
        lines.append(
            f"With `--abstain-below {number(limit.confidence, 2)}` it answered {100 * limit.share:.0f} % of the test "
            f"rows, with accuracy {number(limit.accuracy)} {interval(limit.interval)}."
        )
    return lines


def _origin(comparison: Comparison) -> list[str]:
    results = comparison.results
    version, when, test = (
        escaped(text) for text in (results["softlabel"], results["created"], results["data"]["test_hash"])
    )
    return [f"    {one_line(str(results['command']))}", "", f"softlabel {version}, {when}; test split {test}."]
