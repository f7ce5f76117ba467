"""One of the other processes of a run: started by `softlabel.training.workers` with FOLDER RANK PORT."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path


def run() -> None:
    """The program."""
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))


def main(folder: Path, rank: int, port: int) -> None:
    """Take part in the training of a run folder that the first process holds; write nothing."""
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    from softlabel.runs.run_folder import read_json, read_settings
    from softlabel.runs.trained_on import recorded_columns, refuse_changed_data
    from softlabel.tasks.prepared import prepare
    from softlabel.training.build_method import build_method
    from softlabel.training.config import RunConfig
    from softlabel.training.fingerprinted import fingerprint_for
    from softlabel.training.observer import OtherProcess
    from softlabel.training.train import precision_of, start_training

    config = read_settings(folder, RunConfig)
    prepared = prepare(config.data, config.task, config.axis, recorded_columns(folder))
    refuse_changed_data(folder, fingerprint_for(prepared, [config]))
    precision = precision_of(read_json(folder / "environment.json"))
    method = build_method(config, prepared)
    with start_training(config, prepared, method, precision, folder, rank=rank, port=port) as training:
        training.run(OtherProcess())


def _end_with_the_first() -> None:
    while os.read(0, 1):  # not through sys.stdin, whose lock would be held when the interpreter ends
        pass
    os._exit(1)
