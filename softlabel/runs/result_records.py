"""What result.json of a run and results.json of a comparison hold, by which they are read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from softlabel.bounded_files import Record
from softlabel.runs.drawn_records import (
    Amount,
    Count,
    DetailsRecord,
    FeaturesRecord,
    Interval,
    MaskAnswer,
    MaskImage,
    Number,
    Sample,
    Scores,
    Side,
)


def _inside(folder: str) -> str:
    parts = PurePosixPath(folder).parts
    if folder.startswith("/") or ".." in parts or "\0" in folder:
        raise ValueError("expected a folder inside of this one")
    return folder


Inside = Annotated[str, AfterValidator(_inside)]


class CurvePoint(Record):
    """An epoch of the curves."""

    stage: str
    epoch: Count
    learning_rate: Number
    loss: Number
    terms: Scores
    validation: Scores | None


class TableRecord(Record):
    """A table that a method has learned."""

    title: str
    row_names: list[str]
    column_names: list[str]
    values: list[list[Number]]


class Tested(Record):
    """Scores before and after the temperature."""

    before: Scores
    after: Scores | None


class FailedRun(Record):
    """A run of a comparison without a result."""

    method: str
    seed: Count
    status: Literal["failed"]
    reason: str
    folder: str


class RunRecord(Record):
    """result.json, and a finished run in results.json."""

    method: str
    seed: Count
    status: Literal["finished"]
    reason: str | None
    seconds: Amount
    images_per_second: Amount
    folder: str
    temperature: Annotated[float, Field(gt=0)]
    temperature_interval: Interval
    temperature_flag: str | None
    selected_stage: str | None = None
    selected_epoch: Count
    last: Tested
    selected: Tested | None
    intra_class_variance: Number
    validation: Scores | None = None
    test_hash: str | None = None
    details: DetailsRecord
    curves: list[CurvePoint]
    table: TableRecord | None
    ambiguous: list[Sample]
    worst: list[Sample]
    bytes: Count | None = None
    masks: list[MaskAnswer] | None = None
    features: FeaturesRecord | None = None


class ScoreRecord(Record):
    """A score that was computed."""

    name: str
    title: str
    better: Literal["higher", "lower"]
    calibration: bool = False


class Mean(Record):
    """A score over seeds."""

    mean: Number
    spread: Number
    interval: Interval | None


class Difference(Record):
    """A score less the baseline's."""

    estimate: Number
    interval: Interval | None
    p_adjusted: Number
    verdict: Literal["better", "worse", "no more than noise", "undefined"]


class SummaryRow(Record):
    """A method."""

    method: str
    rank: Count | None
    seeds: Count
    failed: Count
    seconds: Number = None
    bytes: Number = None
    scores: dict[str, Mean | None]
    difference: dict[str, Difference | None] | None


class Kept(Record):
    """The run whose model is kept."""

    method: str
    seed: Count
    folder: Inside
    temperature: Annotated[float, Field(gt=0)]


class MoreSeeds(Record):
    """How many seeds would see which difference."""

    seeds: Count
    smallest_visible_difference: Number


class VerdictRecord(Record):
    """What the comparison comes to."""

    text: str
    winner: str | None = None
    smallest_visible_difference: Number
    more_seeds: MoreSeeds | None
    kept: Kept | None


class InputRecord(Record):
    """Kind and shape of a sample."""

    kind: str
    shape: list[Side]


class DataRecord(Record):
    """What was understood of the data."""

    source: str
    description: str | None = None
    rows: dict[str, Count]
    input: InputRecord | None = None
    class_names: list[str]
    training_counts: list[Amount] | None = None
    test_hash: str
    protocol: str
    effective_validation_size: Number
    groups: str | None = None
    notes: list[str] = Field([])
    test_openings: Count | None = None


class Format(Record):
    """What says whether the rest can be read: newer versions may have other fields."""

    format: Count


class ComparisonResults(Format):
    """results.json."""

    softlabel: str
    command: str
    created: str
    data: DataRecord
    task: str
    primary: str
    baseline: str
    scores: Annotated[list[ScoreRecord], Field(min_length=1)]
    settings: dict[str, Any] | None
    cells: list[Annotated[RunRecord | FailedRun, Field(discriminator="status")]]
    mask_images: list[MaskImage] | None = None
    summary: list[SummaryRow]
    verdict: VerdictRecord
    seconds: Number
