"""Answers of `predict` as CSV, JSON, Parquet or a short table; row by row, whatever their number."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from softlabel.errors import ConfigError
from softlabel.runs.atomic import to_json
from softlabel.runs.publish import new_file
from softlabel.text.spreadsheet import write_csv
from softlabel.text.visible import visible
from softlabel.text.words import nearest

Answer = Mapping[str, Any]
Write = Callable[[Any, Sequence[str], Iterable[Answer]], None]
PARQUET_ROWS = 4096
TABLE_ROWS = 20


def columns(class_names: Sequence[str], places: Sequence[str], fields: Sequence[str], top: int | None) -> list[str]:
    """Names of the columns: the places of a row (file, row), what the task says of it, and the distribution."""
    if top is None:
        return [*places, *fields, *(f"p_{name}" for name in class_names)]
    return [*places, *fields, *(f"{kind}_{rank}" for rank in range(1, top + 1) for kind in ("label", "p"))]


def flat(answer: Answer, top: int | None) -> dict[str, Any]:
    """An answer as cells by column; `top` keeps the most probable classes only."""
    cells = {name: _cell(value, answer["distribution"]) for name, value in answer.items() if name != "distribution"}
    if top is None:
        return cells | {f"p_{name}": _short(share) for name, share in answer["distribution"].items()}
    for rank, (name, share) in enumerate(most_probable(answer, top), start=1):
        cells |= {f"label_{rank}": name, f"p_{rank}": _short(share)}
    return cells


def shortened(answer: Answer, top: int | None) -> dict[str, Any]:
    """An answer as JSON; `top` keeps the most probable classes only, best first."""
    return dict(answer) if top is None else {**answer, "distribution": dict(most_probable(answer, top))}


def most_probable(answer: Answer, count: int) -> list[tuple[str, float]]:
    """The most probable classes with their probabilities, best first."""
    return sorted(answer["distribution"].items(), key=lambda item: -item[1])[:count]


def writer_for(path: Path) -> Write:
    """How a file of this name is written. Raises ConfigError for another ending."""
    ending = path.suffix.lower()
    if ending not in WRITERS:
        near = nearest(ending, WRITERS)
        raise ConfigError(
            f"--out {path}: answers are written as {', '.join(WRITERS)}" + (f"; did you mean {near}?" if near else "")
        )
    return WRITERS[ending]


def write_file(
    path: Path,
    names: Sequence[str],
    rows: Iterable[Answer],
    *,
    numbers: Collection[str] = (),
    overwrite: bool = False,
) -> None:
    """Write all rows into a new file, whole or not at all; `numbers` are the columns that hold some, besides shares.

    Raises RunError where something has come to the name meanwhile, and it was not offered for overwriting.
    """
    write = writer_for(path)
    binary = write is write_parquet
    with new_file(path, binary=binary, overwrite=overwrite) as stream:
        (partial(write_parquet, numbers=numbers) if binary else write)(stream, names, rows)


def write_json(stream: IO[str], names: Sequence[str], rows: Iterable[Answer]) -> None:
    """A JSON array, one answer a line."""
    stream.write("[")
    for number, row in enumerate(rows):
        stream.write(("," if number else "") + "\n" + to_json(dict(row)))
    stream.write("\n]\n")


def write_parquet(
    stream: IO[bytes], names: Sequence[str], rows: Iterable[Answer], numbers: Collection[str] = ()
) -> None:
    """A Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, _arrow_type(pa, name, numbers)) for name in names])
    with pq.ParquetWriter(stream, schema) as writer:
        for batch in _batches(rows, PARQUET_ROWS):
            writer.write_table(pa.Table.from_pylist([dict(row) for row in batch], schema=schema))


def _arrow_type(pa: Any, name: str, numbers: Collection[str]) -> Any:
    if name == "row":
        return pa.int64()
    return pa.float64() if name in numbers or name.startswith("p_") else pa.string()


WRITERS: dict[str, Write] = {".csv": write_csv, ".json": write_json, ".parquet": write_parquet}


def table(rows: Iterable[Answer], tell: Callable[[Answer], Sequence[str]], width: int) -> str:
    """The first answers for people, in the words of the task."""
    lines = [(_place(row), *map(visible, tell(row))) for row in islice(rows, TABLE_ROWS)]
    sizes = [
        max(len(line[place]) for line in lines if len(line) > place) for place in range(max(map(len, lines), default=0))
    ]
    return "\n".join(
        "  ".join(cell.ljust(size) for cell, size in zip(line, sizes, strict=False)).rstrip()[:width] for line in lines
    )


def _place(row: Answer) -> str:
    return visible(", row ".join(str(row[name]) for name in ("file", "row") if row.get(name) is not None))


def _cell(value: Any, names: Collection[str]) -> Any:
    """A value of an answer in a table: numbers short, several labels as one text."""
    if isinstance(value, list):
        return joined(value, names)
    return _short(value) if isinstance(value, float) else value


def joined(labels: Sequence[str], names: Collection[str]) -> str:
    """Several labels as one text that can be taken apart again: see `separator`."""
    between = separator(names)
    return json.dumps(list(labels), ensure_ascii=False) if between is None else between.join(labels)


def separator(names: Collection[str]) -> str | None:
    """What stands between several labels: the first of , ; | that no class name holds, and a space behind it.

    None where names hold all of them: then the labels are a JSON list.
    """
    return next((f"{mark} " for mark in ",;|" if not any(mark in name for name in names)), None)


def _short(share: float) -> float:
    """Six digits that count: more would be noise, fewer decimals would make small probabilities zero."""
    return float(f"{share:.6g}")


def _batches(rows: Iterable[Answer], size: int) -> Iterator[list[Answer]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
