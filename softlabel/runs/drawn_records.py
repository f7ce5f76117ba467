"""What a report draws of a run, by which it is read: reliability, tables by class and value, samples, masks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from softlabel.bounded_files import Record

Count = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0)]
Number = float | None
Scores = dict[str, Number]
Interval = Annotated[list[Number], Field(min_length=2, max_length=2)]
Side = Annotated[int, Field(ge=1, le=2**31)]


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
