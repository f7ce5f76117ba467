"""The test session is stricter than production: warnings are errors, one thread, no network, no TTY tricks."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile("softlabel", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("softlabel")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Tests start from one state of the global generator, whatever ran before."""
    torch.manual_seed(0)
