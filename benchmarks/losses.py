"""Losses against PyTorch's own, the formula people copy, and its compiled form: time, bytes kept, peak memory.

    python -m benchmarks losses --out benchmarks/results/losses-cpu
    python -m benchmarks losses --device cuda --out benchmarks/results/losses-cuda

A figure is for one forward and backward, the making of the target included where a loop makes it in every step
(mixup). Each rival takes turns with ours: a ratio is the median of the ratios of rounds, with the middle half of them
in brackets. "kept" is what the graph holds for backward, without the loop's own tensors; "peak" is the highest extra
memory during forward and backward, the gradient included: the high-water mark of the process on a CPU (measured in a
process whose allocator returns memory at once), that of PyTorch's allocator on a GPU. Both are in units of the logits
(1.00 = N x K numbers).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.benchmark import Json
from benchmarks.child import called
from benchmarks.held_memory import RETURN_MEMORY_AT_ONCE, kept_for_backward, peak_extra
from benchmarks.interleaved import ORDER, in_turn, timed
from benchmarks.options import pair, whole
from benchmarks.ratios import compared, shown
from softlabel.labels import hard, mix, smoothed
from softlabel.losses import cross_entropy

RIVAL = "PyTorch's cross-entropy, the copied formula, mixup of timm and of its authors; each compiled too; float32"
PACKAGES = ()
QUICK = ("--rounds", "1", "--sizes", "128x10", "--kinds", "hard")
SIZES = ((128, 10), (256, 1000), (1024, 10_000), (64, 128_000))
KINDS = ("hard", "smoothing", "dense", "mixup")
OURS = "softlabel"
SMALL = 10**6
"""Elements up to which a peak is lost among the pages of the process."""
Loss = Callable[[], Tensor]


def copied(logits: Tensor, q: Tensor) -> Tensor:
    """The soft cross-entropy of a hundred repositories."""
    return -(q * torch.log_softmax(logits, -1)).sum(-1).mean()


def torch_smoothing(logits: Tensor, index: Tensor) -> Tensor:
    return F.cross_entropy(logits, index, label_smoothing=0.1)


def dense_mixup(logits: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Mixup as timm and torchvision do it: a target as large as the logits."""
    target = torch.zeros_like(logits)
    target.scatter_(1, one[:, None], 0.3)
    target.scatter_add_(1, other[:, None], torch.full_like(one, 0.7, dtype=logits.dtype)[:, None])
    return F.cross_entropy(logits, target)


def two_losses(logits: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Mixup as its authors do it."""
    return 0.3 * F.cross_entropy(logits, one) + 0.7 * F.cross_entropy(logits, other)


def contests(rows: int, num_classes: int, device: str) -> tuple[Tensor, dict[str, dict[str, Loss]]]:
    """Logits that ask for a gradient, and per kind of label ours and its rivals."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, num_classes, generator=generator).to(device).requires_grad_()
    one = torch.randint(num_classes, (rows,), generator=generator).to(device)
    other = one.flip(0)
    q = torch.softmax(torch.randn(rows, num_classes, generator=generator), -1).to(device)
    compiled = {f: torch.compile(f, dynamic=False) for f in (copied, torch_smoothing, F.cross_entropy, dense_mixup)}

    def mixed() -> Tensor:
        label = mix(hard(one, num_classes, validate=False), hard(other, num_classes, validate=False), 0.3)
        return cross_entropy(logits, label)

    return logits, {
        "hard": {
            OURS: lambda: cross_entropy(logits, one),
            "torch": lambda: F.cross_entropy(logits, one),
            "torch compiled": lambda: compiled[F.cross_entropy](logits, one),
        },
        "smoothing": {
            OURS: lambda: cross_entropy(logits, smoothed(one, num_classes, 0.1, validate=False)),
            "torch label_smoothing": lambda: torch_smoothing(logits, one),
            "torch compiled": lambda: compiled[torch_smoothing](logits, one),
        },
        "dense": {
            OURS: lambda: cross_entropy(logits, q),
            "torch probabilities": lambda: F.cross_entropy(logits, q),
            "copied formula": lambda: copied(logits, q),
            "copied compiled": lambda: compiled[copied](logits, q),
        },
        "mixup": {
            OURS: mixed,
            "torch, dense target": lambda: dense_mixup(logits, one, other),
            "torch, two losses": lambda: two_losses(logits, one, other),
            "dense target compiled": lambda: compiled[dense_mixup](logits, one, other),
        },
    }


def forward_and_backward(logits: Tensor, loss: Loss) -> None:
    logits.grad = None
    loss().backward()
    if logits.is_cuda:
        torch.cuda.synchronize()


def race(logits: Tensor, losses: Mapping[str, Loss], rounds: int) -> dict[str, list[float]]:
    """Seconds of each loss by round; so many in a row that a turn of the first one takes about 20 ms."""
    works = {name: partial(forward_and_backward, logits, loss) for name, loss in losses.items()}
    for work in works.values():
        for _ in range(3):
            work()
    times = max(1, int(0.02 / timed(next(iter(works.values())), times=3)()))
    return in_turn({name: timed(work, times=times) for name, work in works.items()}, rounds)


def memory_of(logits: Tensor, losses: Mapping[str, Loss]) -> dict[str, dict[str, float]]:
    """Memory kept and at the peak, in units of the logits."""
    return {
        name: {
            "kept": kept_for_backward(loss, [logits]) / logits.nbytes,
            "peak": peak_extra(logits, partial(forward_and_backward, logits, loss)) / logits.nbytes,
        }
        for name, loss in losses.items()
    }


def memory(rows: int, num_classes: int, device: str, kinds: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Of these kinds of labels the memory of ours and its rivals."""
    torch.set_num_threads(1)
    logits, losses = contests(rows, num_classes, device)
    return {kind: memory_of(logits, losses[kind]) for kind in kinds}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--rounds", type=whole, default=15)
    parser.add_argument("--sizes", type=pair, nargs="+", default=SIZES, help="N x K of the logits")
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS, help="kinds of labels")


def measure(options: Namespace) -> Json:
    found = [row for rows, num_classes in options.sizes for row in measured_size(rows, num_classes, options)]
    return {"rounds": options.rounds, "order": ORDER, "rows": found}


def measured_size(rows: int, num_classes: int, options: Namespace) -> list[Json]:
    logits, kinds = contests(rows, num_classes, options.device)
    asked = (rows, num_classes, options.device, options.kinds)
    held = called("benchmarks.losses", "memory", *asked, environment=RETURN_MEMORY_AT_ONCE)
    found: list[Json] = []
    for kind in options.kinds:
        for rival in [name for name in kinds[kind] if name != OURS]:
            both = {name: kinds[kind][name] for name in (OURS, rival)}
            race_of = compared(race(logits, both, options.rounds), OURS)
            found.append(
                {
                    "rows": rows,
                    "classes": num_classes,
                    "label": kind,
                    "rival": rival,
                    "ours_ms": 1e3 * race_of[OURS]["median"],
                    "rival_ms": 1e3 * race_of[rival]["median"],
                    "ratio": race_of[rival]["ratio"],
                    "ours_memory": held[kind][OURS],
                    "rival_memory": held[kind][rival],
                }
            )
            print(line(found[-1]), file=sys.stderr)
    return found


HEADER = (
    f"{'N x K':>10} {'label':9} {'rival':22} {'ours ms':>9} {'rival ms':>9}  {'rival / ours':20}"
    "  kept: ours rival  peak: ours rival"
)


def line(row: Json) -> str:
    size = f"{row['rows']}x{row['classes']}"
    times = f"{row['ours_ms']:9.3f} {row['rival_ms']:9.3f}  {shown(row['ratio']):>18}"
    ours, rival = row["ours_memory"], row["rival_memory"]
    peaks = "    –     –" if row["rows"] * row["classes"] < SMALL else f"{ours['peak']:5.2f} {rival['peak']:5.2f}"
    return f"{size:>10} {row['label']:9} {row['rival']:22} {times:40} {ours['kept']:5.2f} {rival['kept']:5.2f}  {peaks}"


def told(measured: Json) -> str:
    about = f"{measured['rounds']} rounds of ours and each rival, {measured['order']}"
    return "\n".join([about, HEADER, *map(line, measured["rows"])])
