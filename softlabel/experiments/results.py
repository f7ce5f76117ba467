"""results.json: every number that report, terminal, card and JSON show of a comparison comes from here."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softlabel.errors import RunError
from softlabel.experiments.cells import Cell, Failure
from softlabel.experiments.config import CompareConfig
from softlabel.experiments.resampling import Rows
from softlabel.experiments.statistics import summarise
from softlabel.experiments.summary import Summary
from softlabel.report.comparison import weakness
from softlabel.runs.run_folder import read_json
from softlabel.runs.tensor_files import read_tensors
from softlabel.statistic import Statistic, unpack
from softlabel.tasks.prepared import Prepared
from softlabel.version import __version__

FORMAT = 1
Json = dict[str, Any]


def collect(
    config: CompareConfig,
    prepared: Prepared,
    cells: Sequence[Cell],
    failures: Sequence[Failure],
    *,
    seconds: float,
    command: str,
    test_openings: int,
) -> Json:
    """The results of a comparison whose cells have all been trained or have failed."""
    reasons = {failure.cell.name: failure.reason for failure in failures}
    entries = {cell.name: _entry(cell, reasons.get(cell.name)) for cell in cells}
    scores = prepared.task.statistics(prepared.class_counts, config.data.groups)
    summary = _summarise(config, prepared, scores, cells, entries)
    found = summary.to_json()
    kept = kept_cell(list(entries.values()), prepared)
    if kept is not None:
        _add_features(next(cell for cell in cells if cell.name == f"{kept['method']}-seed{kept['seed']}"), entries)
    images = add_masks(cells, entries, prepared)
    return {
        "format": FORMAT,
        "softlabel": __version__,
        "command": command,
        "created": time.strftime("%Y-%m-%d %H:%M:%S"),
        "data": prepared.to_json() | {"test_openings": test_openings},
        "task": prepared.task.name,
        "primary": summary.primary,
        "baseline": summary.baseline,
        "scores": [
            {"name": s.name, "title": s.title, "better": s.better, "calibration": s.calibration} for s in scores
        ],
        "settings": config.model_dump(mode="json"),
        "cells": list(entries.values()),
        **({"mask_images": images} if images else {}),
        "summary": [_with_variants(entry, list(entries.values()), scores) for entry in found["summary"]],
        "constant": _constant_scores(entries.values()),
        "verdict": found["verdict"] | {"text": _weak(entries.values()) + found["verdict"]["text"], "kept": kept},
        "seconds": seconds,
    }


def _constant_scores(entries: Iterable[Json]) -> Json | None:
    """The scores of the mean label of the training part as every answer, the same for all runs; None without a run."""
    found = [entry["constant"]["scores"] for entry in entries if entry["status"] == "finished"]
    return found[0] if found else None


KEPT = ("method", "seed", "folder", "temperature", "temperature_flag")


def _weak(entries: Iterable[Json]) -> str:
    """What stands before a verdict where runs are no better than an answer that never looks at the input."""
    finished = [entry for entry in entries if entry["status"] == "finished"]
    weak = [entry for entry in finished if weakness(entry)]
    if weak and len(weak) == len(finished):
        return "No run is clearly better than a constant answer, which never looks at the input. "
    named = ", ".join(f"{entry['method']} (seed {entry['seed']})" for entry in weak)
    return f"Not clearly better than a constant answer, which never looks at the input: {named}. " if weak else ""


def shipped_scores(entry: Mapping[str, Any]) -> Json:
    """The test scores of what a cell ships: the selected epoch after temperature, or, published, the last epoch."""
    chosen = entry["selected"] or entry["last"]
    scores: Json = chosen["after"] or chosen["before"]
    return scores


def kept_cell(entries: Sequence[Json], prepared: Prepared) -> Json | None:
    """The run whose model is kept: the best on the validation split; None where nothing may be selected."""
    best = _best(entries, prepared)
    return None if best is None else {key: best.get(key) for key in KEPT}


def _best(entries: Sequence[Json], prepared: Prepared) -> Json | None:
    score = prepared.task.selection_score()
    candidates = [e for e in entries if e["status"] == "finished" and e.get("validation")]
    sign = 1 if prepared.task.selects == "lowest" else -1
    return min(candidates, key=lambda e: _or_infinity(e["validation"][score], sign), default=None)


def _summarise(
    config: CompareConfig,
    prepared: Prepared,
    scores: Sequence[Statistic],
    cells: Sequence[Cell],
    entries: Mapping[str, Json],
) -> Summary:
    count = prepared.rows["test"]
    finished = [cell for cell in cells if entries[cell.name]["status"] == "finished"]
    rows = {cell.name: rows_of(cell, scores, count) for cell in finished}
    resampled = [s for s in scores if all(s.name in found for found in rows.values())]
    contributions: dict[str, list[Rows | None]] = {
        method: [rows.get(f"{method}-seed{seed}") for seed in config.comparison.seed_list]
        for method in config.comparison.methods
    }
    return summarise(
        resampled,
        contributions,
        config.comparison.baseline_name,
        primary=scores[0].name,
        test_hashes=[entries[cell.name]["test_hash"] for cell in finished],
    )


def rows_of(cell: Cell, scores: Sequence[Statistic], count: int) -> Rows:
    """What each of `count` test rows added to each score, for the shipped model of a cell.

    Raises RunError when the file is damaged, or is not of these scores and rows.
    """
    path = cell.folder / "evaluation" / "rows.safetensors"
    tensors = read_tensors(path)
    known = {f"{score.name}.{part}": score for score in scores for part in ("cell", "values")}
    kept = {name: tensor for name, tensor in tensors.items() if name in known}
    for score in {known[name] for name in kept}:
        _refuse_other_rows(path, score, kept.get(f"{score.name}.cell"), kept.get(f"{score.name}.values"), count)
    return unpack(kept)


def _refuse_other_rows(path: Path, score: Statistic, cell: Tensor | None, values: Tensor | None, count: int) -> None:
    fits = (
        cell is not None
        and values is not None
        and cell.dtype == torch.int32
        and values.is_floating_point()
        and cell.shape[:1] == (count,)
        and values.shape == (*cell.shape, score.width)
        and (not cell.numel() or 0 <= int(cell.min()) <= int(cell.max()) < score.num_cells)
    )
    if not fits:
        raise RunError(f"{path} is damaged: {score.name} is not what {count:,} test rows add to a score")


def _entry(cell: Cell, reason: str | None) -> Json:
    folder = f"cells/{cell.folder.name}"
    if reason is None:
        return cell.result() | {"folder": folder, "bytes": bytes_in(cell.folder)}
    return {"method": cell.method, "seed": cell.seed, "status": "failed", "reason": reason, "folder": folder}


def _add_features(cell: Cell, entries: Mapping[str, Json]) -> None:
    """Test features in two dimensions, of the kept run alone, or results would grow with every run."""
    path = cell.folder / "evaluation" / "features.json"
    if path.is_file():
        entries[cell.name]["features"] = read_json(path)


def add_masks(cells: Sequence[Cell], entries: Mapping[str, Json], prepared: Prepared) -> list[Json]:
    """Answers to a few images, of one run a method: the best on the validation split, else the first. The images.

    Images and true masks are the same for all runs, so they are kept once.
    """
    images: list[Json] = []
    for method in dict.fromkeys(cell.method for cell in cells):
        own = {cell.name: cell for cell in cells if cell.method == method}
        finished = [entries[name] for name in own if entries[name]["status"] == "finished"]
        shown = _best(finished, prepared) or next(iter(finished), None)
        path = own[f"{method}-seed{shown['seed']}"].folder / "evaluation" / "masks.json" if shown else None
        if shown and path and path.is_file():
            stored = read_json(path)
            shown["masks"] = stored["answers"]
            images = stored["images"]
    return images


def bytes_in(folder: Path) -> int:
    """What the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _with_variants(entry: Json, entries: Sequence[Json], scores: Sequence[Statistic]) -> Json:
    """Add mean cost, scores that are not resampled, and the means before temperature and of the last epoch."""
    own = [e for e in entries if e["method"] == entry["method"] and e["status"] == "finished"]
    shipped = mean_and_spread([shipped_scores(e) for e in own], scores)
    return entry | {
        "seconds": statistics.fmean(e["seconds"] for e in own) if own else None,
        "bytes": statistics.fmean(e["bytes"] for e in own) if own else None,
        "scores": shipped | entry["scores"],
        "before": mean_and_spread([(e["selected"] or e["last"])["before"] for e in own], scores),
        "last": mean_and_spread([e["last"]["after"] or e["last"]["before"] for e in own], scores),
    }


def mean_and_spread(found: Sequence[Mapping[str, float | None]], scores: Sequence[Statistic]) -> Json:
    """Mean and standard deviation over seeds of each score, by name; None where there is nothing to average."""
    summary: Json = {}
    for score in scores:
        values = [value for one in found if (value := one[score.name]) is not None]
        summary[score.name] = {
            "mean": statistics.fmean(values) if values else None,
            "spread": statistics.stdev(values) if len(values) > 1 else None,
            "interval": [None, None],
        }
    return summary


def _or_infinity(value: float | None, sign: int) -> float:
    return math.inf if value is None or math.isnan(value) else sign * value


def results_of(folder: Path) -> dict[str, object]:
    """What a finished comparison stored."""
    from softlabel.runs.run_folder import read_json

    stored: dict[str, object] = read_json(folder / "results.json")
    return stored
