"""What the files of a run folder hold: one schema a file, by which it is read (`softlabel.bounded_files`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from softlabel.bounded_files import Record
from softlabel.runs.drawn_records import DetailsRecord, FeaturesRecord, MasksRecord
from softlabel.runs.result_records import ComparisonResults, RunRecord

Count = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(ge=0)]
Word = Annotated[str, Field(max_length=1000)]
Scores = dict[str, float | None]


class PrecisionRecord(Record, extra="forbid"):
    """The choice of precision that a run goes on with."""

    name: Literal["fp32", "bf16"]
    channels_last: bool
    measured: dict[str, float] = Field({})


class EnvironmentRecord(Record):
    """environment.json."""

    precision: PrecisionRecord
    softlabel: Word = ""
    torch: Word = ""
    numpy: Word = ""
    device: Word = ""
    cpu_capability: Word = ""
    threads: Count = 0
    processes: Count = 1


class SecondsRecord(Record):
    """seconds.json."""

    seconds: Seconds


class ChosenPrecision(Record):
    """precision.json of a comparison."""

    setting: Literal["fp32", "fp32-channels-last", "bf16"]


class EpochRecord(Record):
    """A line of metrics.jsonl, which is part of every checkpoint too."""

    stage: Word
    epoch: Annotated[int, Field(ge=1, lt=2**63)]
    epochs: Annotated[int, Field(ge=1, lt=2**63)]
    learning_rate: float | None
    loss: float | None
    terms: Scores
    validation: Scores
    seconds: float | None = None
    images_per_second: float | None = None


class Position(Record):
    """The values of a checkpoint between two epochs: `TrainingState` says what they are."""

    stage: Count
    epoch: Count
    steps: Count
    images: Count
    seconds: Seconds
    total_seconds: Seconds
    records: list[EpochRecord]


class BestRecord(Record, extra="forbid"):
    """The values of the checkpoint of the selected weights; no score where it was not finite."""

    score: float | None
    stage: Word
    epoch: Annotated[int, Field(ge=1, lt=2**63)]


class CheckpointBody(Record, extra="forbid"):
    """The JSON of a checkpoint."""

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    format: Count
    tensors: Annotated[str, Field(pattern=r"^[\w-]+\.safetensors$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    values: dict[str, object]


class Holder(Record):
    """The lock file: who holds the folder."""

    pid: Count
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,255}$")]
    since: Annotated[str, Field(pattern=r"^[\d :-]{1,40}$")]


class OriginRecord(Record, extra="forbid"):
    """taken-over.json of a run: the comparison that trained it."""

    comparison: Word


SCHEMAS: dict[str, type[BaseModel]] = {
    "environment.json": EnvironmentRecord,
    "seconds.json": SecondsRecord,
    "precision.json": ChosenPrecision,
    "taken-over.json": OriginRecord,
    "result.json": RunRecord,
    "results.json": ComparisonResults,
    "details.json": DetailsRecord,
    "features.json": FeaturesRecord,
    "masks.json": MasksRecord,
}
"""By the name of the file; of any other JSON file only size, depth and numbers are bounded."""
