"""A model's distributions beside people's votes: how near they come, and how near half of the voters come to the other.

The model is scored against all votes of a row, and against one half of them; the other half of the voters is scored
against that same half. So the last two have one yardstick, and the last is the mark that a model can be held to. It is
no bound: a model that has seen many rows can know more of one than few voters do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from softlabel.data.config import DataConfig
from softlabel.deployed.rescore import LabelledPart, Rescored, Split, evaluate
from softlabel.errors import UnsupportedError
from softlabel.metrics.vote_agreement import (
    bootstrap_interval,
    halves,
    jensen_shannon,
    rank_agreement,
    shares,
    without,
)
from softlabel.randomness import generator

PRIOR = 1.0
OFF_VOTES = 3
REDRAWS = 10

Which = Literal["model", "model_half", "half"]
WHICH: tuple[Which, ...] = ("model", "model_half", "half")
TITLES = {"js": ("JS", "lower"), "kendall": ("Kendall", "higher")}
PARTS = {"all": "all classes", "off": "other than the majority label"}
Scores = dict[str, Tensor]
"""Of each part and score ('off.js') a value for every row, NaN where it is undefined."""


@dataclass(frozen=True)
class Measured:
    """A mean over rows, its 95 % interval over the choice of rows, and of how many rows it is; None without any."""

    value: float | None
    interval: tuple[float, float] | None
    rows: int

    def to_json(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "rows": self.rows,
        }


@dataclass(frozen=True)
class Agreement:
    """What is measured for the model against all votes, the model against a half, and one half against the other.

    scores   by part and score ('all.js', 'off.kendall'), then by what is measured
    """

    rows: int
    votes: tuple[int, int]
    off_rows: int
    scores: dict[str, dict[Which, Measured]]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {
            "rows": self.rows,
            "votes_per_row": list(self.votes),
            "off_label_rows": self.off_rows,
            "off_label_votes_from": OFF_VOTES,
            "prior_votes": PRIOR,
            "redraws": REDRAWS,
            "scores": {
                name: {which: measured.to_json() for which, measured in found.items()}
                for name, found in self.scores.items()
            },
        }


@dataclass(frozen=True)
class ScoredAgainstVotes(Rescored):
    """Scores of the shipped model on rows with votes, and how near its distributions come to these."""

    votes: Agreement

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return {**super().to_json(), "votes": self.votes.to_json()}


def evaluate_against_votes(
    run: str | Path, other: DataConfig | None = None, split: Split | None = None
) -> ScoredAgainstVotes:
    """The scores of `softlabel.deployed.rescore.evaluate`, and the agreement with the votes of the same rows.

    Raises as `evaluate`; UnsupportedError where the rows have no counts of votes.
    """
    kept: list[tuple[Tensor, Tensor]] = []

    def watch(part: LabelledPart, temperature: float) -> Callable[[Tensor, Tensor], None]:
        votes = refuse_no_counts(part)

        def keep(rows: Tensor, logits: Tensor) -> None:
            kept.append(((logits.double() / temperature).log_softmax(-1), votes[rows]))

        return keep

    scored = evaluate(run, other, split, watch=watch)
    logs, votes = (torch.cat(parts) for parts in zip(*kept, strict=True))
    return ScoredAgainstVotes(**vars(scored), votes=agreement(logs, votes))


def refuse_no_counts(part: LabelledPart) -> Tensor:
    """The votes (N, K) of labelled rows. Raises UnsupportedError where these have none, or no whole numbers of them."""
    annotation = part.samples.annotation
    if not part.task.annotation_kind.are_votes:
        raise UnsupportedError(
            f"rows of {part.source} have no votes to compare with; of other rows, source and vote columns can be named"
        )
    if not bool((annotation == annotation.round()).all()) or float(annotation.sum(-1).max()) < 2:
        raise UnsupportedError(f"rows of {part.source} hold shares, expected counts, which say how many people voted")
    return annotation


def agreement(log_probabilities: Tensor, votes: Tensor, seed: int = 0) -> Agreement:
    """Compare log-probabilities (N, K) with whole votes (N, K); rows of one vote count for no halves."""
    label = votes.argmax(-1)
    off = votes.sum(-1) - votes.max(-1).values >= OFF_VOTES
    if votes.shape[-1] < 3:  # one other label is no distribution
        off = torch.zeros_like(off)
    split = votes.sum(-1) >= 2
    p = log_probabilities.double().exp()
    p_off = without(log_probabilities.double(), label).softmax(-1)
    rows = {"model": _scores(p, p_off, votes, label, off)}
    drawn: dict[Which, list[Scores]] = {"model_half": [], "half": []}
    for number in range(REDRAWS):
        one, other = halves(votes, generator(seed, "votes", "half", number))
        drawn["model_half"].append(_scores(p, p_off, other, label, off & split))
        people = shares(one), shares(without(one, label), PRIOR)
        drawn["half"].append(_scores(*people, other, label, off & split))
    for which, redraws in drawn.items():
        rows[which] = {
            name: torch.stack([scores[name] for scores in redraws]).nanmean(0).masked_fill(~split, math.nan)
            for name in rows["model"]
        }
    total = votes.sum(-1)
    return Agreement(
        rows=len(votes),
        votes=(int(total.min()), int(total.max())),
        off_rows=int(off.sum()),
        scores={name: {which: _measured(rows[which][name], seed) for which in WHICH} for name in rows["model"]},
    )


def _scores(p: Tensor, p_off: Tensor, votes: Tensor, label: Tensor, off: Tensor) -> Scores:
    """Every score of distributions p (N, K) and p_off (N, K - 1) against votes (N, K)."""
    q, q_off = shares(votes), shares(without(votes, label), PRIOR)
    found: Scores = {}
    for part, predicted, people in (("all", p, q), ("off", p_off, q_off)):
        for name, values in (("js", jensen_shannon(predicted, people)), ("kendall", rank_agreement(predicted, people))):
            found[f"{part}.{name}"] = values if part == "all" else values.masked_fill(~off, math.nan)
    return found


def _measured(values: Tensor, seed: int) -> Measured:
    known = values[~values.isnan()]
    if not len(known):
        return Measured(None, None, 0)
    interval = bootstrap_interval(known, generator(seed, "votes", "rows"))
    return Measured(float(known.mean()), interval, len(known))
