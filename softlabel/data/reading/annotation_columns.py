"""The columns of a table that say what is true of each row: one label, votes, a value, two values, or levels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.annotation import KINDS, LABEL, LEVELS, VALUE, VALUES, VOTES, AnnotationKind
from softlabel.data.config import DataConfig, settled_columns
from softlabel.data.reading.columns import (
    class_names_of,
    float32_numbers,
    is_truths,
    labels,
    matching_columns,
    numbers,
    settled,
    vote_table,
)
from softlabel.data.reading.draft import Draft
from softlabel.data.refusals import Refusals
from softlabel.errors import ConfigError, DataError
from softlabel.labels.levels import DIFFICULT, NEGATIVE, POSITIVE

OF_TABLES = {kind.option: kind for kind in KINDS if kind.option is not None}
"""The kinds of annotation that a table can hold, by the option that names their columns."""


def annotation_options(config: DataConfig) -> list[str]:
    """Which options name annotation columns; of a table exactly one does."""
    return [name for name in OF_TABLES if getattr(config, name)]


def check_annotation_options(config: DataConfig, file: str, there: str) -> None:
    """Raises ConfigError unless exactly one kind of annotation is named; `there` ends the message."""
    given = [_flag(name) for name in annotation_options(config)]
    if len(given) != 1:
        problem = (
            f"{'both ' if len(given) == 2 else ''}{' and '.join(given)} are given" if given else "no label is named"
        )
        *most, last = (f"{_flag(name)} {'NAMES' if name.endswith('s') else 'NAME'}" for name in OF_TABLES)
        raise ConfigError(f"{file}: {problem}, expected one of {', '.join(most)} or {last}{there}")
    if config.sigma_column is not None and config.value_column is None:
        raise ConfigError(f"{file}: --sigma-column is given without --value-column NAME, whose spread it is")


def annotation_columns(config: DataConfig, columns: Sequence[str], file: str) -> list[str]:
    """The columns of the annotation, as the options name them."""
    single = [name for name in (config.label_column, config.value_column, config.sigma_column) if name is not None]
    return [*single, *_several(config, columns, file)]


def annotate(draft: Draft, table: pa.Table, config: DataConfig, file: str) -> None:
    """Give a draft its annotation, every value checked."""
    draft.annotation_columns = _several(config, table.column_names, file)
    (option,) = annotation_options(config)
    draft.kind = OF_TABLES[option]
    _READERS[draft.kind](draft, table, config)


def _read_labels(draft: Draft, table: pa.Table, config: DataConfig) -> None:
    assert config.label_column is not None
    draft.label_column = config.label_column
    draft.labels = labels(table.column(config.label_column), config.label_column, draft.refusals)


def _read_votes(draft: Draft, table: pa.Table, config: DataConfig) -> None:
    names = draft.annotation_columns
    votes = vote_table([table.column(name) for name in names], names, config.normalise, draft.refusals)
    draft.annotation, draft.classes = votes.astype(np.float32), class_names_of(names, config.vote_columns)


def _read_value(draft: Draft, table: pa.Table, config: DataConfig) -> None:
    assert config.value_column is not None
    sigma = None if config.sigma_column is None else table.column(config.sigma_column)
    value = table.column(config.value_column)
    draft.annotation = value_table(value, config.value_column, sigma, config.sigma_column or "", draft.refusals)
    draft.classes = []


def _read_values(draft: Draft, table: pa.Table, config: DataConfig) -> None:
    names = draft.annotation_columns
    draft.annotation = np.stack([float32_numbers(table.column(name), name, draft.refusals) for name in names], 1)
    draft.classes = names


def _read_levels(draft: Draft, table: pa.Table, config: DataConfig) -> None:
    names, three = draft.annotation_columns, config.level_codes == "pdn"
    draft.annotation = level_table([table.column(name) for name in names], names, three, draft.refusals)
    draft.classes = class_names_of(names, config.level_columns)


_READERS: Mapping[AnnotationKind, Callable[[Draft, pa.Table, DataConfig], None]] = {
    LABEL: _read_labels,
    VOTES: _read_votes,
    VALUE: _read_value,
    VALUES: _read_values,
    LEVELS: _read_levels,
}


def value_table(
    value: pa.ChunkedArray, name: str, sigma: pa.ChunkedArray | None, sigma_name: str, refusals: Refusals
) -> NDArray[np.float32]:
    """Values and their standard deviations, float32 (N, 2); an empty one is not known (NaN), one up to 0 is refused."""
    values = float32_numbers(value, name, refusals)
    if sigma is None:
        return np.stack([values, np.full_like(values, np.nan)], 1)
    given = _is_given(sigma)
    expected = "a standard deviation above 0, or nothing"
    filled = pc.if_else(given, sigma, pa.scalar("1").cast(sigma.type))
    spread = float32_numbers(filled, sigma_name, refusals, expected)
    refusals.add_where((spread <= 0) & ~refusals.bad, sigma_name, spread, expected)
    return np.stack([values, np.where(given.to_numpy(), spread, np.float32(np.nan))], 1)


def _is_given(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), False)
    return pc.is_valid(column)


def level_table(
    columns: Sequence[pa.ChunkedArray],
    names: Sequence[str],
    three: bool,
    refusals: Refusals,
    two: str = "0 or 1 (or pass --level-codes pdn)",
) -> NDArray[np.uint8]:
    """Levels uint8 (N, K): 2 positive, 1 difficult, 0 negative.

    Columns hold these codes where `three`; otherwise 0 and 1 or False and True, and 1 means positive. Every other value
    is refused; `two` says what was expected instead of it.
    """
    expected = "0, 1 or 2 (negative, difficult, positive)" if three else two
    levels = np.empty((len(refusals.bad), len(names)), dtype=np.uint8)
    for k, (column, name) in enumerate(zip(columns, names, strict=True)):
        if three and is_truths(column):
            raise DataError(f"{refusals.name}: column {name!r} holds True and False, expected {expected}")
        codes = numbers(column, name, refusals, expected)
        wrong = ~np.isin(codes, (NEGATIVE, DIFFICULT, POSITIVE) if three else (0, 1))
        refusals.add_where(wrong, name, codes, expected)
        levels[:, k] = np.where(wrong, 0, codes) * (1 if three else POSITIVE)
    return levels


def _several(config: DataConfig, columns: Sequence[str], file: str) -> list[str]:
    """The columns of votes, values or levels, which are one for each class or axis."""
    options = [name for name in annotation_options(config) if isinstance(getattr(config, name), list)]
    if not options:
        return []
    kind, patterns = OF_TABLES[options[0]], getattr(config, options[0])
    names = settled_columns(config).annotation
    found = settled(names, columns, file) if names else matching_columns(patterns, columns, file)
    if kind.numbers and len(found) != 2:
        raise DataError(f"{file}: {len(found)} columns of values, expected two such as pitch and yaw")
    if len(found) < 2:
        raise DataError(f"{file}: only one column of {kind.name} ({found[0]!r}), expected one per class")
    return found


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
