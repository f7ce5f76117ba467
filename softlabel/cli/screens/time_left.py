"""How long a comparison still takes: what its runs cost in a trial, corrected by how that has come true so far."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from softlabel.training.cost import Cost

CLOSING_SECONDS = 2.0
"""Statistics, report and the kept model."""

TRUST_SECONDS = 1.0
"""The trial counts as much as one second of training."""

Standing = int | None
"""Epochs that a run has done; None when it has ended, with or without a result."""


class TimeLeft:
    """Follows runs that are trained in their order, `jobs` at a time.

    costs      of each run
    standings  of each run before anything was trained here
    """

    def __init__(
        self,
        costs: Sequence[Cost],
        standings: Sequence[Standing],
        jobs: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._runs = [_Run(cost, standing, clock()) for cost, standing in zip(costs, standings, strict=True)]
        self._slowness = 1.0
        self._start_next(clock())

    def update(self, standings: Sequence[Standing]) -> None:
        """Take in how far each run is."""
        now = self._clock()
        for run, standing in zip(self._runs, standings, strict=True):
            run.reach(standing, now)
        self._start_next(now)
        running = [run for run in self._runs if run.running]
        spent = sum(run.spent for run in self._runs) + sum(run.waited(now) for run in running)
        done = sum(run.done_here(now, self._slowness) for run in self._runs)
        self._slowness = (spent + TRUST_SECONDS) / (done + TRUST_SECONDS)

    def seconds(self) -> float:
        """Until the comparison is done."""
        now = self._clock()
        left = _length((run.cost.total - run.done(now, self._slowness) for run in self._runs), self._jobs)
        return self._slowness * (left + CLOSING_SECONDS)

    def share(self) -> float:
        """How much of all work is done, from 0 to 1."""
        now = self._clock()
        return sum(run.done(now, self._slowness) for run in self._runs) / sum(run.cost.total for run in self._runs)

    def _start_next(self, now: float) -> None:
        for run in [run for run in self._runs if run.standing is not None][: self._jobs]:
            run.start(now)


@dataclass
class _Run:
    """One run.

    news    when it last got further
    spent   seconds that it took here until then
    """

    cost: Cost
    standing: Standing
    news: float
    running: bool = False
    spent: float = 0.0

    def __post_init__(self) -> None:
        self._before = self._logged()

    def start(self, now: float) -> None:
        if not self.running:
            self.running, self.news = True, now

    def reach(self, standing: Standing, now: float) -> None:
        if standing is not None and self.cost.done(standing) < self._before:  # it goes on from an earlier checkpoint
            self._before = self.cost.done(standing)
        if standing != self.standing:
            self.spent += self.waited(now) if self.running else 0.0
            self.news, self.standing, self.running = now, standing, standing is not None

    def waited(self, now: float) -> float:
        """Seconds since it last got further."""
        return now - self.news

    def done(self, now: float, slowness: float) -> float:
        """Seconds of its cost that are over: what is logged, and, at most, what comes next in the log."""
        under_way = min(self._next(), self.waited(now) / slowness) if self.running else 0.0
        return self._logged() + under_way

    def done_here(self, now: float, slowness: float) -> float:
        """The same without what was done before."""
        return self.done(now, slowness) - self._before

    def _logged(self) -> float:
        return self.cost.total if self.standing is None else self.cost.done(self.standing)

    def _next(self) -> float:
        if self.standing is None:
            return 0.0
        if self.standing >= len(self.cost.epochs):
            return self.cost.total - self._logged()
        return self.cost.done(self.standing + 1) - self._logged()


def _length(left: Iterable[float], jobs: int) -> float:
    """How long jobs of these lengths take when each worker always takes the next one."""
    free = [0.0] * jobs
    for seconds in left:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)
