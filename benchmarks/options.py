"""Kinds of numbers that options take."""

from __future__ import annotations

from argparse import ArgumentTypeError


def whole(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def shape(text: str) -> tuple[int, ...]:
    """Whole numbers from 1 with an x between them."""
    return tuple(whole(part) for part in text.split("x"))


def pair(text: str) -> tuple[int, ...]:
    """A shape of two numbers."""
    found = shape(text)
    if len(found) != 2:
        raise ArgumentTypeError(f"{text!r} is not of the form NxK")
    return found
