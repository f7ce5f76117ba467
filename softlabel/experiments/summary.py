"""The outcome of a comparison, as the report, the terminal and results.json tell it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from softlabel.experiments.variance import VarianceComponents

Verdict = Literal["better", "worse", "no more than noise", "undefined"]


@dataclass(frozen=True)
class ScoreSummary:
    """A score of one method over its seeds; spread is the standard deviation over seeds (NaN with one)."""

    mean: float
    spread: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        return {"mean": _known(self.mean), "spread": _known(self.spread), "interval": _known_pair(self.interval)}


@dataclass(frozen=True)
class Difference:
    """A method's score less the baseline's. With one seed there is no p-value, and no verdict but noise."""

    estimate: float
    interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            "estimate": _known(self.estimate),
            "interval": _known_pair(self.interval),
            "p_adjusted": _known(self.p_adjusted),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class MethodSummary:
    """One method: rank by the primary score (shared where methods cannot be told apart), scores, and differences.

    `difference` is None for the baseline itself, and where no seed finished for both.
    """

    method: str
    rank: int
    seeds: int
    failed: int
    scores: dict[str, ScoreSummary]
    difference: dict[str, Difference] | None

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "rank": self.rank,
            "seeds": self.seeds,
            "failed": self.failed,
            "scores": {name: score.to_json() for name, score in self.scores.items()},
            "difference": None
            if self.difference is None
            else {name: difference.to_json() for name, difference in self.difference.items()},
        }


@dataclass(frozen=True)
class Summary:
    """The outcome of a comparison.

    methods                      in the order of their ranks
    winner                       the method that is better than every other one on the primary score, if there is one
    smallest_visible_difference  the least true difference of the primary score that would have been called one with
                                 probability 0.8; NaN with one seed
    more_seeds                   a larger number of seeds, and the difference it would make visible
    variance                     what both are computed from; `variance.seeds_to_see(...)` answers the reverse question
    """

    methods: tuple[MethodSummary, ...]
    baseline: str
    primary: str
    level: float
    rows: int
    winner: str | None
    smallest_visible_difference: float
    more_seeds: tuple[int, float] | None
    variance: VarianceComponents | None
    text: str

    def to_json(self) -> dict[str, Any]:
        """The parts of results.json that come from here: "summary" and "verdict"."""
        return {
            "summary": [method.to_json() for method in self.methods],
            "verdict": {
                "text": self.text,
                "winner": self.winner,
                "smallest_visible_difference": _known(self.smallest_visible_difference),
                "more_seeds": None
                if self.more_seeds is None
                else {"seeds": self.more_seeds[0], "smallest_visible_difference": self.more_seeds[1]},
            },
        }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _known_pair(pair: tuple[float, float]) -> list[float | None]:
    return [_known(value) for value in pair]
