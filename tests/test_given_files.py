"""What a person names: files, links and pipes, of bounded size and for a bounded time."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from softlabel import given_files
from softlabel.cli.configuring.configuration import read_recipe
from softlabel.errors import ConfigError, RunError
from softlabel.given_files import read_given
from softlabel.training.config import RunConfig


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def write_late(path: Path, *parts: bytes) -> threading.Thread:
    def write() -> None:
        with open(path, "wb", buffering=0) as file:
            for part in parts:
                time.sleep(0.05)
                file.write(part)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    return writer


def test_a_pipe_is_read_to_its_end_however_slowly_it_is_written(pipe: Path) -> None:
    writer = write_late(pipe, b"ab", b"c" * 100_000, b"d")
    assert read_given(pipe, 10**6) == b"ab" + b"c" * 100_000 + b"d"
    writer.join()


def test_a_pipe_whose_writer_has_left_is_read_through_a_link_to_its_descriptor(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"seed = 3")
    os.close(writer)
    (tmp_path / "link").symlink_to(f"/dev/fd/{reader}")
    assert read_recipe(tmp_path / "link", RunConfig) == {"seed": 3}
    os.close(reader)


def test_a_pipe_without_an_end_or_without_a_writer_is_refused(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_files, "PIPE_SECONDS", 0.2)
    with pytest.raises(ConfigError, match=r"pipe that was not written to its end within 0\.2 seconds"):
        read_recipe(pipe, RunConfig)
    reader, writer = os.pipe()
    os.write(writer, b"x" * 200)
    with pytest.raises(RunError, match="within"):
        read_given(Path(f"/dev/fd/{reader}"), 1000)  # the writer is still there
    os.write(writer, b"x" * 2000)
    with pytest.raises(RunError, match=r"more than the 1,000 bytes"):
        read_given(Path(f"/dev/fd/{reader}"), 1000)
    os.close(reader)
    os.close(writer)


def test_files_and_links_are_read_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert read_given(tmp_path / "link", 10) == b"x"
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(RunError, match="expected a file"):
            read_given(path, 10)
    with pytest.raises(FileNotFoundError):
        read_given(tmp_path / "none", 10)
