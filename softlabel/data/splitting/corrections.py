"""Labels that a person has corrected: a table of rows, such as `softlabel review` writes, with a column to edit.

It is applied after the splits, the long tail and the noise, and to no row of the test part: the parts stay what they
were, so a run before and a run after can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from softlabel.data.config import DataConfig
from softlabel.data.reading.columns import labels, nearest, numbers, one_column
from softlabel.data.reading.tables import Table, existing_file, read_csv, read_parquet
from softlabel.data.refusals import Refusals
from softlabel.data.samples import Samples
from softlabel.data.source import Source
from softlabel.errors import ConfigError, DataError
from softlabel.text.spreadsheet import restore
from softlabel.text.words import counted, shown

ROW, GIVEN, LABEL, PLACE, ACTION = "row", "given_label", "label", "place", "action"
LEAVE_OUT = "leave out"
_ACTIONS = {"": False, "keep": False, LEAVE_OUT: True, "leave_out": True}
"""What a row of the column `action` may say, and whether the row is left out then."""


def corrected(
    parts: Sequence[Samples], test: Samples, source: Source, config: DataConfig
) -> tuple[list[Samples], list[str]]:
    """The parts as the configuration's table of corrections leaves them, and notes: other labels, and fewer rows.

    parts  those whose labels may be changed, training and validation

    Raises ConfigError for a source without one class per row, DataError for a table whose rows are not those of the
    data: every row must be named once, with the label it has, one of the known classes, and no other action than to be
    left out; and for a table that leaves no training row.
    """
    if config.corrections is None:
        return list(parts), []
    if not source.annotation_kind.correctable:
        raise ConfigError(
            f"data.corrections: {source.name} has no class label per row, which is what a correction replaces"
        )
    table, file = _read(os.path.expanduser(config.corrections))
    refusals = Refusals(file, table.columns.num_rows, lambda position: (file, int(table.rows[position])))
    for refusal in table.ragged:
        refusals.add_outside(refusal)
    ids = _row_ids(table.columns, refusals)
    given, wanted = (_class_index(table.columns, name, source, refusals) for name in (GIVEN, LABEL))
    left_out = _left_out(table.columns, refusals)
    pool_ids = torch.cat([part.sample_id for part in parts]).numpy()
    pool_labels = torch.cat([part.annotation for part in parts]).numpy()
    position = _positions(ids, pool_ids, test.sample_id.numpy(), source, refusals)
    _refuse_twice(ids, refusals)
    _refuse_other_places(table.columns, ids, source, refusals)
    _refuse_other_labels(given, pool_labels[position], source, refusals)
    refused = refusals.settle(config.skip_bad)
    kept = refusals.good
    relabelled = kept[~left_out[kept]]
    changed = int((wanted[relabelled] != pool_labels[position[relabelled]]).sum())
    pool_labels[position[kept]] = wanted[kept]
    stays = np.ones(len(pool_ids), bool)
    stays[position[kept[left_out[kept]]]] = False
    gone = len(stays) - int(stays.sum())
    also = f" and {counted(gone, 'row')} left out" if gone else ""
    named = counted(len(kept), "row")
    notes = [f"corrections: {counted(changed, 'label')} changed{also} by {file}, of {named} that it names"]
    if refused:
        notes.append(f"{file}: rows left out because they cannot be used: {len(refusals):,} (first: {refused[0]})")
    sizes = [len(part) for part in parts]
    new = torch.split(torch.from_numpy(pool_labels), sizes)
    remaining = torch.split(torch.from_numpy(stays), sizes)
    if not remaining[0].any():
        raise DataError(f"{file}: it leaves out all {sizes[0]:,} training rows, expected some to learn from")
    return [_with(*each) for each in zip(parts, new, remaining, strict=True)], notes


def _with(part: Samples, annotation: Tensor, stays: Tensor) -> Samples:
    changed = part.annotated(annotation.clone())
    return changed if stays.all() else changed.select(stays.nonzero().flatten())


def _left_out(table: pa.Table, refusals: Refusals) -> NDArray[np.bool_]:
    """Which rows are to be left out; none where the table has no such column."""
    found = np.zeros(table.num_rows, bool)
    texts = table.column(ACTION).to_pylist() if ACTION in table.column_names else []
    for position, text in enumerate(texts):
        action = "" if text is None else str(text).strip().lower()
        if action in _ACTIONS:
            found[position] = _ACTIONS[action]
        elif not refusals.bad[position]:
            refusals.add(position, ACTION, shown(str(text)), f"{LEAVE_OUT!r}, 'keep', or nothing")
    return found


def _read(path: str) -> tuple[Table, str]:
    read = {".csv": read_csv, ".parquet": read_parquet}.get(os.path.splitext(path)[1].lower())
    if read is None:
        raise ConfigError(
            f"data.corrections: {path!r} is neither a .csv nor a .parquet file, as `softlabel review` writes"
        )
    file = os.path.basename(path)
    table = read(existing_file(path, "corrections"), lambda columns: _columns(columns, file))
    if read is read_parquet:
        return table, file
    texts = {name: table.columns.column(name).to_pylist() for name in table.columns.column_names}
    restored = pa.table({name: pa.chunked_array([pa.array(map(restore, text))]) for name, text in texts.items()})
    return Table(restored, table.rows, table.ragged, table.notes), file


def _columns(columns: Sequence[str], file: str) -> list[str]:
    asked = (ROW, GIVEN, LABEL, *(name for name in (PLACE, ACTION) if name in columns))
    return [one_column(name, columns, file) for name in asked]


def _row_ids(table: pa.Table, refusals: Refusals) -> NDArray[np.int64]:
    expected = "the number of a row, from 1"
    values = numbers(table.column(ROW), ROW, refusals, expected)
    refusals.add_where((values != np.floor(values)) | (np.abs(values) > 2**53), ROW, values, expected)
    ids: NDArray[np.int64] = np.where(refusals.bad, 1, values).astype(np.int64) - 1
    return ids


def _class_index(table: pa.Table, column: str, source: Source, refusals: Refusals) -> NDArray[np.int64]:
    index = {name: place for place, name in enumerate(source.class_names)}
    names = labels(table.column(column), column, refusals).to_pylist()
    found = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    for position in np.flatnonzero((found < 0) & ~refusals.bad).tolist():
        hint = nearest(names[position], source.class_names).removeprefix("; ")
        refusals.add(position, column, shown(names[position]), f"a class of the data ({hint})")
    return found


def _positions(
    ids: NDArray[np.int64],
    pool_ids: NDArray[np.int64],
    test_ids: NDArray[np.int64],
    source: Source,
    refusals: Refusals,
) -> NDArray[np.int64]:
    """Where each row is among the parts; 0 for what is refused."""
    order = np.argsort(pool_ids)
    place = np.searchsorted(pool_ids, ids, sorter=order).clip(max=len(pool_ids) - 1)
    position: NDArray[np.int64] = order[place]
    outside = (pool_ids[position] != ids) & ~refusals.bad
    in_test, known = np.isin(ids, test_ids), np.isin(ids, source.samples.sample_id.numpy())
    of_training = "a row of the training or validation part"
    for row in np.flatnonzero(outside).tolist():
        number = f"{ids[row] + 1}"
        if in_test[row]:
            refusals.add(row, ROW, f"{number}, a row of the test part, whose labels stay", of_training)
        elif known[row]:
            refusals.add(row, ROW, f"{number}, a row that this run leaves out", of_training)
        else:
            refusals.add(row, ROW, f"{number}, which {source.name} does not have", of_training)
    return np.where(pool_ids[position] == ids, position, 0)


def _refuse_twice(ids: NDArray[np.int64], refusals: Refusals) -> None:
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    again = (first[inverse] != np.arange(len(ids))) & ~refusals.bad
    for position in np.flatnonzero(again).tolist():
        refusals.add(position, ROW, f"{ids[position] + 1} once more", "each row once")


def _refuse_other_places(table: pa.Table, ids: NDArray[np.int64], source: Source, refusals: Refusals) -> None:
    if PLACE not in table.column_names:
        return
    for position, place in enumerate(table.column(PLACE).to_pylist()):
        if refusals.bad[position]:
            continue
        here = source.place_of(int(ids[position]))
        if place != here:
            refusals.add(position, PLACE, shown(place), f"{shown(here)}, which row {ids[position] + 1} is in the data")


def _refuse_other_labels(given: NDArray[np.int64], now: NDArray[np.int64], source: Source, refusals: Refusals) -> None:
    for position in np.flatnonzero((given != now) & ~refusals.bad).tolist():
        value, label = (shown(source.class_names[place]) for place in (given[position], now[position]))
        refusals.add(position, GIVEN, value, f"{label} as in the data (were they reviewed with other options?)")
