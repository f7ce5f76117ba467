"""Evaluation: samples through a network in chunks, into the task's own scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from softlabel.data.samples import Samples
from softlabel.errors import RunError
from softlabel.tasks.evaluator import Evaluator, Groups
from softlabel.tasks.task import Task

CHUNK = 512
PIXELS = 2**19
"""Of masks, in one chunk."""
Forward = Callable[[Tensor], Tensor]


@torch.no_grad()
def predict_chunks(
    network: Forward, samples: Samples, device: torch.device | None = None
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows (n,), logits (n, K), or (n, K, H, W), on the CPU in fp32, and annotations, in the order of the samples.

    `device` is where the inputs go; by default where the network, a module, has its parameters.
    Raises RunError for NaN.
    """
    device = device or device_of(network)
    for rows in torch.split(torch.arange(len(samples)), rows_at_once(samples)):
        logits = network(samples.read(rows).to(device)).float().cpu()
        if bool(logits.isnan().any()):
            raise RunError(
                "the network answers NaN: a lower learning_rate, a longer warmup_epochs or a clip_norm helps"
            )
        yield rows, logits, samples.annotation[rows]


def rows_at_once(samples: Samples) -> int:
    """How many samples go through a network together: fewer of large images, whose maps would leave the caches."""
    if samples.input_kind != "image":
        return CHUNK
    return max(1, min(CHUNK, PIXELS // math.prod(samples.input_shape[1:])))


def collect(network: Forward, samples: Samples, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """All logits (N, K), or (N, K, H, W), on the CPU in fp32, and annotations."""
    logits = [chunk for _, chunk, _ in predict_chunks(network, samples, device)]
    return torch.cat(logits), samples.annotation


def evaluate(
    network: Forward,
    samples: Samples,
    task: Task,
    class_counts: Tensor,
    groups: Groups,
    temperature: float = 1.0,
    *,
    device: torch.device | None = None,
    keep_rows: bool = False,
) -> Evaluator:
    """The task's evaluator after all samples. `network` gives logits and is in evaluation mode already."""
    (evaluator,) = evaluate_at(
        network, samples, task, class_counts, groups, [temperature], device=device, keep_rows=keep_rows
    )
    return evaluator


def evaluate_at(
    network: Forward,
    samples: Samples,
    task: Task,
    class_counts: Tensor,
    groups: Groups,
    temperatures: Sequence[float],
    *,
    device: torch.device | None = None,
    keep_rows: bool = False,
    watch: Callable[[Tensor, Tensor], None] | None = None,
) -> list[Evaluator]:
    """One evaluator for each temperature, from one pass; `watch` sees rows and unscaled logits of every chunk."""
    evaluators = [task.evaluator(class_counts, groups, keep_rows=keep_rows) for _ in temperatures]
    for rows, logits, annotation in predict_chunks(network, samples, device):
        for temperature, evaluator in zip(temperatures, evaluators, strict=True):
            evaluator.update(logits if temperature == 1 else logits / temperature, annotation)
        if watch is not None:
            watch(rows, logits)
    return evaluators


def device_of(network: Forward) -> torch.device:
    """Where a module's parameters are; the CPU for a module without any and for a plain function."""
    parameters = network.parameters() if isinstance(network, nn.Module) else iter(())
    return next((parameter.device for parameter in parameters), torch.device("cpu"))
