"""New files and folders never take the place of what has come there, and what dead writers left goes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softlabel.cli.configuring.new_file import refuse_existing, refuse_folder
from softlabel.errors import ConfigError, RunError
from softlabel.runs.partial import NAME, partial_file, partial_folder, remove_leftovers
from softlabel.runs.publish import new_file, new_path

DEAD = """
import os, pathlib
from softlabel.runs.partial import {kind}
with {kind}(pathlib.Path("a")): os._exit(0)
"""


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").write_text("mine")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def a_link_to_a_file(path: Path) -> None:
    path.with_name("target").write_text("mine")
    path.symlink_to(path.with_name("target"))


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


COMERS: list[Callable[[Path], None]] = [a_file, a_folder, a_link_to_nothing, a_link_to_a_file, a_pipe]


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Kind and content of all in a folder."""
    found = {str(p.relative_to(folder)): p for p in folder.rglob("*")}
    return {
        name: (path.lstat().st_mode, path.read_text() if path.is_file() else "") for name, path in sorted(found.items())
    }


@pytest.mark.parametrize("comes", COMERS)
@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_new_file_leaves_what_has_come_meanwhile(
    comes: Callable[[Path], None], links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "answers.csv"
    before: dict[str, tuple[int, str]] = {}

    def write() -> None:
        with new_file(path) as stream:
            stream.write("ours")
            comes(path)
            before.update({name: kept for name, kept in state(tmp_path).items() if not NAME.fullmatch(name)})

    with pytest.raises(RunError, match="stays as it is"):
        write()
    assert state(tmp_path) == before


@pytest.mark.parametrize("comes", COMERS)
def test_a_new_folder_leaves_what_has_come_meanwhile(comes: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "answers"
    before: dict[str, tuple[int, str]] = {}

    def write() -> None:
        with new_path(path) as place:
            place.mkdir()
            (place / "ours").write_text("ours")
            comes(path)
            before.update({name: kept for name, kept in state(tmp_path).items() if not name.startswith(".answers")})

    with pytest.raises(RunError, match="stays as it is"):
        write()
    assert state(tmp_path) == before


def test_a_folder_that_was_there_is_filled_and_nothing_in_it_replaced(tmp_path: Path) -> None:
    def fill(*, overwrite: bool = False) -> None:
        with new_path(tmp_path, overwrite=overwrite) as place:
            (place / "masks").mkdir(parents=True)
            (place / "masks" / "a.png").write_text("new")

    (tmp_path / "masks").mkdir()
    fill()
    assert state(tmp_path)["masks/a.png"][1] == "new"
    (tmp_path / "masks" / "a.png").write_text("mine")
    with pytest.raises(RunError, match=r"masks/a\.png was not there"):
        fill()
    assert state(tmp_path)["masks/a.png"][1] == "mine"
    fill(overwrite=True)
    assert state(tmp_path)["masks/a.png"][1] == "new"
    assert set(state(tmp_path)) == {"masks", "masks/a.png"}


def no_links(*given: Any, **options: Any) -> None:
    raise OSError(errno.EPERM, "no links here")


def test_without_links_a_file_is_published_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", no_links)
    with new_file(tmp_path / "a") as stream:
        stream.write("whole")
    assert {name: content for name, (_, content) in state(tmp_path).items()} == {"a": "whole"}


@pytest.mark.parametrize("comes", [a_link_to_nothing, a_link_to_a_file, a_file, a_pipe])
def test_out_is_refused_before_anything_is_computed(comes: Callable[[Path], None], tmp_path: Path) -> None:
    comes(tmp_path / "a")
    with pytest.raises(ConfigError):
        refuse_existing(tmp_path / "a", overwrite=False)
    with pytest.raises(ConfigError, match="is no folder"):
        refuse_folder(tmp_path / "a", overwrite=True)


@pytest.mark.parametrize("device", ["/dev/null", "/dev/stdout", "/dev/full"])
def test_no_device_is_overwritten(device: str) -> None:
    with pytest.raises(ConfigError, match=r"device or a pipe|is a folder|exists already"):
        refuse_existing(Path(device), overwrite=os.path.isfile(device) is False)


def test_a_link_is_replaced_and_not_what_it_leads_to(tmp_path: Path) -> None:
    a_link_to_a_file(tmp_path / "a")
    with new_file(tmp_path / "a", overwrite=True) as stream:
        stream.write("ours")
    assert ((tmp_path / "a").read_text(), (tmp_path / "target").read_text()) == ("ours", "mine")


@pytest.mark.parametrize("kind", ["partial_file", "partial_folder"])
def test_what_a_dead_writer_left_goes_and_what_a_living_one_writes_stays(kind: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DEAD.format(kind=kind)], cwd=tmp_path, check=True)
    (left,) = tmp_path.iterdir()
    mine = [tmp_path / ".a.partial", tmp_path / ".a.123.partial", tmp_path / "a.0123456789abcdef.partial"]
    for path in mine:
        path.write_text("mine")
    (tmp_path / ".link.0123456789abcdef.partial").symlink_to(mine[0])
    with partial_file(tmp_path / "a") as living, partial_folder(tmp_path / "a") as folder:
        remove_leftovers(tmp_path, "b")
        assert left.exists()
        with new_file(tmp_path / "b", binary=True) as stream:
            stream.write(b"")
        assert not left.exists()
        assert Path(living.name).exists()
        assert folder.exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(p.name for p in mine),
        "b",
        ".link.0123456789abcdef.partial",
    }


@pytest.mark.parametrize("there", [False, True], ids=["new", "empty folder"])
def test_a_folder_that_is_written_takes_what_a_dead_writer_of_it_left(there: bool, tmp_path: Path) -> None:
    path = tmp_path / "answers"
    beside = path if there else tmp_path  # what is filled may be on another disk than the folder above it
    beside.mkdir(exist_ok=True)
    left = beside / f".{path.name}.0123456789abcdef.partial"
    left.mkdir()
    (left / "half").write_text("half")
    with new_path(path) as place:
        place.mkdir()
        (place / "ours").write_text("ours")
    assert [str(file.relative_to(tmp_path)) for file in sorted(tmp_path.rglob("*"))] == ["answers", "answers/ours"]


def test_two_writers_of_one_name_never_mix(tmp_path: Path) -> None:
    path, refused = tmp_path / "a", []

    def write(letter: str) -> None:
        try:
            with new_file(path) as stream:
                for _ in range(200):
                    stream.write(letter * 10)
        except RunError as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == len(threads) - 1
    assert len(set(path.read_text())) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_new_file_is_flushed_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(
        os, "fsync", lambda handle: (events.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "link", lambda *names: (events.append("link"), link(*names)))
    with new_file(tmp_path / "a") as stream:
        stream.write("whole")
    assert NAME.fullmatch(Path(events[0]).name)
    assert events[1:] == ["link", str(tmp_path)]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    with new_file(tmp_path / ("é" * 125 + ".csv")) as stream:
        stream.write("whole")
    assert len(list(tmp_path.iterdir())) == 1
