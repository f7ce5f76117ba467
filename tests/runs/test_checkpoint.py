"""A save is whole or absent, and damage is noticed."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softlabel.errors import RunError
from softlabel.runs import atomic
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder


def sample(value: float) -> Checkpoint:
    tensors = {"a.weight": torch.full((3, 4), value), "b": torch.tensor(7), "half": torch.ones(5, dtype=torch.bfloat16)}
    return Checkpoint(tensors, {"epoch": int(value), "records": [{"loss": 0.1 * value}]})


def same(a: Checkpoint, b: Checkpoint) -> bool:
    return (
        a.values == b.values
        and a.tensors.keys() == b.tensors.keys()
        and all(torch.equal(a.tensors[name], b.tensors[name]) for name in a.tensors)
    )


def test_round_trip_keeps_bits_dtypes_and_values(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path / "checkpoints")
    folder.save("last", sample(1))
    folder.save("last", sample(2))
    folder.save("best", sample(3))
    assert same(folder.load("last"), sample(2))
    assert same(folder.load("best"), sample(3))
    assert folder.load("last").tensors["half"].dtype == torch.bfloat16
    assert len(list(folder.path.iterdir())) == 4  # what was replaced is gone


def test_tied_and_channels_last_tensors_are_stored(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    folder.save("last", Checkpoint({"a": weight, "b": weight, "view": weight[1:]}, {}))
    loaded = folder.load("last").tensors
    assert torch.equal(loaded["a"], weight)
    assert torch.equal(loaded["b"], weight)
    assert torch.equal(loaded["view"], weight[1:])


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"last\.json: there is no such checkpoint"):
        CheckpointFolder(tmp_path).load("last")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_breaks_off_at_any_call_leaves_the_old_or_the_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    outcomes = []
    for fail_at in range(100):
        folder = CheckpointFolder(tmp_path / str(fail_at))
        folder.save("last", sample(1))
        with monkeypatch.context() as patched:
            broke = _break_at(patched, fail_at, error)
            try:
                folder.save("last", sample(2))
            except type(error):
                pass
            finished = not broke()
        loaded = folder.load("last")
        assert same(loaded, sample(1)) or same(loaded, sample(2))
        assert not [path for path in folder.path.iterdir() if path.name.endswith(".partial")]
        assert len(list(folder.path.iterdir())) <= 3
        outcomes.append(int(loaded.values["epoch"]))
        folder.save("last", sample(3))
        assert same(folder.load("last"), sample(3))
        assert len(list(folder.path.iterdir())) == 2
        if finished:
            break
    else:
        pytest.fail("the injected failure never stopped happening")
    assert outcomes[0] == 1
    assert outcomes[-1] == 2
    assert len(outcomes) > 6  # it did fail at several calls


def _break_at(patched: pytest.MonkeyPatch, fail_at: int, error: BaseException) -> Callable[[], bool]:
    """The n-th of the calls that touch the disk raises, and so tears a write in the middle."""
    count = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            count[0] += 1
            if count[0] == fail_at + 1:
                raise error
            return real(*args, **kwargs)

        return call

    patched.setattr(os, "fsync", counted(os.fsync))
    patched.setattr(os, "replace", counted(os.replace))
    patched.setattr(os, "open", counted(os.open))
    patched.setattr(atomic, "open", lambda *a, **k: _TornFile(open(*a, **k), counted), raising=False)  # noqa: SIM115
    return lambda: count[0] > fail_at


class _TornFile:
    """A file whose write may stop half-way."""

    def __init__(self, file: Any, counted: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._file = file
        self._step = counted(lambda: None)

    def write(self, content: bytes) -> None:
        self._file.write(content[: len(content) // 2])
        self._step()
        self._file.write(content[len(content) // 2 :])

    def flush(self) -> None:
        self._step()
        self._file.flush()

    def fileno(self) -> int:
        number: int = self._file.fileno()
        return number

    def __enter__(self) -> _TornFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def test_file_and_folder_are_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    atomic.write_bytes(tmp_path / "file", b"content")
    assert [re.sub(r"\.[0-9a-f]{16}\.", ".", name) for name in flushed] == [".file.partial", tmp_path.name]


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), which=st.integers(0, 1), cut=st.booleans())
def test_every_damage_is_refused_with_the_file_and_what_is_still_good(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, which: int, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("damaged")
    folder = CheckpointFolder(path)
    folder.save("best", sample(1))
    folder.save("last", sample(2))
    victim = sorted(path.glob("last*"))[which]
    content = bytearray(victim.read_bytes())
    offset = int(place * len(content))
    if cut:
        content = content[:offset]
    else:
        content[offset] ^= 1 << bit
    victim.write_bytes(bytes(content))
    with pytest.raises(RunError) as caught:
        folder.load("last")
    assert str(path) in str(caught.value)
    assert "best.json is good" in str(caught.value)
    shutil.rmtree(path)


def test_when_nothing_is_good_the_message_says_so(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for name in ("last", "best"):
        folder.save(name, sample(1))
        (tmp_path / f"{name}.json").write_text("{}")
    with pytest.raises(RunError, match="no other checkpoint"):
        folder.load("last")


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = CheckpointFolder(tmp_path)
    monkeypatch.setattr("softlabel.runs.checkpoint.FORMAT", 2)
    folder.save("last", sample(1))
    monkeypatch.undo()
    with pytest.raises(RunError, match="format 2 is newer"):
        folder.load("last")


def test_json_has_null_for_what_is_not_finite(tmp_path: Path) -> None:
    atomic.write_json(tmp_path / "x.json", {"a": [float("nan"), 1.0], "b": {"c": float("inf")}})
    assert (tmp_path / "x.json").read_text().split() == [
        "{",
        '"a":',
        "[",
        "null,",
        "1.0",
        "],",
        '"b":',
        "{",
        '"c":',
        "null",
        "}",
        "}",
    ]


def test_random_is_not_consumed_by_saving(tmp_path: Path) -> None:
    before = torch.random.get_rng_state(), random.getstate()
    CheckpointFolder(tmp_path).save("last", sample(1))
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert before[1] == random.getstate()
