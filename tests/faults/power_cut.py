"""What a disk may hold after a power cut: what was flushed, and any part of the rest in any order.

Content that was not fsynced may be missing, torn or whole; names that were given, changed or removed in a folder that
was not fsynced since may have come through or not, each for itself.
"""

from __future__ import annotations

import builtins
import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest import mock

State = dict[str, bytes]
"""Content by name."""


@dataclass
class _Content:
    written: bytes = b""
    synced: bool = False

    def outcomes(self) -> tuple[bytes, ...]:
        return (self.written,) if self.synced else (b"", self.written[: len(self.written) // 2], self.written)


@dataclass
class _Change:
    """A name that now stands for this content, or for nothing."""

    name: str
    content: _Content | None


@dataclass
class Journal:
    """All that happens in one folder, and after each event all states in which a power cut may leave it.

    `ignored` is what the disk does not flush although it was told to.
    """

    folder: Path
    sure: dict[str, _Content] = field(default_factory=dict)
    pending: list[list[_Change]] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    ignored: Literal["none", "file", "folder"] = "none"

    @classmethod
    def of(cls, folder: Path, ignored: Literal["none", "file", "folder"] = "none") -> Journal:
        """A journal of a folder whose present files have all reached the disk."""
        return cls(folder, {path.name: _Content(path.read_bytes(), True) for path in folder.iterdir()}, ignored=ignored)

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Record what happens inside."""
        replace, fsync, unlink, real_open = os.replace, os.fsync, os.unlink, builtins.open

        def replaced(source: Any, target: Any) -> None:
            replace(source, target)
            self._event([_Change(Path(target).name, self._now(Path(source).name)), _Change(Path(source).name, None)])

        def unlinked(path: Any, **options: Any) -> None:
            unlink(path, **options)
            self._event([_Change(Path(path).name, None)])

        def synced(handle: int) -> None:
            fsync(handle)
            self._sync(Path(os.readlink(f"/proc/self/fd/{handle}")))

        def opened(path: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            file = real_open(path, mode, *arguments, **options)
            if set(mode).isdisjoint("wx") or Path(path).parent != self.folder:
                return file
            content = _Content()
            self._event([_Change(Path(path).name, content)])
            return _RecordedFile(file, content, self)

        with (
            mock.patch.object(os, "replace", replaced),
            mock.patch.object(os, "unlink", unlinked),
            mock.patch.object(os, "fsync", synced),
            mock.patch.object(builtins, "open", opened),
        ):
            yield

    def note(self) -> None:
        """Add every state that a power cut at this moment may leave."""
        for taken in itertools.product((False, True), repeat=len(self.pending)):
            names = dict(self.sure)
            for change in itertools.chain.from_iterable(itertools.compress(self.pending, taken)):
                if change.content is None:
                    names.pop(change.name, None)
                else:
                    names[change.name] = change.content
            for contents in itertools.product(*(content.outcomes() for content in names.values())):
                self.states.append(dict(zip(names, contents, strict=True)))

    def _event(self, changes: list[_Change]) -> None:
        self.pending.append(changes)
        self.note()

    def _sync(self, path: Path) -> None:
        if self.ignored == ("folder" if path == self.folder else "file"):
            return
        if path == self.folder:
            for change in itertools.chain.from_iterable(self.pending):
                if change.content is None:
                    self.sure.pop(change.name, None)
                else:
                    self.sure[change.name] = change.content
            self.pending.clear()
        else:
            self._now(path.name).synced = True
        self.note()

    def _now(self, name: str) -> _Content:
        changes = [c for c in itertools.chain.from_iterable(self.pending) if c.name == name]
        content = changes[-1].content if changes else self.sure[name]
        assert content is not None
        return content


class _RecordedFile:
    def __init__(self, file: Any, content: _Content, journal: Journal) -> None:
        self._file = file
        self._content = content
        self._journal = journal

    def write(self, content: bytes) -> None:
        self._file.write(content)
        self._content.written += content
        self._content.synced = False
        self._journal.note()

    def __enter__(self) -> _RecordedFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
