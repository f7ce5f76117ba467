"""The test session is stricter than production: warnings are errors, one thread, no network, no TTY tricks.

It is watched: nothing unpickles, runs data, leaves the machine or installs (tests/security/audit.py).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["SOFTLABEL_CACHE"] = os.path.join(tempfile.gettempdir(), f"softlabel-tests-{os.getuid()}")

import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.security import audit

audit.install()

settings.register_profile("softlabel", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("softlabel")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Tests start from one state of the global generator, whatever ran before."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    """No test unpickles, runs data, leaves the machine or installs anything, even where a library hides the attempt."""
    before = len(audit.attempts)
    yield
    assert audit.attempts[before:] == []
