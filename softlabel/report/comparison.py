"""results.json as the report reads it: nothing is computed here but means over seeds of what is stored there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from statistics import fmean
from typing import Any

from softlabel.errors import RunError
from softlabel.text.numbers import DASH, is_number, number

ARROWS = {"lower": "↓", "higher": "↑"}

FORMAT = 1
NOISE = "no more than noise"
CONSTANT = "constant"
"""The line of a table that no method made: the mean label of the training part as the answer to every row."""

Json = dict[str, Any]


class Comparison:
    """The results of one comparison, by method and seed.

    Raises RunError for a format that this version cannot read.
    """

    def __init__(self, results: Mapping[str, Any]) -> None:
        if results.get("format") != FORMAT:
            raise RunError(
                f"results.json has format {results.get('format')!r}, and this version of softlabel reads {FORMAT}; "
                "read it with the version that wrote it, or repeat the comparison"
            )
        self.results = results

    @cached_property
    def summary(self) -> list[Json]:
        """One entry a method, the best rank first."""
        return sorted(self.results["summary"], key=lambda entry: (entry.get("rank") is None, entry.get("rank") or 0))

    @cached_property
    def methods(self) -> list[str]:
        """The methods in the order of their ranks."""
        return [entry["method"] for entry in self.summary]

    @cached_property
    def series(self) -> dict[str, int]:
        """The place of each method in the palette: the baseline is 0, then by name, whatever their rank."""
        others = sorted(method for method in self.methods if method != self.baseline)
        return {method: place for place, method in enumerate([self.baseline, *others])}

    @cached_property
    def lines(self) -> list[Json]:
        """The lines of a table of scores: the methods by rank, and last what a constant answer scores."""
        constant = self.results.get("constant")
        if not constant:
            return self.summary
        scores = {name: {"mean": value, "spread": None, "interval": None} for name, value in constant.items()}
        return [*self.summary, {"method": CONSTANT, "rank": None, "seeds": 0, "scores": scores}]

    @property
    def baseline(self) -> str:
        return str(self.results["baseline"])

    @property
    def scores(self) -> list[Json]:
        """The scores in the order in which they are shown, the primary one first."""
        return sorted(self.results["scores"], key=lambda score: score["name"] != self.results["primary"])

    @property
    def primary(self) -> Json:
        return self.scores[0]

    @property
    def published(self) -> bool:
        """True under the protocol that selects and calibrates nothing."""
        return bool(self.results["data"]["protocol"] == "published")

    @cached_property
    def cells(self) -> list[Json]:
        """The cells that finished, in the order of the methods' ranks and of their seeds."""
        finished = [cell for cell in self.results["cells"] if cell["status"] == "finished"]
        places = {method: place for place, method in enumerate(self.methods)}
        return sorted(finished, key=lambda cell: (places.get(cell["method"], len(places)), cell["seed"]))

    @cached_property
    def failed(self) -> list[Json]:
        """The cells that did not finish."""
        return [cell for cell in self.results["cells"] if cell["status"] != "finished"]

    def of(self, method: str) -> list[Json]:
        """The finished cells of a method."""
        return [cell for cell in self.cells if cell["method"] == method]

    @cached_property
    def calibrated(self) -> bool:
        """True where temperatures were fitted."""
        return any(chosen(cell).get("after") for cell in self.cells)

    @cached_property
    def kept(self) -> Json | None:
        """What the verdict keeps: method, seed, folder, temperature; or None."""
        kept: Json | None = self.results["verdict"].get("kept")
        return kept

    @cached_property
    def shown_cell(self) -> Json | None:
        """The cell that is looked at closely: the kept one, else the first of the best rank."""
        kept = self.kept
        for cell in self.cells:
            if kept and (cell["method"], cell["seed"]) == (kept["method"], kept["seed"]):
                return cell
        return self.cells[0] if self.cells else None

    @property
    def class_names(self) -> list[str]:
        return list(self.results["data"]["class_names"])


def weakness(cell: Json) -> str | None:
    """In words, that a model is not clearly better than an answer that never looks at the input; None where it is."""
    found = cell.get("constant") or {}
    if found.get("passed", True) or not is_number(found.get("constant")):
        return None
    return (
        f"not clearly better than a constant answer: {found['title']} {number(found['value'])} on the test split, "
        f"{number(found['constant'])} without looking at the input"
    )


def temperature_told(cell: Json) -> str:
    """The temperature of a run and what it rests on, to be added to a line; empty where there is none."""
    if not is_number(cell.get("temperature")):
        return ""
    flag = cell.get("temperature_flag")
    return f", temperature {number(cell['temperature'], 2)}" + (f" ({flag})" if flag else "")


def among_others(comparison: Comparison, stored: Json) -> str:
    """Added to a difference that is noise though its own interval misses 0: of so many, one may by chance."""
    bounds = stored.get("interval") or [None, None]
    misses = all(map(is_number, bounds)) and (bounds[0] > 0 or bounds[1] < 0)
    if stored["verdict"] != NOISE or not misses:
        return ""
    return f" among {sum(difference(comparison, entry) is not None for entry in comparison.summary)}"


def why_kept(comparison: Comparison) -> str:
    """Why the kept model is not of the method that stands first, to be added to a line; empty where it is."""
    first = comparison.methods[0]
    if comparison.kept is None or comparison.kept["method"] == first:
        return ""
    return f"; chosen on validation rows, on test rows {first} is before it"


def chosen(cell: Json) -> Json:
    """The scores before and after temperature of the epoch that counts: the selected one, else the last."""
    return cell.get("selected") or cell.get("last") or {}


def final(scores: Json) -> Json:
    """The scores that count of a before/after pair: after temperature where there is one."""
    return scores.get("after") or scores.get("before") or {}


def mean(values: Iterable[Any]) -> float:
    """The mean of the finite values; NaN of none."""
    kept = [value for value in values if is_number(value)]
    return fmean(kept) if kept else math.nan


def extent(values: Iterable[Any]) -> tuple[float, float]:
    """The least and the greatest of the finite values; NaN of none."""
    kept = [value for value in values if is_number(value)]
    return (min(kept), max(kept)) if kept else (math.nan, math.nan)


def heading(score: dict[str, Any]) -> str:
    """A score's title with the arrow of its better direction."""
    return f"{score['title']} {ARROWS[score['better']]}"


def mean_and_spread(stored: dict[str, Any] | None) -> str:
    """A mean over seeds and how far the seeds lie apart; the mean alone where one seed shows no spread."""
    if not stored or not is_number(stored.get("mean")):
        return DASH
    return number(stored["mean"]) + (f" ±{number(stored['spread'])}" if is_number(stored.get("spread")) else "")


def rank(entry: dict[str, Any]) -> str:
    """The rank of a method, of which there is none when no seed finished."""
    return str(entry["rank"]) if entry["seeds"] and entry.get("rank") is not None else DASH


def difference(comparison: Comparison, entry: dict[str, Any], score: str | None = None) -> dict[str, Any] | None:
    """The paired difference of a method to the baseline in one score (the primary one), or None."""
    found: dict[str, Any] | None = (entry.get("difference") or {}).get(score or comparison.primary["name"])
    return found


def unit_of_count(comparison: Comparison) -> str:
    """What is counted of every class and every bin of confidence: rows, or pixels of masks."""
    return "pixels" if any(cell["details"].get("by_pixel_class") for cell in comparison.cells) else "rows"


def has_several_labels(comparison: Comparison) -> bool:
    """Whether any number of classes is true of a row."""
    return any(cell["details"].get("by_label") for cell in comparison.cells)
