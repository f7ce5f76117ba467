"""The two files of a model folder: model.json and its weights, each checked against its hash when it is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softlabel.bounded_files import content_of, damaged, parse_json
from softlabel.errors import RunError
from softlabel.runs.atomic import finite
from softlabel.runs.tensor_files import MOST_TENSORS, tensors_of

KIND = "softlabel model"
FORMAT = 1
DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
WEIGHTS_PATTERN = re.compile(r"model(-[0-9a-f]{8})?\.safetensors")


def find_model(folder: Path) -> Path:
    """The model folder itself, or the one inside a run folder. Raises RunError when there is none."""
    for place in (folder, folder / "model"):
        if (place / DESCRIPTION).is_file():
            return place
    raise RunError(f"{folder / DESCRIPTION} is missing: expected a model folder, or the folder of a finished run")


def read_description(path: Path) -> dict[str, Any]:
    """model.json, checked against its own hash."""
    try:
        description = parse_json(content_of(path))
    except ValueError as error:
        raise RunError(damaged(path, error)) from None
    if not isinstance(description, dict) or description.get("kind") != KIND:
        raise RunError(f"{path} is not the description of a softlabel model")
    if description.get("format") != FORMAT:
        raise RunError(
            f"{path} has format {description.get('format')!r:.60}; this version of softlabel reads format {FORMAT}"
        )
    if description.pop("sha256", None) != digest_of(description):
        raise RunError(f"{path} is damaged: its content does not fit its hash")
    weights = description.get("weights")
    if not isinstance(weights, dict) or not WEIGHTS_PATTERN.fullmatch(str(weights.get("file"))):
        raise RunError(f"{path} does not name its weights")
    return description


def read_weights(path: Path, expected: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a safetensors file with this hash, all of them finite."""
    content = content_of(path, MOST_TENSORS)
    if len(content) != expected.get("bytes"):
        raise RunError(f"{path} is damaged: it has {len(content)} bytes, expected {expected.get('bytes')!r:.60}")
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise RunError(f"{path} is damaged: its content does not fit the hash in {DESCRIPTION}")
    state = tensors_of(content, path)
    refuse_not_finite(path, state)
    return state


def refuse_not_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise RunError with the first tensor that has NaN or infinity in it."""
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise RunError(f"{path}: {name} has values that are not finite")


def weights_name(folder: Path, digest: str) -> str:
    """A name that does not overwrite other weights: until model.json is replaced, the old ones are still in use."""
    path = folder / WEIGHTS
    if not os.path.lexists(path) or hashlib.sha256(content_of(path, MOST_TENSORS)).hexdigest() == digest:
        return WEIGHTS
    return f"model-{digest[:8]}.safetensors"


def digest_of(description: Mapping[str, Any]) -> str:
    """Hash of a description's content, whatever its spaces and order."""
    text = json.dumps(finite(dict(description)), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
