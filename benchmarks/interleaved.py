"""Contestants take turns, so that what else the machine does falls on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

ORDER = "in the order A B C, C B A, A B C, ..."
"""The order of the blocks, as it is stored with what they measured."""
Step = Callable[[], float]
"""Does its work once, and says what that took, or how quick it was."""


def in_turn(steps: Mapping[str, Step], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """What each step says, by round; every other round goes backwards, and those to warm up do not count."""
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(-warm_up, rounds):
        for name in steps if number % 2 == 0 else reversed(list(steps)):
            figure = steps[name]()
            if number >= 0:
                found[name].append(figure)
    return found


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter, times: int = 1) -> Step:
    """A step that says the seconds of one work, the mean of as many as are done in a row."""

    def step() -> float:
        started = clock()
        for _ in range(times):
            work()
        return (clock() - started) / times

    return step
