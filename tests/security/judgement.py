"""What became of a hostile model folder: refused in one line, or loaded exactly as it stands and able to answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from softlabel.deployed.model_folder import DeployedModel, load_model
from softlabel.errors import RunError, UnsupportedError
from softlabel.tasks.resolve import task_from_json

MEBIBYTE = 2**20
DTYPES = {"F32": np.float32, "I64": np.int64}


@dataclass(frozen=True)
class Judgement:
    """The outcome, 'refused' or 'loaded'; the words of a refusal; seconds and bytes that loading took."""

    outcome: str
    words: str
    seconds: float
    memory: int


def judge(folder: Path) -> Judgement:
    """Load a folder and let it answer. Raises AssertionError where it is neither refused cleanly nor loaded as it is;
    any other error than a refusal comes through as it is."""
    before = peak_memory(reset=True)
    started = time.perf_counter()
    words = ""
    try:
        model = load_model(folder)
    except (RunError, UnsupportedError) as error:
        words = str(error)
    seconds, memory = time.perf_counter() - started, peak_memory() - before
    if words:
        assert "\n" not in words, words
        assert str(folder) in words, words
        assert len(words) < 1000, words[:1000]
        return Judgement("refused", words, seconds, memory)
    is_what_was_written(model, folder)
    can_answer(model)
    return Judgement("loaded", "", seconds, memory)


def is_what_was_written(model: DeployedModel, folder: Path) -> None:
    """Every tensor is that of the file, read here by other means."""
    content = (folder / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    state = model.state_dict()
    assert state.keys() == header.keys()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        written = np.frombuffer(content[start + begin : start + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        assert np.array_equal(state[name].numpy(), written), name
        assert np.isfinite(written).all(), name


@torch.no_grad()
def can_answer(model: DeployedModel) -> None:
    """One answer with a distribution over the model's classes."""
    kind = torch.uint8 if model.inputs.kind == "image" else torch.float32
    probabilities = model(torch.zeros(2, *model.inputs.shape, dtype=kind))
    (first, _) = task_from_json(model.task_json).answer(probabilities)
    assert list(first["distribution"]) == model.class_names
    assert first["label"] in model.class_names
    assert all(isinstance(name, str) for name in model.class_names)


def peak_memory(*, reset: bool = False) -> int:
    """Bytes that this process held at most since the last reset; what it holds now when it is reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024
