"""The label axis of tasks whose answer is a number. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AxisConfig(BaseModel):
    """The label axis (tasks ordinal and pose)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grid: list[str] = Field(
        [],
        description="values of the label axis, START:STOP or START:STOP:STEP, one for each value column; "
        "by default the whole numbers between the smallest and the largest value of the source",
    )
    decoding: Literal["expectation", "argmax", "marginal"] = Field(
        "expectation",
        description="the answer: mean of the predicted distribution, its most probable value or pair of values, or "
        "(of pairs) the most probable value of each by itself",
    )
    tolerance: float = Field(
        5.0, gt=0, le=1e9, description="errors up to this size count as right in the cumulative score"
    )
    unit: str = Field("", description="what one step of the value is called in answers, such as years")
