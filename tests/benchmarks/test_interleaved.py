"""Contestants take turns, forwards and backwards."""

from __future__ import annotations

from itertools import count

from benchmarks.interleaved import in_turn, timed


def test_rounds_alternate_and_those_to_warm_up_do_not_count() -> None:
    order: list[str] = []
    number = count()

    def step(name: str) -> float:
        order.append(name)
        return next(number)

    found = in_turn({name: lambda name=name: step(name) for name in "abc"}, 2, warm_up=1)  # type: ignore[misc]
    assert "".join(order) == "cba" + "abc" + "cba"
    assert found == {"a": [3, 8], "b": [4, 7], "c": [5, 6]}


def test_the_time_of_a_work_is_the_mean_of_those_in_a_row() -> None:
    done: list[int] = []
    clock = iter([10.0, 16.0])
    assert timed(lambda: done.append(1), lambda: next(clock), times=3)() == 2.0
    assert len(done) == 3
