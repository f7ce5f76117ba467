"""Whoever looks at a run while it trains sees whole files, disturbs nothing, and needs no lock."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from softlabel.experiments.cells import Cell
from softlabel.runs.run_folder import read_config, read_json
from softlabel.training.train import train
from tests.training.tiny import fingerprint, tiny_config, tiny_prepared

READERS = 20


class Reader(threading.Thread):
    """Reads all there is, again and again."""

    def __init__(self, folder: Path, over: threading.Event) -> None:
        super().__init__()
        self.folder, self.over = folder, over
        self.looks = 0
        self.most_epochs = 0
        self.errors: list[BaseException] = []

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.look()
            except BaseException as error:
                self.errors.append(error)
            time.sleep(0.002)

    def look(self) -> None:
        for name in ("environment.json", "result.json", "checkpoints/last.json", "model/model.json"):
            if (self.folder / name).exists():
                read_json(self.folder / name)
        if (self.folder / "config.toml").exists():
            read_config(self.folder)
        log = self.folder / "metrics.jsonl"
        if log.exists():
            for line in log.read_text().splitlines(keepends=True):
                if line.endswith("\n"):
                    json.loads(line)
        epochs = Cell("any", 0, tiny_config(), self.folder).epochs_done()
        assert epochs >= self.most_epochs
        self.most_epochs = epochs
        self.looks += 1


@pytest.mark.slow
def test_twenty_readers_neither_fail_nor_disturb(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, epochs=6)
    train(config, folder=tmp_path / "alone", prepared=tiny_prepared())
    over = threading.Event()
    readers = [Reader(tmp_path / "watched", over) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        train(config, folder=tmp_path / "watched", prepared=tiny_prepared())
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert [error for reader in readers for error in reader.errors] == []
    assert all(reader.looks > 1 for reader in readers)
    assert max(reader.most_epochs for reader in readers) >= 1
    assert fingerprint(tmp_path / "watched") == fingerprint(tmp_path / "alone")
