"""What the tests with real kills run in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from softlabel.training.config import RunConfig
from softlabel.training.progress import Progress

STEPS_PER_EPOCH = 4


def server() -> ForkServerContext:
    """Forks processes that have imported everything, so that a kill falls into training and not into imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.preloaded"])
    return context


def run_of(method: str, epochs: int = 10) -> RunConfig:
    """A run of four steps an epoch (per stage) with an average of the weights."""
    from tests.training.tiny import tiny_config

    return tiny_config(epochs=epochs, batch_size=24).model_copy(update={"method": method})


class KillAt(Progress):
    """kill -9 after a number of this process's steps."""

    def __init__(self, step: int | None) -> None:
        self.left = step

    def step(self, images: int, terms: Callable[[], Mapping[str, float]]) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def train_tiny(config: RunConfig, folder: Path, kill_at: int | None = None) -> None:
    """Train a configuration on the tiny data, or go on with it."""
    import torch

    torch.set_num_threads(1)
    from softlabel.training import observer
    from softlabel.training.train import train
    from tests.training.tiny import tiny_for

    observer.SAVE_SECONDS = 0.0  # these epochs are short, and each is to be gone on from
    train(config, folder=folder, resume=folder.exists(), prepared=tiny_for(config), progress=KillAt(kill_at))


def started(context: ForkServerContext, config: RunConfig, folder: Path, kill_at: int | None = None) -> BaseProcess:
    """`train_tiny` in a new process."""
    process = context.Process(target=train_tiny, args=(config, folder, kill_at))
    process.start()
    return process


def command_line(words: Sequence[str], output: Path) -> None:
    """The program, in a process that has imported it already; its words go into a file."""
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    sys.argv = ["softlabel", *words]
    import torch

    torch.set_num_threads(1)
    from softlabel.cli.main import main

    sys.exit(main())
