"""`--require 'accuracy>=0.9'`: limits for scores, which a command's exit code answers to."""

from __future__ import annotations

import argparse
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from softlabel.cli.screens.console import Console
from softlabel.errors import ConfigError
from softlabel.text.words import nearest

LIMIT_FAILED = 3
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_LIMIT = re.compile(r"\s*(?P<score>\w+)\s*(?P<sign>[^\w\s.+-]+)\s*(?P<number>\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """What a score must be."""

    text: str
    score: str
    sign: str
    number: float

    def holds(self, value: float | None) -> bool:
        """False too for a score that has no value."""
        return value is not None and _COMPARE[self.sign](value, self.number)


def add_require(parser: argparse.ArgumentParser) -> None:
    """The flag --require, which may be given several times."""
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="LIMIT",
        help="exit with 3 unless the test score holds: 'accuracy>=0.9', 'nll<0.5'; may be given again",
    )


def read_limits(texts: Sequence[str]) -> list[Limit]:
    """The limits of these texts. Raises ConfigError for a wrong name, sign or number."""
    return [_limit(text) for text in texts]


def _limit(text: str) -> Limit:
    found = _LIMIT.fullmatch(text)
    if not found:
        raise ConfigError(f"--require must be a score, >=, <=, > or <, and a number, not {text!r}")
    if found["sign"] not in _COMPARE:
        raise ConfigError(f"--require {text!r}: {found['sign']!r} must be one of {', '.join(_COMPARE)}")
    if found["score"] not in known_scores():
        near = nearest(found["score"], known_scores())
        hint = f"did you mean {near}?" if near else "the scores are " + ", ".join(known_scores())
        raise ConfigError(f"--require {text!r}: there is no score {found['score']!r}; {hint}")
    try:
        number = float(found["number"])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"--require {text!r}: {found['number']!r} is not a finite number")
    return Limit(text, found["score"], found["sign"], number)


def known_scores() -> list[str]:
    """Names of the scores of any task, of every group of classes."""
    import torch

    from softlabel.tasks.distribution import Distribution

    counts = torch.tensor([101, 50, 1])  # a class in each group
    return [statistic.name for statistic in Distribution(["a", "b", "c"]).statistics(counts, "counts")]


def exit_code(
    limits: Sequence[Limit], scores: Mapping[str, float | None], whose: str, console: Console, *, events: bool = True
) -> int:
    """Say each limit that fails, and return the command's exit code: 3, or 0 where all hold.

    whose    what has the scores, for the sentence
    events   False where stdout carries one JSON document
    """
    failed = [limit for limit in limits if not limit.holds(scores.get(limit.score))]
    for limit in failed:
        value = scores.get(limit.score)
        shown_value = "it has no value here" if value is None else f"{limit.score} is {value:.6g}"
        console.say(f"limit    {limit.text} does not hold: {shown_value} ({whose})")
        if events:
            console.event("limit", require=limit.text, score=limit.score, value=value, whose=whose)
    return LIMIT_FAILED if failed else 0


def of_comparison(results: Mapping[str, Any]) -> tuple[dict[str, float | None], str]:
    """The scores that limits are held against, and whose they are.

    Those of the kept model; where none is kept, the means of the method with the best mean of the primary score.
    """
    kept = results["verdict"]["kept"]
    if kept is not None:
        from softlabel.experiments.results import shipped_scores

        cell = next(e for e in results["cells"] if (e["method"], e["seed"]) == (kept["method"], kept["seed"]))
        return shipped_scores(cell), f"test split, kept model: {kept['method']}, seed {kept['seed']}"
    primary, better = results["primary"], {s["name"]: s["better"] for s in results["scores"]}
    sign = 1 if better[primary] == "lower" else -1
    done = [e for e in results["summary"] if e["scores"][primary]["mean"] is not None]
    best = min(done, key=lambda e: sign * e["scores"][primary]["mean"])
    means = {name: score["mean"] for name, score in best["scores"].items()}
    return means, f"test split, mean of {best['method']}, the best method; no model is kept"
