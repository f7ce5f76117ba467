"""What data a run reads and how they are split. Imports nothing heavy: the command line answers `--help` from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from softlabel.bounds import Seed, Side

Share = Annotated[float, Field(gt=0, lt=1)]
BalancedEpoch = Literal["rows", "classes"]
"""How many draws an epoch of class-balanced sampling has: one per row, or classes times rows of the largest class."""
MOST_MEGAPIXELS = 89
"""Pillow warns of a bomb above 89.5 megapixels, for all of a process; a limit below that leaves its setting alone."""


class DataConfig(BaseModel):
    """Source, columns, splits, and what is done to the training part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(
        "digits",
        description="digits, or folder:, csv:, parquet:, lists:, mat:, arff:, masks:PATH, or hub:NAME",
    )
    image_column: str | None = Field(None, description="column with image paths or image bytes (csv, parquet, hub)")
    image_root: str | None = Field(
        None, description="folder from which image paths of a table start (otherwise the table's own)"
    )
    feature_columns: list[str] = Field([], description="numeric columns to use as features; 'p*' means every column p…")
    label_column: str | None = Field(None, description="column with the class label")
    vote_columns: list[str] = Field([], description="one column of votes (or probabilities) per class; 'votes_*' works")
    value_column: str | None = Field(None, description="column with a number to predict, such as an age")
    sigma_column: str | None = Field(
        None, description="column with the annotators' spread of that number, where it is known"
    )
    value_columns: list[str] = Field([], description="two columns with numbers to predict, such as pitch and yaw")
    level_columns: list[str] = Field([], description="a column per class, of which a row has several; 'label_*' works")
    level_codes: Literal["binary", "pdn"] = Field(
        "binary", description="level columns hold 0 and 1, or 0 negative, 1 difficult, 2 positive (pdn)"
    )
    normalise: bool = Field(False, description="divide rows of votes that do not sum to 1 by their sum")
    split_column: str | None = Field(None, description="column that says train, validation or test")
    group_column: str | None = Field(None, description="column whose equal values stay in one split (person, scene)")
    resize: tuple[Side, Side] | None = Field(None, description="height and width to bring every image to")
    colour: Literal["auto", "grey", "rgb"] = Field("auto", description="channels of the decoded images")
    max_megapixels: float = Field(
        50.0, gt=0, le=MOST_MEGAPIXELS, description="larger images are refused by their header, before decoding"
    )
    white_level: int | None = Field(
        None, ge=1, le=65_535, description="value that is white in images of 16 bits a channel (otherwise 65535)"
    )
    accept_void: bool = Field(
        False, description="take 255 in masks as void also where a class has no pixel, instead of asking"
    )
    skip_bad: bool = Field(
        False, description="leave out rows that cannot be used (they are listed) instead of stopping"
    )
    protocol: Literal["hold-out", "published"] = Field(
        "hold-out", description="hold-out: select and calibrate on a validation part; published: all rows, last epoch"
    )
    test_share: Share = Field(0.2, description="share of rows for the test split, where the source has none")
    validation_share: Share = Field(0.1, description="share of each training class kept for validation (hold-out)")
    validation_weights: Literal["rows", "classes"] = Field(
        "rows", description="what counts alike where the validation part chooses the epoch and fits the temperature"
    )
    split_seed: Seed = Field(0, description="seed of splits, rows kept, long tail and noise (not of the training)")
    training_share: Share | None = Field(
        None, description="share of each training class that is kept, the same rows and more at a larger share"
    )
    imbalance: float | None = Field(None, ge=1, le=1e9, description="make the training part long-tailed: n_max / n_min")
    noise: float = Field(0.0, ge=0, lt=1, description="share of training labels replaced by wrong ones")
    noise_kind: Literal["symmetric", "class-dependent"] = Field("symmetric", description="how wrong labels are drawn")
    corrections: str | None = Field(
        None, description="table that `softlabel review` wrote: its column 'label' replaces labels, not of test rows"
    )
    groups: Literal["counts", "thirds"] = Field(
        "counts", description="many/medium/few: by training counts (> 100, 20–100, < 20) or in thirds of the classes"
    )
    memory: Literal["auto", "hold", "stream"] = Field(
        "auto", description="hold decoded images in memory, or stream them"
    )


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
