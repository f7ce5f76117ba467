"""What a run's numbers depend on besides its configuration: versions, threads and machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from softlabel.version import __version__

DECISIVE = ("softlabel", "torch", "numpy", "threads", "device", "cpu_capability", "processes")
"""Entries on which the last bits of a result may depend."""


def environment(device: str, processes: int) -> dict[str, Any]:
    """Versions, threads, device and processor; no paths."""
    return {
        "softlabel": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "lightning-fabric": version("lightning-fabric"),
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else None,
        "processes": processes,
    }


def differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What a resumed run has otherwise than the run it continues, as far as it can change the last bits."""
    return [f"{key} was {stored.get(key)}, is {now.get(key)}" for key in DECISIVE if stored.get(key) != now.get(key)]


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
