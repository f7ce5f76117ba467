"""Losses against PyTorch's own, the formula people copy, and its compiled form: time, bytes kept, peak memory.

    python benchmarks/losses.py                 writes benchmarks/results/losses-<device>.txt and .json
    python benchmarks/losses.py --device cuda

A figure is for one forward and backward, the making of the target included where a loop makes it in every step
(mixup). Rivals take turns with ours (A B A B ...): a ratio is the median of the ratios of neighbours, with the middle
half of them in brackets. "kept" is what the graph holds for backward, without the loop's own tensors; "peak" is the
highest extra memory during forward and backward, the gradient included: the high-water mark of the process on a CPU
(measured in a process whose allocator returns memory at once), that of PyTorch's allocator on a GPU. Both are in
units of the logits (1.00 = N x K numbers).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from softlabel.labels import hard, mix, smoothed
from softlabel.losses import cross_entropy

SIZES = [(128, 10), (256, 1000), (1024, 10_000), (64, 128_000)]
OURS = "softlabel"
Step = Callable[[], Tensor]
RETURN_MEMORY_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_TOP_PAD_": "0"}


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


def contests(size: tuple[int, int], device: str) -> tuple[Tensor, dict[str, dict[str, Step]]]:
    """Logits that ask for a gradient, and per kind of label ours and its rivals."""
    rows, num_classes = size
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


def run(logits: Tensor, step: Step) -> None:
    logits.grad = None
    step().backward()


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(logits: Tensor, step: Step, inner: int, device: str) -> float:
    wait(device)
    start = time.perf_counter()
    for _ in range(inner):
        run(logits, step)
    wait(device)
    return (time.perf_counter() - start) / inner


def race(logits: Tensor, ours: Step, rival: Step, repeats: int, device: str) -> tuple[list[float], list[float]]:
    """Seconds of both, taking turns."""
    for step in (ours, rival):
        for _ in range(3):
            run(logits, step)
    inner = max(1, int(0.02 / seconds(logits, ours, 3, device)))
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for step, found in ((ours, times[0]), (rival, times[1])):
            found.append(seconds(logits, step, inner, device))
    return times


def kept_for_backward(logits: Tensor, step: Step) -> float:
    """Bytes of the storages that the graph holds, other than the logits', per byte of the logits."""
    storages: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = step()
    storages.pop(logits.untyped_storage().data_ptr(), None)
    del loss
    return sum(storages.values()) / logits.nbytes


def resident() -> tuple[int, int]:
    """Bytes resident now and at the high-water mark (Linux)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def peak_extra(logits: Tensor, step: Step, device: str) -> float:
    """Highest extra memory of forward and backward, per byte of the logits."""
    for _ in range(2):
        run(logits, step)
    logits.grad = None
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run(logits, step)
        return (torch.cuda.max_memory_allocated() - before) / logits.nbytes
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before, _ = resident()
    run(logits, step)
    return (resident()[1] - before) / logits.nbytes


def memory(size: tuple[int, int], device: str) -> dict[str, dict[str, dict[str, float]]]:
    logits, kinds = contests(size, device)
    return {
        kind: {
            name: {"kept": kept_for_backward(logits, step), "peak": peak_extra(logits, step, device)}
            for name, step in steps.items()
        }
        for kind, steps in kinds.items()
    }


def memory_in_child(size: tuple[int, int], device: str) -> dict[str, dict[str, dict[str, float]]]:
    command = [sys.executable, __file__, "--memory-of", f"{size[0]}x{size[1]}", "--device", device]
    answer = subprocess.run(command, env=os.environ | RETURN_MEMORY_AT_ONCE, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, dict[str, float]]] = json.loads(answer.stdout.splitlines()[-1])
    return found


def measure(size: tuple[int, int], repeats: int, device: str) -> list[dict[str, object]]:
    logits, kinds = contests(size, device)
    bytes_of = memory_in_child(size, device)
    rows: list[dict[str, object]] = []
    for kind, steps in kinds.items():
        for rival in [name for name in steps if name != OURS]:
            ours, theirs = race(logits, steps[OURS], steps[rival], repeats, device)
            ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
            quarter = len(ratios) // 4
            rows.append(
                {
                    "rows": size[0],
                    "classes": size[1],
                    "label": kind,
                    "rival": rival,
                    "ours_ms": 1e3 * statistics.median(ours),
                    "rival_ms": 1e3 * statistics.median(theirs),
                    "ratio": statistics.median(ratios),
                    "middle_half": [ratios[quarter], ratios[-1 - quarter]],
                    "ours_memory": bytes_of[kind][OURS],
                    "rival_memory": bytes_of[kind][rival],
                }
            )
            print(line(rows[-1]), flush=True)
    return rows


def line(row: dict[str, object]) -> str:
    size = f"{row['rows']}x{row['classes']}"
    low, high = row["middle_half"]  # type: ignore[misc]
    times = f"{row['ours_ms']:9.3f} {row['rival_ms']:9.3f}  {row['ratio']:5.2f} [{low:.2f}, {high:.2f}]"
    ours, rival = row["ours_memory"], row["rival_memory"]
    if row["rows"] * row["classes"] < 10**6:  # type: ignore[operator]
        kept = f"{ours['kept']:5.2f} {rival['kept']:5.2f}      –     –"  # type: ignore[index]
    else:
        kept = f"{ours['kept']:5.2f} {rival['kept']:5.2f}  {ours['peak']:5.2f} {rival['peak']:5.2f}"  # type: ignore[index]
    return f"{size:>10} {row['label']:9} {row['rival']:22} {times:40} {kept}"


HEADER = (
    f"{'N x K':>10} {'label':9} {'rival':22} {'ours ms':>9} {'rival ms':>9}  {'rival / ours':20}"
    "  kept: ours rival  peak: ours rival"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        rows, num_classes = map(int, options.memory_of.split("x"))
        print(json.dumps(memory((rows, num_classes), options.device)))
        return
    name = (
        torch.cuda.get_device_name() if options.device == "cuda" else f"CPU ({torch.backends.cpu.get_cpu_capability()})"
    )
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors at the start"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    about = f"{name}, {options.threads} thread(s), {load}, {versions}, float32"
    print(about, HEADER, sep="\n", flush=True)
    results = [row for size in SIZES for row in measure(size, options.repeats, options.device)]
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    text = "\n".join([f"python benchmarks/losses.py  ({about})", "", HEADER, *map(line, results), "", __doc__ or ""])
    (folder / f"losses-{options.device}.txt").write_text(text)
    (folder / f"losses-{options.device}.json").write_text(
        json.dumps({"about": about, "rows": results}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
