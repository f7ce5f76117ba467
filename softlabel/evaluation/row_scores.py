"""What a method says of single training rows, kept beside the run: a sample id and named numbers for each.

A method offers them by overriding `Method.row_scores`; of most there are none, and no file. They are seen by the model
that was trained on the rows, so they are no substitute for out-of-sample probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from softlabel.bounded_files import one_line
from softlabel.data.batch import Batch
from softlabel.data.batches import batches
from softlabel.data.samples import Samples
from softlabel.errors import RunError
from softlabel.methods.base.method import Method
from softlabel.randomness import generator
from softlabel.runs.atomic import write_bytes
from softlabel.runs.tensor_files import read_tensors

FILE = "training-rows.safetensors"
SAMPLE_ID = "sample_id"


@torch.no_grad()
def write_row_scores(run: Path, method: Method, training: Samples, batch_size: int) -> None:
    """Ask the method for its scores of the training rows, and keep them. Raises RunError for other than N rows."""
    if type(method).row_scores is Method.row_scores:
        return
    from safetensors.torch import save

    was_training = method.training
    method.eval()
    order = torch.randperm(len(training), generator=generator("row scores"))  # a method may compare a batch's rows
    parts = [method.row_scores(batch) for batch in _on_device(method, training, order, batch_size)]
    method.train(was_training)
    found = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    wrong = [name for name, scores in found.items() if scores.shape[:1] != (len(training),) or scores.ndim > 2]
    if wrong:
        shape = tuple(found[wrong[0]].shape)
        raise RunError(f"{type(method).__name__}.row_scores: {wrong[0]} is {shape}, expected {len(training)} rows")
    plain = {name: scores.detach().to("cpu", torch.float32).contiguous() for name, scores in found.items()}
    write_bytes(run / FILE, save({SAMPLE_ID: training.sample_id[order].contiguous(), **plain}))


def read_row_scores(run: Path) -> tuple[Tensor, dict[str, Tensor]]:
    """Sample ids (M,) and scores of these rows, (M,) or (M, K), sorted by name; none where the method keeps none.

    Raises RunError when the file is damaged.
    """
    path = run / FILE
    if not os.path.lexists(path):
        return torch.zeros(0, dtype=torch.int64), {}
    found = read_tensors(path)
    sample_id = found.pop(SAMPLE_ID, None)
    if sample_id is None or sample_id.dtype != torch.int64 or sample_id.ndim != 1:
        raise RunError(f"{path} is damaged: {SAMPLE_ID} is not a column of whole numbers")
    wrong = [name for name, scores in found.items() if scores.dtype != torch.float32 or scores.ndim not in (1, 2)]
    if wrong:
        raise RunError(f"{path} is damaged: {one_line(wrong[0])} is not one or several columns of numbers")
    if any(scores.shape[:1] != sample_id.shape for scores in found.values()):
        raise RunError(f"{path} is damaged: its columns differ in length")
    return sample_id, dict(sorted(found.items()))


def _on_device(method: Method, training: Samples, order: Tensor, batch_size: int) -> Iterator[Batch]:
    device = next(method.parameters()).device
    for batch in batches(training, order, batch_size):
        yield batch.to(device)
