"""Who is told how far the reading of data is: a screen, while it waits; nobody otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Told = Callable[[str, int, int], None]
"""Is told what is being read, how much of it is done, and how much there is."""

_listener: ContextVar[Told | None] = ContextVar("softlabel_told", default=None)


@contextmanager
def told_to(listener: Told) -> Iterator[None]:
    """Inside the block this one is told."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def tell(what: str, done: int, total: int) -> None:
    """Tell whoever listens."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done, total)
