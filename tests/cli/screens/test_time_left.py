"""The time left of a comparison: right at once where the trial was right, and soon where it was not."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from softlabel.cli.screens.time_left import CLOSING_SECONDS, Standing, TimeLeft
from softlabel.training.cost import Cost

COST = Cost(1.0, (2.0,) * 5, 1.0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Simulation:
    """Runs with true costs, trained in their order, `jobs` at a time."""

    truth: Sequence[Cost]
    jobs: int
    closing: float = CLOSING_SECONDS

    def spans(self) -> list[tuple[float, float]]:
        free, spans = [0.0] * self.jobs, []
        for cost in self.truth:
            start = heapq.heappop(free)
            spans.append((start, start + cost.total))
            heapq.heappush(free, start + cost.total)
        return spans

    @property
    def seconds(self) -> float:
        return max(end for _, end in self.spans()) + self.closing

    def standings(self, now: float) -> list[Standing]:
        return [
            self._standing(cost, start, end, now) for cost, (start, end) in zip(self.truth, self.spans(), strict=True)
        ]

    @staticmethod
    def _standing(cost: Cost, start: float, end: float, now: float) -> Standing:
        if now >= end:
            return None
        return sum(now >= start + cost.done(epoch) for epoch in range(1, len(cost.epochs) + 1))


def followed(trial: Sequence[Cost], simulation: Simulation) -> list[tuple[float, float, float]]:
    """While runs are trained: share of the time that is over, the seconds left as told, and as they were."""
    clock = Clock()
    left = TimeLeft(trial, [0] * len(trial), simulation.jobs, clock)
    told: list[tuple[float, float, float]] = []
    for tick in range(int(4 * (simulation.seconds - simulation.closing))):
        clock.now = tick / 4
        left.update(simulation.standings(clock.now))
        told.append((clock.now / simulation.seconds, left.seconds(), simulation.seconds - clock.now))
    return told


@pytest.mark.parametrize("jobs", [1, 2, 3, 7])
def test_a_right_trial_tells_the_time_left_from_the_start(jobs: int) -> None:
    for _, told, true in followed([COST] * 7, Simulation([COST] * 7, jobs)):
        assert told == pytest.approx(true, abs=0.3)


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.5, 3.0])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_wrong_trial_is_corrected_within_a_fifth_of_the_run(factor: float, jobs: int) -> None:
    trial = [COST] * 9
    truth = [Cost(factor * c.begin, tuple(factor * e for e in c.epochs), factor * c.finish) for c in trial]
    for share, told, true in followed(trial, Simulation(truth, jobs, factor * CLOSING_SECONDS)):
        if share >= 0.2:
            assert told == pytest.approx(true, rel=0.3)


def test_runs_of_different_length_are_not_thrown_together() -> None:
    """Epochs alone would promise too little while the quick method is trained first."""
    slow = Cost(1.0, (20.0,) * 5, 1.0)
    runs = [COST, COST, slow, slow]
    for share, told, true in followed(runs, Simulation(runs, 1)):
        if share >= 0.1:
            assert told == pytest.approx(true, rel=0.05, abs=0.3)


def test_a_silent_epoch_makes_the_time_left_longer_and_never_negative() -> None:
    clock = Clock()
    left = TimeLeft([COST], [0], 1, clock)
    told = []
    for second in range(200):
        clock.now = float(second)
        left.update([0])
        told.append(left.seconds())
    assert min(told) > 0
    assert told[-1] > told[0]
    assert left.share() < 0.3


def test_what_was_finished_before_says_nothing_of_the_speed() -> None:
    clock = Clock()
    left = TimeLeft([COST] * 4, [None, None, 3, 0], 2, clock)
    left.update([None, None, 3, 0])
    assert left.seconds() == pytest.approx(12 + CLOSING_SECONDS)
    assert left.share() == pytest.approx((12 + 12 + 7) / 48)


@pytest.mark.parametrize("back", range(4))
@pytest.mark.parametrize("waited", [0.0, 1.0, 5.0, 100.0])
def test_runs_that_go_on_from_an_earlier_checkpoint_leave_no_negative_time(back: int, waited: float) -> None:
    """The log of a killed run is longer than its checkpoint, and shorter again when the run goes on."""
    clock = Clock()
    left = TimeLeft([COST] * 2, [3, 4], 2, clock)
    clock.now += waited
    for epochs in range(3 - back, 4):
        left.update([epochs, 4 - back])
        assert left.seconds() > CLOSING_SECONDS / 2
        assert 0.0 <= left.share() <= 1.0
        clock.now += 1.0
