"""What data a run reads and how they are split. Imports nothing heavy: the command line answers `--help` from here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from softlabel.bounds import Seed, Side
from softlabel.networks.inputs import Fit
from softlabel.read_only_with import ReadOnlyWith

Share = Annotated[float, Field(gt=0, lt=1)]
BalancedEpoch = Literal["rows", "classes"]
"""How many draws an epoch of class-balanced sampling has: one per row, or classes times rows of the largest class."""
MOST_MEGAPIXELS = 89
"""Pillow warns of a bomb above 89.5 megapixels, for all of a process; a limit below that leaves its setting alone."""


@dataclass(frozen=True)
class OwnParts:
    """Whether a source says itself which rows are test rows, and which are for validation."""

    test: bool
    validation: bool


class OfAnyRows:
    """In the `Annotated` of a field: it says how rows are read, be they those of a run or others to score."""


_ANY_ROWS = OfAnyRows()
_TABLE = ReadOnlyWith("a table", lambda data, _: data.is_table, more=": --source csv:PATH, parquet:PATH or hub:NAME")
_IMAGES = ReadOnlyWith("images", lambda data, _: data.has_images, more=": --source folder:PATH, or --image-column")
_TABLE_OF_IMAGES = ReadOnlyWith("a table with --image-column NAME", lambda data, _: data.is_table and data.has_images)
_LEVELS = ReadOnlyWith("--level-columns", lambda data, _: data.is_table and bool(data.level_columns))
_VOTES = ReadOnlyWith("--vote-columns or --source mat:PATH", lambda data, _: data.has_votes)
_MASKS = ReadOnlyWith("--source masks:PATH", lambda data, _: data.source_kind in ("masks", "packed"))
_HOLD_OUT = ReadOnlyWith("--protocol hold-out", lambda data, _: data.protocol == "hold-out")
_NOISE = ReadOnlyWith("--noise above 0", lambda data, _: data.noise > 0)
_NO_TEST_PART = ReadOnlyWith("a source without a test part of its own", lambda _, own: not own.test, of_parts=True)
_NO_VALIDATION_PART = ReadOnlyWith(
    "a source without a validation part of its own", lambda _, own: not own.validation, of_parts=True
)
_DRAWS = ReadOnlyWith(
    "parts to draw, {training_share}, {imbalance} or {noise}",
    lambda data, own: data.draws_by_seed(own),
    more="; the source brings its own parts",
    of_parts=True,
)

Column = Annotated[str | None, _TABLE, _ANY_ROWS]
ColumnNames = Annotated[list[str], _TABLE, _ANY_ROWS]


def as_size(given: Any) -> Any:
    """A size as people write it, 224, "64 64", "64x64" or ["64"], as a pair; anything else as it is, to be refused."""
    parts = list(given) if isinstance(given, list | tuple) else [given]
    if len(parts) == 1 and isinstance(parts[0], str):
        words = [word for word in re.split(r"[\s,x×]+", parts[0].strip().lower()) if word]
        parts = [int(word) if word.isdecimal() else word for word in words] or [parts[0]]
    if len(parts) == 1 and isinstance(parts[0], int) and not isinstance(parts[0], bool):
        parts *= 2
    return tuple(parts) if len(parts) > 1 else given


class DataConfig(BaseModel):
    """Source, columns, splits, and what is done to the training part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Annotated[str, _ANY_ROWS] = Field(
        "digits",
        description="digits, or folder:, csv:, parquet:, lists:, mat:, arff:, masks:PATH, or hub:NAME",
    )
    image_column: Column = Field(None, description="column with image paths or image bytes")
    image_root: Annotated[str | None, _TABLE_OF_IMAGES, _ANY_ROWS] = Field(
        None, description="folder from which image paths of a table start (otherwise the table's own)"
    )
    feature_columns: ColumnNames = Field(
        [], description="numeric columns to use as features; 'p*' means every column p…"
    )
    label_column: Column = Field(None, description="column with the class label")
    vote_columns: ColumnNames = Field(
        [], description="one column of votes (or probabilities) per class; 'votes_*' works"
    )
    value_column: Column = Field(None, description="column with a number to predict, such as an age")
    sigma_column: Column = Field(
        None, description="column with the annotators' spread of that number, where it is known"
    )
    value_columns: ColumnNames = Field([], description="two columns with numbers to predict, such as pitch and yaw")
    level_columns: ColumnNames = Field(
        [], description="a column per class, of which a row has several; 'label_*' works"
    )
    level_codes: Annotated[Literal["binary", "pdn"], _LEVELS, _ANY_ROWS] = Field(
        "binary", description="level columns hold 0 and 1, or 0 negative, 1 difficult, 2 positive (pdn)"
    )
    normalise: Annotated[bool, _VOTES, _ANY_ROWS] = Field(
        False, description="divide rows of votes that do not sum to 1 by their sum"
    )
    split_column: Column = Field(None, description="column that says train, validation or test")
    group_column: Annotated[str | None, _TABLE] = Field(
        None, description="column whose equal values stay in one split (person, scene)"
    )
    resize: Annotated[tuple[Side, Side] | None, BeforeValidator(as_size), _IMAGES, _ANY_ROWS] = Field(
        None,
        description="height and width to bring every image to, or one number for both; by default photos become "
        "squares of at most 224, and small images of one size keep it",
    )
    fit: Annotated[Fit, _IMAGES, _ANY_ROWS] = Field(
        "crop",
        description="how: crop the middle, pad with grey bars, or stretch (as images with masks always are)",
    )
    colour: Annotated[Literal["auto", "grey", "rgb"], _IMAGES, _ANY_ROWS] = Field(
        "auto", description="channels of the decoded images"
    )
    max_megapixels: Annotated[float, _IMAGES] = Field(
        50.0, gt=0, le=MOST_MEGAPIXELS, description="larger images are refused by their header, before decoding"
    )
    white_level: Annotated[int | None, _IMAGES] = Field(
        None, ge=1, le=65_535, description="value that is white in images of 16 bits a channel (otherwise 65535)"
    )
    accept_void: Annotated[bool, _MASKS, _ANY_ROWS] = Field(
        False, description="take 255 in masks as void also where a class has no pixel, instead of asking"
    )
    skip_bad: Annotated[bool, _ANY_ROWS] = Field(
        False, description="leave out rows that cannot be used (they are listed) instead of stopping"
    )
    protocol: Literal["hold-out", "published"] = Field(
        "hold-out", description="hold-out: select and calibrate on a validation part; published: all rows, last epoch"
    )
    test_share: Annotated[Share, _NO_TEST_PART] = Field(0.2, description="share of rows for the test split")
    validation_share: Annotated[Share, _HOLD_OUT, _NO_VALIDATION_PART] = Field(
        0.1, description="share of each training class kept for validation"
    )
    validation_weights: Annotated[Literal["rows", "classes"], _HOLD_OUT] = Field(
        "rows", description="what counts alike where the validation part chooses the epoch and fits the temperature"
    )
    split_seed: Annotated[Seed, _DRAWS] = Field(
        0, description="seed of splits, rows kept, long tail and noise (not of the training)"
    )
    training_share: Share | None = Field(
        None, description="share of each training class that is kept, the same rows and more at a larger share"
    )
    imbalance: float | None = Field(None, ge=1, le=1e9, description="make the training part long-tailed: n_max / n_min")
    noise: float = Field(0.0, ge=0, lt=1, description="share of training labels replaced by wrong ones")
    noise_kind: Annotated[Literal["symmetric", "class-dependent"], _NOISE] = Field(
        "symmetric", description="how wrong labels are drawn"
    )
    corrections: str | None = Field(
        None,
        description="table that `softlabel review` wrote: its column 'label' replaces labels, and 'leave out' in its "
        "column 'action' takes rows away; not of test rows",
    )
    groups: Literal["counts", "thirds"] = Field(
        "counts", description="many/medium/few: by training counts (> 100, 20–100, < 20) or in thirds of the classes"
    )
    memory: Annotated[Literal["auto", "hold", "stream"], _IMAGES] = Field(
        "auto", description="hold decoded images in memory, or stream them"
    )

    @property
    def source_kind(self) -> str:
        """What stands before the colon of the source: folder, csv, …"""
        return self.source.split(":")[0]

    @property
    def is_table(self) -> bool:
        """Whether the source has columns to be named."""
        return self.source_kind in ("csv", "parquet", "hub")

    @property
    def has_images(self) -> bool:
        """Unless it is a table of features a source has images; on the hub they are found without being named."""
        found = self.source_kind == "hub" and not self.feature_columns
        return self.image_column is not None or found or not (self.is_table or self.source_kind in ("mat", "arff"))

    @property
    def has_votes(self) -> bool:
        """Votes come from columns, or are what the source is made of."""
        return bool(self.vote_columns) if self.is_table else self.source_kind in ("mat", "packed")

    @property
    def has_values(self) -> bool:
        """Whether a row may have a number."""
        return self.value_column is not None or self.source_kind == "packed"

    def draws_by_seed(self, own: OwnParts) -> bool:
        """Whether any rows are drawn: for a part that the source does not bring, or to change the training part."""
        draws = not own.test or (self.protocol == "hold-out" and not own.validation)
        return draws or self.training_share is not None or self.imbalance is not None or self.noise > 0


@dataclass(frozen=True)
class Columns:
    """Columns of a table in the order in which a model was trained on them; () where that is not settled yet.

    features     of the inputs; also where other columns fit the patterns by now
    annotation   of votes, levels or several values
    """

    features: tuple[str, ...] = ()
    annotation: tuple[str, ...] = ()


class SettledData(DataConfig):
    """Data that are read for a model that was trained before: columns are picked by name, wherever they stand."""

    settled: Columns

    @classmethod
    def of(cls, config: DataConfig, columns: Columns) -> SettledData:
        """The same data with these columns; an image column takes the place of features."""
        features = columns.features if config.image_column is None else ()
        return cls(**config.model_dump(), settled=Columns(features, columns.annotation))


def settled_columns(config: DataConfig) -> Columns:
    """What is settled of the columns; nothing where no model was trained yet."""
    return config.settled if isinstance(config, SettledData) else Columns()
