"""What a training step of DMUE costs beside plain cross-entropy, and beside a loop over its branches.

    python benchmarks/ambiguity_step.py --out benchmarks/results/ambiguity-step-cpu

ResNet-32 on random 3 x 32 x 32 images of 10 classes, batch 128, forward, backward and SGD. The rival is the same method
with its branches as a list of modules: each one runs on the rows that it learns from, and once more, without gradients,
on the rows of its own class, as the released code does. The variants take turns, one step each, in changing order; a
round gives one ratio to cross-entropy and one to the loop, and the medians over the rounds count. On a CPU, seconds are
those that the process had a processor for, so that other work on the machine counts less. Beside the times: bytes kept
for the backward pass, calls of convolutions, and the loop's floating-point operations, which do not vary. A product of
two large matrices takes its turn too: were the branches' operations as fast as its, and nothing else to be done for
them, a step would take no less than the bound that is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.branches import BranchOutputs
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.initialise import initialise
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Backbone
from softlabel.tasks.classification import Classification

CLASSES = 10
INPUTS = InputSpec(kind="image", shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3)
PLAIN, LOOP = "cross_entropy", "dmue, branches in a loop"
VARIANTS = (PLAIN, LOOP, "dmue", "dmue_shared", "scn")


class Loop(nn.Module):
    """Branches one after another."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.stages = nn.ModuleList(backbone.clone_last_stage() for _ in range(CLASSES))
        self.heads = nn.ModuleList(nn.Linear(backbone.num_features, CLASSES - 1) for _ in range(CLASSES))
        initialise(self)
        self._pool = backbone.pool

    def forward(self, level: Tensor, kept: Tensor) -> BranchOutputs:
        features = torch.stack([self.one(*each, level) for each in zip(self.stages, kept, strict=True)])
        return BranchOutputs(features, torch.stack([head(x) for head, x in zip(self.heads, features, strict=True)]))

    def one(self, stage: nn.Module, rows: Tensor, level: Tensor) -> Tensor:
        """Features of all rows (N, D), those of the branch's own class without gradients."""
        learned = self._pool(stage(level[rows]))
        with torch.no_grad():
            stage.eval()
            latent = self._pool(stage(level[~rows]))
            stage.train()
        whole = learned.new_zeros(len(rows), learned.shape[1])
        return whole.index_put((rows,), learned).index_put((~rows,), latent)


class Step:
    """A variant, ready to step."""

    def __init__(self, variant: str, device: torch.device) -> None:
        kind = find_method(variant.split(",")[0])
        network = build_network(NetworkConfig(backbone="resnet32"), INPUTS, CLASSES, 0)
        task = Classification([str(k) for k in range(CLASSES)])
        counts = torch.full((CLASSES,), 100.0, dtype=torch.float64)
        self.method: Method = kind(kind.Config(), network, task, TrainingSet(1000, counts, lambda folder: network))
        if variant.endswith("loop"):
            self.method.branches = Loop(network.backbone)
        self.method.to(device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.SGD(self.method.parameters(), lr=0.001, momentum=0.9, fused=True)

    def run(self, batch: Batch) -> float:
        """Seconds of one step."""
        clock = time.perf_counter if batch.inputs.is_cuda else time.process_time
        start = clock()
        self.loss(batch).backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        if batch.inputs.is_cuda:
            torch.cuda.synchronize()
        return clock() - start

    def loss(self, batch: Batch) -> Tensor:
        terms, weights = self.method(batch), self.method.weights()
        return torch.stack([weights.get(name, 1.0) * term.sum / term.mass for name, term in terms.items()]).sum()


class Product:
    """A product of square matrices, ready to be made."""

    SIDE = 1024

    def __init__(self, device: torch.device) -> None:
        self.matrix = torch.randn(self.SIDE, self.SIDE, device=device)

    def run(self, batch: Batch) -> float:
        """Seconds of ten."""
        clock = time.perf_counter if batch.inputs.is_cuda else time.process_time
        start = clock()
        for _ in range(10):
            self.matrix @ self.matrix
        if batch.inputs.is_cuda:
            torch.cuda.synchronize()
        return clock() - start


class Convolutions(TorchDispatchMode):
    """Counts the calls of convolutions and their gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "convolution" in str(function)
        return function(*args, **(kwargs or {}))


def kept_bytes(step: Step, batch: Batch) -> int:
    """Bytes that wait for the backward pass, each storage once, without the weights themselves."""
    own = {p.untyped_storage().data_ptr() for p in step.method.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = step.loss(batch)
    total = sum(kept.values())
    del loss
    return total


def operations(step: Step, batch: Batch) -> int:
    """Floating-point operations of matrix products and convolutions in a step."""
    with FlopCounterMode(display=False) as counter:
        step.loss(batch).backward()
    return counter.get_total_flops()


def measure(rounds: int, device: torch.device) -> tuple[dict[str, Any], dict[str, Any]]:
    """Per variant: milliseconds, ratios with their quartiles, bytes kept, and calls; and the bound of batched steps."""
    inputs = torch.randint(0, 256, (128, 3, 32, 32), dtype=torch.uint8)
    batch = Batch(inputs, torch.arange(128) % CLASSES, torch.arange(128)).to(device)
    steps = {name: Step(name, device) for name in VARIANTS}
    counted = {}
    for name, step in steps.items():
        step.run(batch)
        with Convolutions() as calls:
            step.loss(batch).backward()
        counted[name] = (kept_bytes(step, batch), calls.count)
    flops = {name: operations(steps[name], batch) for name in (PLAIN, LOOP)}
    timed: dict[str, Step | Product] = {**steps, "product": Product(device)}
    times: dict[str, list[float]] = {name: [] for name in timed}
    order = list(timed)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            times[name].append(timed[name].run(batch))
    plain = counted[PLAIN][0]
    entries = {
        name: {
            "milliseconds": round(1000 * statistics.median(seconds), 1),
            "to_cross_entropy": quartiles(seconds, times[PLAIN]),
            "to_loop": quartiles(seconds, times[LOOP]),
            "kept_megabytes": round(counted[name][0] / 1e6, 1),
            "kept_to_cross_entropy": round(counted[name][0] / plain, 2),
            "convolution_calls": counted[name][1],
        }
        for name, seconds in times.items()
        if name in steps
    }
    return entries, bound(flops, times)


def bound(flops: dict[str, int], times: dict[str, list[float]]) -> dict[str, Any]:
    """What a step would take whose branches calculate as fast as a large product of matrices, by round."""
    speeds = [10 * 2 * Product.SIDE**3 / seconds for seconds in times["product"]]
    extra = flops[LOOP] - flops[PLAIN]
    least = [plain + extra / speed for plain, speed in zip(times[PLAIN], speeds, strict=True)]
    reached = [extra / (loop - plain) for loop, plain in zip(times[LOOP], times[PLAIN], strict=True)]
    return {
        "gigaflops_of_plain": round(flops[PLAIN] / 1e9, 1),
        "gigaflops_of_loop": round(flops[LOOP] / 1e9, 1),
        "gigaflops_a_second_of_a_product": round(statistics.median(speeds) / 1e9, 1),
        "gigaflops_a_second_of_the_loops_branches": round(statistics.median(reached) / 1e9, 1),
        "least_milliseconds": round(1000 * statistics.median(least), 1),
        "loop_to_least": quartiles(times[LOOP], least),
    }


def quartiles(seconds: list[float], of: list[float]) -> list[float]:
    """Lower quartile, median and upper quartile of the ratios of each round."""
    return [round(q, 3) for q in statistics.quantiles([a / b for a, b in zip(seconds, of, strict=True)], n=4)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32  # products as precise as convolutions
    found, least = measure(options.rounds, torch.device(options.device))
    lines = [
        f"python benchmarks/ambiguity_step.py: {options.rounds} rounds, torch {torch.__version__}, {options.device},"
        f" {platform.machine()}, {options.threads} thread(s); ResNet-32, 10 classes, batch 128",
        f"{'':26}{'ms a step':>10}   of cross-entropy      of the loop           kept MB        convolutions",
    ]
    for name, entry in found.items():
        ratios = "".join(
            f"   {m:.2f} ({low:.2f} to {high:.2f})" for low, m, high in (entry["to_cross_entropy"], entry["to_loop"])
        )
        kept = f"{entry['kept_megabytes']:.0f} ({entry['kept_to_cross_entropy']:.2f} x)"
        lines.append(f"{name:26}{entry['milliseconds']:10.1f}{ratios}   {kept:>14} {entry['convolution_calls']:>10}")
    low, middle, high = least["loop_to_least"]
    lines += [
        f"operations a step: plain {least['gigaflops_of_plain']:.1f}, loop {least['gigaflops_of_loop']:.1f} GFLOP",
        f"speed: the loop's branches {least['gigaflops_a_second_of_the_loops_branches']:.1f} GFLOP/s,"
        f" a large product of matrices {least['gigaflops_a_second_of_a_product']:.1f}",
        f"bound: branches at that speed and plain training as it is would take {least['least_milliseconds']:.0f} ms,"
        f" {middle:.2f} ({low:.2f} to {high:.2f}) times as fast as the loop",
    ]
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        results = {
            "steps": found,
            "bound": least,
            "torch": torch.__version__,
            "threads": options.threads,
            "device": options.device,
        }
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
