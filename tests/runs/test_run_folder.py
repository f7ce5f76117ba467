"""Run folders: numbered, held by one process, recovered from a dead one, never anybody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from softlabel.errors import RunError
from softlabel.experiments.config import CompareConfig
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.run_folder import RunFolder, read_config, source_name
from softlabel.training.config import RunConfig


def config(runs: Path, **values: object) -> RunConfig:
    return RunConfig.model_validate({"output": {"runs": str(runs)}, **values})


def test_folders_are_numbered_and_hold_their_configuration(tmp_path: Path) -> None:
    with RunFolder.create(config(tmp_path)) as first, RunFolder.create(config(tmp_path)) as second:
        assert [first.path.name, second.path.name] == ["digits-0001", "digits-0002"]
        stored = RunConfig.model_validate(tomllib.loads((first.path / "config.toml").read_text()))
        assert stored == config(tmp_path)
    (tmp_path / "digits-0041").mkdir()
    (tmp_path / "digits-notes").mkdir()
    with RunFolder.create(config(tmp_path)) as third:
        assert third.path.name == "digits-0042"
        assert (third.path / "lock").exists()
    assert not (third.path / "lock").exists()


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("digits", "digits"),
        ("csv:data/faces.csv", "faces"),
        ("folder:../my photos/", "my-photos"),
        ("hub:owner/name", "name"),
        ("parquet:C:\\x\\votes.parquet", "votes"),
        ("folder:..", "run"),
    ],
)
def test_names_come_from_the_source(source: str, name: str) -> None:
    assert source_name(source) == name


def test_many_at_once_get_different_folders(tmp_path: Path) -> None:
    made: list[RunFolder] = []
    threads = [threading.Thread(target=lambda: made.append(RunFolder.create(config(tmp_path)))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.path for run in made}) == 20
    for run in made:
        run.close()


def test_of_many_that_want_one_folder_exactly_one_gets_it(tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / str(number)
        folder.mkdir()
        held: list[FolderLock] = []
        refused: list[str] = []
        barrier = threading.Barrier(4)

        def race(folder: Path = folder, held: list[FolderLock] = held, refused: list[str] = refused) -> None:
            lock = FolderLock(folder)
            barrier.wait()  # noqa: B023 (the threads of a race end within their turn)
            try:
                lock.acquire()
                held.append(lock)
            except RunError as error:
                refused.append(str(error))

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(held), len(refused)) == (1, 3)
        held[0].release()


HOLDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from softlabel.runs.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_living_holder_is_named_and_a_dead_one_is_recovered(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path), root], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lock = FolderLock(tmp_path)
        with pytest.raises(RunError, match=f"in use by process {holder.pid} on "):
            lock.acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / "lock").exists()
    lock.acquire()
    assert str(os.getpid()) in (tmp_path / "lock").read_text()
    lock.release()


def test_an_existing_run_is_resumed_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.at(path, config(tmp_path), resume=False).close()
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder.at(path, config(tmp_path), resume=False)
    with RunFolder.at(path, config(tmp_path / "elsewhere"), resume=True) as run:
        assert run.resumed
    assert not (path / "lock").exists()


def test_another_configuration_is_shown_and_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.at(path, config(tmp_path), resume=False).close()
    other = config(tmp_path, seed=3, training={"ema": 0.5})
    with pytest.raises(RunError) as caught:
        RunFolder.at(path, other, resume=True)
    assert str(caught.value).splitlines()[1:] == [
        "  seed: 0 in the folder, 3 now",
        "  training.ema: not set in the folder, 0.5 now",
    ]


def test_a_run_goes_on_over_another_number_of_processes(tmp_path: Path) -> None:
    path = tmp_path / "run"
    RunFolder.at(path, config(tmp_path), resume=False).close()
    RunFolder.at(path, config(tmp_path, training={"processes": 2}), resume=True).close()
    assert read_config(path)["training"]["processes"] == 2  # the other processes read it from here
    asked = [CompareConfig.model_validate({"comparison": {"jobs": jobs}}) for jobs in ("auto", 2)]
    RunFolder.at(tmp_path / "comparison", asked[0], "compare", resume=False).close()
    assert RunFolder.at(tmp_path / "comparison", asked[1], "compare", resume=True).resumed


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "love.txt").write_text("x")
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.at(tmp_path / "letters", config(tmp_path), resume=False)
    with pytest.raises(RunError, match="is a file"):
        RunFolder.at(tmp_path / "letters" / "love.txt", config(tmp_path), resume=False)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["love.txt"]
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "lock").write_text("")  # killed before its configuration was written
    RunFolder.at(tmp_path / "killed", config(tmp_path), resume=True).close()


def test_the_same_command_goes_on_with_its_unfinished_folder(tmp_path: Path) -> None:
    one, two = config(tmp_path, seed=1), config(tmp_path, seed=2)
    for setting in (one, two, one):
        RunFolder.create(setting).close()
    with RunFolder.continue_or_create(one) as run:
        assert (run.path.name, run.resumed) == ("digits-0003", True)
        with pytest.raises(RunError, match="in use"):
            RunFolder.continue_or_create(one)
        run.write_json("result.json", {})
        assert run.finished
    with RunFolder.continue_or_create(one) as run:
        assert run.path.name == "digits-0001"
        run.write_json("result.json", {})
    with RunFolder.continue_or_create(one) as run:
        assert (run.path.name, run.resumed) == ("digits-0004", False)
    with RunFolder.continue_or_create(two, "compare") as run:
        assert run.path.name == "digits-0002"


def test_seconds_add_up_and_the_log_keeps_lines(tmp_path: Path) -> None:
    with RunFolder.create(config(tmp_path)) as run:
        assert run.add_seconds(1.5) == 1.5
        assert run.add_seconds(2.0) == 3.5
        run.log("one")
        run.log("two")
        assert [line.split("  ")[1] for line in (run.path / "log.txt").read_text().splitlines()] == ["one", "two"]
        (run.path / "x.json").write_text("{")
        with pytest.raises(RunError, match=r"x\.json is damaged"):
            run.read_json("x.json")
        with pytest.raises(RunError, match=r"y\.json is missing"):
            run.read_json("y.json")
