"""Stages that several runs of a comparison have in common are trained once: their ends are kept in one folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from softlabel.bounded_files import checked
from softlabel.methods.base.method import Method
from softlabel.methods.base.stage import Stage
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder
from softlabel.runs.partial import remove_leftovers
from softlabel.runs.records import Position
from softlabel.training.build_method import own_training
from softlabel.training.config import RunConfig
from softlabel.training.position import refuse_other_position

_KEPT = re.compile(r"[0-9a-f]{24}(\.json|-[0-9a-f]+\.safetensors)")


class SharedStages:
    """The ends of stages that other runs may go on from.

    keys   of each stage of this run that another run has too, its key; None for the others
    """

    def __init__(self, folder: Path, keys: Sequence[str | None]) -> None:
        self.keys = list(keys)
        self._folder = CheckpointFolder(folder)

    def missing(self) -> list[str]:
        """The keys of stages that nobody has finished yet."""
        return [key for key in self.keys if key is not None and key not in self._folder]

    def keep(self, stage_index: int, checkpoint: Checkpoint) -> None:
        """This stage has ended; whoever comes first writes it."""
        key = self.keys[stage_index]
        if key is not None and key not in self._folder:
            self._folder.path.mkdir(parents=True, exist_ok=True)
            self._folder.save(key, checkpoint)

    def latest(self, stages: Sequence[Stage], epochs: int) -> Checkpoint | None:
        """The end of the last stage that is kept, told in the names of these stages; None where none is.

        epochs   of a stage that has no number of its own

        Raises RunError when the checkpoint is damaged, or not of these stages.
        """
        for stage_index in reversed(range(len(self.keys))):
            key = self.keys[stage_index]
            if key is not None and key in self._folder:
                checkpoint, path = self._folder.load(key), self._folder.index(key)
                checked(checkpoint.values, Position, path, "values")
                renamed = _renamed(checkpoint, stages[: stage_index + 1])
                refuse_other_position(renamed.values, stages, epochs, path)
                return renamed
        return None


def forget(folder: Path) -> None:
    """Remove what was kept, when no run needs it any more; nothing else."""
    for path in folder.glob("*"):
        if _KEPT.fullmatch(path.name):
            path.unlink()
    remove_leftovers(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def stage_keys(config: RunConfig, method: Method) -> list[str]:
    """One key per stage: equal for runs that are the same, bit for bit, up to the end of that stage."""
    common = {
        "task": config.task,
        "seed": config.seed,
        "data": config.data.model_dump(mode="json"),
        "network": config.network.model_dump(mode="json") | {"head": method.head_kind},
        "training": own_training(config, method.network.backbone.pretrained).model_dump(mode="json"),
    }
    so_far: list[object] = [common]
    keys = []
    for stage in method.stages():
        plan = {name: value for name, value in vars(stage).items() if name != "name"}
        so_far.append([plan, dict(method.fingerprint(stage))])
        text = json.dumps(so_far, sort_keys=True, default=str)
        keys.append(hashlib.sha256(text.encode()).hexdigest()[:24])
    return keys


def _renamed(checkpoint: Checkpoint, stages: Sequence[Stage]) -> Checkpoint:
    """The same with the records under this run's names of its stages."""
    names = list(dict.fromkeys(record["stage"] for record in checkpoint.values["records"]))
    name_of = dict(zip(names, (stage.name for stage in stages), strict=False))
    records = [
        {**record, "stage": name_of.get(record["stage"], record["stage"])} for record in checkpoint.values["records"]
    ]
    return Checkpoint(checkpoint.tensors, {**checkpoint.values, "records": records})
