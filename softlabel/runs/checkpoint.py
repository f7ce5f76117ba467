"""Checkpoints: tensors as safetensors, everything else as JSON, each pair whole or absent and checked on reading."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softlabel.bounded_files import MEBIBYTE, content_of, json_of, parse_json, read_bytes
from softlabel.errors import RunError
from softlabel.runs.atomic import finite, make_folder, write_bytes, write_text
from softlabel.runs.partial import remove_leftovers
from softlabel.runs.records import CheckpointBody
from softlabel.runs.tensor_files import MOST_TENSORS, tensors_of

FORMAT = 1
MOST_BODY = 256 * MEBIBYTE


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: named tensors, and values that JSON can say."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


class _DamageError(Exception):
    """What is damaged, and how it shows."""


class CheckpointFolder:
    """A folder of named checkpoints; saving one replaces the last of that name.

    `<name>.json` names the file of its tensors and that file's SHA-256, and carries a digest of itself. The tensors
    are written first under a name of their own, so that until the JSON is renamed into its place the old pair stands.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self.index(name).exists()

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Write a checkpoint. Raises OSError when the disk does not take it; the old one stands then."""
        from safetensors.torch import save

        make_folder(self.path)
        content = save(_storable(checkpoint.tensors))
        digest = hashlib.sha256(content).hexdigest()
        tensors = self.path / f"{name}-{digest[:16]}.safetensors"
        body = {"format": FORMAT, "tensors": tensors.name, "sha256": digest, "values": finite(checkpoint.values)}
        try:
            write_bytes(tensors, content)
            write_text(self.index(name), _text_of(body))
        finally:
            self._sweep(name)

    def load(self, name: str) -> Checkpoint:
        """Read a checkpoint. Raises RunError, naming the file, when it is missing or damaged."""
        try:
            return self._read(name)
        except _DamageError as damage:
            raise RunError(f"{damage}. {self._other_good(name)}") from None

    def _read(self, name: str) -> Checkpoint:
        body = self._read_index(name)
        tensors = self.path / body["tensors"]
        try:
            content = read_bytes(tensors, MOST_TENSORS)
        except FileNotFoundError:
            raise _DamageError(f"{tensors} is damaged: No such file or directory") from None
        if hashlib.sha256(content).hexdigest() != body["sha256"]:
            raise _DamageError(f"{tensors} is damaged: its content is not what {self.index(name).name} says")
        return Checkpoint(tensors_of(content, tensors), body["values"])

    def _read_index(self, name: str) -> dict[str, Any]:
        path = self.index(name)
        if not os.path.lexists(path):
            raise RunError(f"{path}: there is no such checkpoint")
        content = content_of(path, MOST_BODY)
        try:
            body = json_of(content, CheckpointBody, path)
        except RunError as error:
            raise _DamageError(str(error)) from None
        del body["digest"]
        if content != _text_of(body).encode():
            raise _DamageError(f"{path} is damaged: its content does not match its digest")
        if body["format"] != FORMAT:
            raise RunError(
                f"{path}: format {body['format']} is newer than this version of softlabel, which reads {FORMAT}"
            )
        return body

    def _other_good(self, name: str) -> str:
        for index in sorted(self.path.glob("*.json")):
            if index.stem != name:
                try:
                    self._read(index.stem)
                except (_DamageError, RunError):
                    continue
                return f"The checkpoint {index} is good"
        return "There is no other checkpoint; start anew in another folder"

    def _sweep(self, name: str) -> None:
        """Remove tensors that the checkpoint in place does not name: old ones, and those of a save that was cut off."""
        try:
            current = CheckpointBody.model_validate(parse_json(read_bytes(self.index(name), MOST_BODY))).tensors
        except FileNotFoundError:
            current = ""
        except (RunError, ValueError):  # which tensors are needed cannot be told now
            return
        tensors = f"{name}-*.safetensors"
        for path in self.path.glob(tensors):
            if path.name != current:
                path.unlink(missing_ok=True)
        remove_leftovers(self.path)

    def index(self, name: str) -> Path:
        """The JSON of a checkpoint."""
        return self.path / f"{name}.json"


def _text_of(body: Mapping[str, Any]) -> str:
    """The one spelling that a body has, with its digest, so that no flipped bit goes unnoticed."""
    digest = hashlib.sha256(json.dumps(body).encode()).hexdigest()
    return json.dumps({"digest": digest, **body}) + "\n"


def drop_checkpoints(run: Path) -> None:
    """Free the disk of what only an unfinished run needs; files in its folder that are not ours stay."""
    folder = run / "checkpoints"
    for name in ("last", "best"):
        for path in (folder / f"{name}.json", *folder.glob(f"{name}-*.safetensors")):
            path.unlink(missing_ok=True)
    remove_leftovers(folder)
    with contextlib.suppress(OSError):  # there is none, or something else is in it
        folder.rmdir()


def _storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, contiguous, each with memory of its own (tied weights are stored twice), in order of their names."""
    stored: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu").contiguous()
        if tensor.untyped_storage().data_ptr() in seen:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        seen.add(tensor.untyped_storage().data_ptr())
        stored[name] = tensor
    return stored
