"""What result.json of a run and results.json of a comparison hold, by which they are read."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from softlabel.bounded_files import Record

Count = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0)]
Number = float | None
Scores = dict[str, Number]
Interval = Annotated[list[Number], Field(min_length=2, max_length=2)]
Side = Annotated[int, Field(ge=1, le=2**31)]


def _inside(folder: str) -> str:
    parts = PurePosixPath(folder).parts
    if folder.startswith("/") or ".." in parts or "\0" in folder:
        raise ValueError("expected a folder inside of this one")
    return folder


Inside = Annotated[str, AfterValidator(_inside)]


class Bin(Record):
    """A bin of the reliability diagram; empty ones are not stored."""

    low: float
    high: float
    count: Annotated[int, Field(ge=1, lt=2**63)]
    confidence: float
    accuracy: float


class Reliability(Record):
    """Before and after the temperature."""

    before: list[Bin] | None = None
    after: list[Bin] | None = None


class ClassRow(Record):
    """What becomes of a class."""

    class_: str = Field(alias="class")
    training_count: Amount
    test_count: Count


class PerClass(ClassRow):
    """Of one class per row."""

    accuracy: Number
    mean_confidence: Number


class ByLabel(ClassRow):
    """Of several labels per row."""

    average_precision: Number


class ByPixelClass(Record):
    """Of a class per pixel."""

    class_: str = Field(alias="class")
    training_pixels: Amount
    test_pixels: Amount
    predicted_pixels: Amount
    found: Number
    iou: Number


class GroupRow(Record):
    """Many, medium or few."""

    name: str
    classes: Count
    rows: Count
    accuracy: Number


class ByValue(Record):
    """Errors at one value of the label axis."""

    value: float
    training_count: Amount
    test_count: Count
    error: Number
    absolute_error: Number


class ByCell(Record):
    """Errors in one cell of a grid of two angles."""

    pitch: float
    yaw: float
    training_count: Amount
    test_count: Count
    pitch_error: Number
    yaw_error: Number
    absolute_error: Number


class Zone(Record):
    """Pixels near a true border, or elsewhere."""

    pixels: Count
    accuracy: Number
    uncertainty: Number


class Borders(Record):
    """How sure a model of masks is near a true border, and elsewhere."""

    distance: Amount
    near: Zone
    elsewhere: Zone


class DetailsRecord(Record):
    """evaluation/details.json: what a report draws of a run."""

    reliability: Reliability | None = None
    confusion: list[list[Amount]] | None = None
    per_class: list[PerClass] | None = None
    by_label: list[ByLabel] | None = None
    by_pixel_class: list[ByPixelClass] | None = None
    by_value: list[ByValue] | None = None
    by_cell: list[ByCell] | None = None
    groups: list[GroupRow] | None = None
    borders: Borders | None = None


class FeaturesRecord(Record):
    """evaluation/features.json: test features in two dimensions."""

    points: str
    explained: list[float]


class MaskAnswer(Record):
    """What a model answered to an image."""

    sample_id: Count | str
    prediction: str
    uncertainty: str
    accuracy: Number
    borders: Borders


class MaskImage(Record):
    """An image that answers are shown of, and its true mask."""

    sample_id: Count | str
    image: str
    truth: str


class MasksRecord(Record):
    """evaluation/masks.json."""

    images: list[MaskImage]
    answers: list[MaskAnswer]


class AxisSample(Record):
    """A row's distribution along a label axis."""

    shares: str
    pooled: Side
    said: str
    truth: float
    value: float
    low: float
    high: float
    label: str | None = None


class GridSample(Record):
    """A row's distribution over two angles."""

    shares: str
    pooled: Side
    said: str
    true_pitch: float
    true_yaw: float
    pitch: float
    yaw: float


class Sample(Record):
    """A test row that a report shows."""

    sample_id: Count | str
    image: str | None = None
    truth: str
    probabilities: dict[str, Number]
    entropy: Number = None
    loss: Number = None
    axis: AxisSample | None = None
    grid: GridSample | None = None


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
