"""The folder of one run: made once, held by one process, able to go on after a kill, free of absolute paths."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel

from softlabel.bounded_files import (
    MOST_TOML,
    Record,
    append_line,
    checked,
    content_of,
    damaged,
    one_line,
    parse_toml,
)
from softlabel.bounded_files import read_json as read_bounded
from softlabel.bounds import LONGEST_NAME
from softlabel.errors import RunError
from softlabel.runs.atomic import make_folder, write_json, write_text
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.partial import remove_leftovers
from softlabel.runs.records import SCHEMAS
from softlabel.runs.toml import to_toml

Kind = Literal["train", "compare"]
Config = TypeVar("Config", bound=BaseModel)
RESULT: dict[Kind, str] = {"train": "result.json", "compare": "results.json"}
CONFIG = "config.toml"
SPREAD = ("comparison.jobs", "training.processes")
"""Over how many processes the work is spread: a run may go on with another number."""


class RunFolder:
    """A folder that this process holds, until `close` or the end of a `with` block.

    path      where it is
    resumed   whether it held an unfinished run of the same configuration
    finished  whether the run's result is already in it
    """

    def __init__(self, path: Path, kind: Kind, resumed: bool, lock: FolderLock) -> None:
        self.path = path
        self.kind = kind
        self.resumed = resumed
        self._lock = lock

    @classmethod
    def create(cls, config: Any, kind: Kind = "train") -> RunFolder:
        """Make the next free `<runs>/<name>-NNNN`; two processes never get the same one."""
        runs = Path(config.output.runs)
        name = config.output.name or source_name(config.data.source)
        try:
            runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"output.runs: {runs} cannot be made a folder ({error.strerror})") from None
        number = 1 + max((_number(path, name) for path in runs.iterdir()), default=0)
        while True:
            path = runs / f"{name}-{number:04d}"
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
                continue
            return cls._hold_new(path, config, kind)

    @classmethod
    def at(cls, path: Path, config: Any, kind: Kind = "train", *, resume: bool) -> RunFolder:
        """Hold a folder that the caller names, new or (resume) with a run of this configuration in it.

        Raises RunError when another process holds it, when it is not ours, when it already has a run and `resume` was
        not asked for, or when its configuration is another one; the message shows the difference.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file, expected a run folder")
        if path.is_dir() and not (path / CONFIG).exists() and _foreign_files(path):
            raise RunError(f"{path} is not a run folder: it has no {CONFIG}, but other files; name another folder")
        if not path.exists():
            make_folder(path)
            return cls._hold_new(path, config, kind)
        return cls._hold(path, config, kind, resume=resume)

    @classmethod
    def continue_or_create(cls, config: Any, kind: Kind = "train") -> RunFolder:
        """Hold the newest unfinished folder of this configuration, so that the same command goes on; else a new one.

        Raises RunError when another process is at work in that folder.
        """
        path = unfinished_run(config, kind)
        return cls.create(config, kind) if path is None else cls._hold(path, config, kind, resume=True)

    @classmethod
    def _hold_new(cls, path: Path, config: Any, kind: Kind) -> RunFolder:
        """Hold a folder that was just made; it goes again when the disk does not take its configuration."""
        try:
            return cls._hold(path, config, kind, resume=False)
        except BaseException:
            with contextlib.suppress(OSError):  # somebody else is in it already
                path.rmdir()
            raise

    @classmethod
    def _hold(cls, path: Path, config: Any, kind: Kind, *, resume: bool) -> RunFolder:
        lock = FolderLock(path)
        lock.acquire()
        try:
            remove_leftovers(path)
            existing = (path / CONFIG).exists()
            if existing and not resume:
                raise RunError(f"{path} already holds a run; resume it, or name another folder")
            if existing:
                refuse_difference(path, config)
            if not existing or _spread(read_config(path)) != _spread(_given(config)):
                write_text(path / CONFIG, to_toml(config))
        except BaseException:
            lock.release()
            raise
        return cls(path, kind, existing, lock)

    @property
    def finished(self) -> bool:
        return (self.path / RESULT[self.kind]).exists()

    def log(self, text: str) -> None:
        """Add a line to log.txt."""
        append_line(self.path / "log.txt", f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}")

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file, whole or not at all; NaN becomes null."""
        write_json(self.path / name, content)

    def read_json(self, name: str) -> Any:
        """Read a JSON file. Raises RunError when it is missing or damaged."""
        return read_json(self.path / name)

    def add_seconds(self, seconds: float) -> float:
        """Add to the time spent on this folder by all processes that worked on it, and return the sum."""
        path = self.path / "seconds.json"
        total = seconds + (read_json(path)["seconds"] if path.exists() else 0.0)
        write_json(path, {"seconds": total})
        return float(total)

    def close(self) -> None:
        """Let the folder go."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_json(path: Path) -> Any:
    """A JSON file of a run folder, by the schema of its name. Raises RunError when it is missing or damaged."""
    return read_bounded(path, SCHEMAS.get(path.name, Record))


def read_config(path: Path) -> dict[str, Any]:
    """The configuration of a run folder, as plain values. Raises RunError when it is missing or damaged."""
    if not os.path.lexists(path / CONFIG):
        raise RunError(f"{path} is not a run folder: it has no {CONFIG}")
    try:
        return parse_toml(content_of(path / CONFIG, MOST_TOML))
    except ValueError as error:
        raise RunError(damaged(path / CONFIG, error)) from None


def read_settings(path: Path, model: type[Config]) -> Config:
    """The configuration of a run folder, by its model. Raises RunError when it is missing or damaged."""
    return checked(read_config(path), model, path / CONFIG)


def refuse_difference(path: Path, config: BaseModel) -> None:
    """Raise RunError, showing every option that differs, unless the folder's configuration is this one."""
    stored = _comparable(read_config(path))
    given = _comparable(_given(config))
    lines = [
        f"  {one_line(key)}: {one_line(str(stored.get(key, 'not set')))} in the folder, "
        f"{one_line(str(given.get(key, 'not set')))} now"
        for key in sorted(stored.keys() | given.keys())
        if stored.get(key) != given.get(key)
    ]
    if lines:
        shown = lines[:6] + ([f"  and {len(lines) - 6} more"] if len(lines) > 6 else [])
        raise RunError("\n".join([f"{path} was begun with another configuration:", *shown]))


def source_name(source: str) -> str:
    """A short name for run folders from a source such as csv:data/faces.csv."""
    place = source.rpartition(":")[2].rstrip("/\\")
    stem = re.split(r"[/\\]", place)[-1]
    stem = re.sub(r"(\.(csv|tsv|txt|parquet|pq|arff|mat|npz|gz|zip|toml))+(?=,|$)", "", stem, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:LONGEST_NAME] or "run"


def unfinished_run(config: Any, kind: Kind = "train") -> Path | None:
    """The newest unfinished folder of this configuration, which the same command goes on with; None without one."""
    runs = Path(config.output.runs)
    name = config.output.name or source_name(config.data.source)
    if not runs.is_dir():
        return None
    for path in sorted((p for p in runs.iterdir() if _number(p, name)), key=lambda p: _number(p, name), reverse=True):
        if not (path / CONFIG).exists() or (path / RESULT[kind]).exists():
            continue
        try:
            refuse_difference(path, config)
        except RunError:
            continue
        return path
    return None


def _given(config: BaseModel) -> dict[str, Any]:
    return parse_toml(to_toml(config).encode())


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """What decides the results: without the output section, as a folder may be moved, and without SPREAD."""
    return {key: value for key, value in _flat(config).items() if not key.startswith("output.") and key not in SPREAD}


def _spread(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in _flat(config).items() if key in SPREAD}


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _number(path: Path, name: str) -> int:
    match = re.fullmatch(re.escape(name) + r"-(\d{4,})", path.name)
    return int(match[1]) if match else 0


def _foreign_files(path: Path) -> bool:
    """Whether there is anything that a run killed at its very start would not have left."""
    remove_leftovers(path)
    return any(entry.name not in {"lock", "log.txt"} for entry in path.iterdir())
