"""What the tests with real kills run in processes of their own."""

from __future__ import annotations

from pathlib import Path


def train_tiny(folder: str, resume: bool) -> None:
    """Train the tiny configuration, or go on with it."""
    import torch

    torch.set_num_threads(1)
    from softlabel.training.train import train
    from tests.training.tiny import tiny_config, tiny_prepared

    train(tiny_config(epochs=6), folder=Path(folder), resume=resume, prepared=tiny_prepared())
