"""metrics.jsonl, one line per finished epoch of a stage, and the same numbers for TensorBoard."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from softlabel.runs.atomic import to_json, write_text

Record = dict[str, Any]


class MetricsLog:
    """Each (stage, epoch) stands in the file exactly once: what a killed run wrote beyond its checkpoint is dropped.

    The records are also part of every checkpoint. One writer, append only; readers lock nothing.
    """

    def __init__(self, folder: Path, records: Sequence[Record]) -> None:
        self._path = folder / "metrics.jsonl"
        write_text(self._path, "".join(f"{to_json(record)}\n" for record in records))
        self._file = open(self._path, "a", encoding="utf-8")  # noqa: SIM115 (open until the run ends)
        self._tensorboard = _TensorBoard(folder / "tensorboard", start=len(records))
        self._count = len(records)

    def append(self, record: Record) -> None:
        """Add the record of a finished epoch."""
        self._file.write(f"{to_json(record)}\n")
        self._file.flush()
        self._tensorboard.add(record, self._count)
        self._count += 1

    def close(self) -> None:
        """Flush the lines to the disk and close the files."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
        finally:
            self._tensorboard.close()


class _TensorBoard:
    """Scalars per epoch; a resumed run tells TensorBoard to forget the epochs that it repeats."""

    def __init__(self, folder: Path, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=start or None)

    def add(self, record: Record, place: int) -> None:
        for name, value in _scalars(record).items():
            self._writer.add_scalar(name, value, place)

    def close(self) -> None:
        self._writer.close()


def _scalars(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            found |= _scalars(value, f"{prefix}{key}/")
        elif isinstance(value, float):
            found[f"{prefix}{key}"] = value
    return found
