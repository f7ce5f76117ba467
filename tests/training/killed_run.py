"""What the tests with real kills run in processes of their own."""

from __future__ import annotations

from pathlib import Path


def train_tiny(folder: str, resume: bool) -> None:
    """Train the tiny configuration, or go on with it."""
    import torch

    torch.set_num_threads(1)
    from softlabel.training import observer
    from softlabel.training.train import train
    from tests.training.tiny import tiny_config, tiny_prepared

    observer.SAVE_SECONDS = 0.0  # these epochs are short, and each is to be gone on from
    train(tiny_config(epochs=6), folder=Path(folder), resume=resume, prepared=tiny_prepared())
