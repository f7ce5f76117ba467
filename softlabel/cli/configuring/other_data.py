"""Which rows `evaluate` reads: those of the run, or others with their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softlabel.cli.configuring.complaints import by_hand
from softlabel.cli.configuring.configuration import validated
from softlabel.cli.configuring.dead_options import refuse_dead_options
from softlabel.cli.configuring.other_words import with_kind
from softlabel.data.config import DataConfig, OfAnyRows
from softlabel.errors import ConfigError
from softlabel.training.config import RunConfig

READING = tuple(
    name
    for name, field in DataConfig.model_fields.items()
    if any(isinstance(item, OfAnyRows) for item in field.metadata)
)


def other_data(given: Mapping[str, Any], split: str | None, spell: Callable[[str], str]) -> DataConfig | None:
    """How other data are read; None for the run's own. Raises ConfigError for an option that would not be read."""
    if not given:
        return None
    if "source" not in given:
        raise ConfigError(f"{spell(next(iter(given)))} would not be read: it needs {spell('source')}")
    data = validated(DataConfig, {**given, "source": with_kind(str(given["source"]))}, by_hand(spell))
    refuse_dead_options(given, RunConfig(data=data), spell)
    if "split_column" in given and split in (None, "all") and not _has_pattern(data.feature_columns):
        raise ConfigError(f"{spell('split_column')} would not be read: all rows are scored; it needs {spell('split')}")
    return data


def _has_pattern(columns: list[str]) -> bool:
    """Whether the features are what other options leave of a table, so that naming a column takes it out of them."""
    return any(mark in column for column in columns for mark in "*?[")
