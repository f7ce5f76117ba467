"""Kinds of numbers that options take: each has a smallest and a largest value, so that none of them is endless."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MOST_EPOCHS = 100_000
MOST_PROCESSES = 256
MOST_WIDTH = 65_536
MOST_SIDE = 16_384
MOST_FOLDS = 1000
LONGEST_NAME = 200
"""Of a run, in bytes; the file system allows 255, and a number follows."""

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
Rows = Annotated[int, Field(ge=1, le=100_000_000)]
Views = Annotated[int, Field(ge=1, le=1000)]
Processes = Annotated[int, Field(ge=1, le=MOST_PROCESSES)]
Width = Annotated[int, Field(ge=1, le=MOST_WIDTH)]
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
Rate = Annotated[float, Field(gt=0, le=1e6)]
"""A learning rate; no training survives one that is larger."""
Weight = Annotated[float, Field(ge=0, le=1e6)]
"""Of a term of the loss, or of decay."""
Factor = Annotated[float, Field(gt=0, le=1e6)]
"""A temperature, a scale, a power."""
