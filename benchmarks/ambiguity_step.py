"""What a training step of DMUE costs beside plain cross-entropy, and beside a loop over its branches.

    python -m benchmarks ambiguity_step --out benchmarks/results/ambiguity-step-cpu

ResNet-32 on random 3 x 32 x 32 images of 10 classes, batch 128, forward, backward and SGD. The rival is the same method
with its branches as a list of modules: each one runs on the rows that it learns from, and once more, without gradients,
on the rows of its own class, as the released code does. The variants take turns, one step each, in alternating order; a
round gives one ratio to cross-entropy and one to the loop, and the medians over the rounds count. On a CPU, seconds are
those that the process had a processor for, so that other work on the machine counts less. Beside the times: bytes kept
for the backward pass, calls of convolutions, and the loop's floating-point operations, which do not vary. A product of
two large matrices takes its turn too: were the branches' operations as fast as its, and nothing else to be done for
them, a step would take no less than the bound that is printed.
"""

from __future__ import annotations

import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.benchmark import Json
from benchmarks.held_memory import kept_for_backward
from benchmarks.interleaved import ORDER, in_turn
from benchmarks.options import whole
from benchmarks.ratios import ratios, shown
from benchmarks.training_step import TrainingStep, clock, method_of, random_batch
from softlabel.data.batch import Batch
from softlabel.networks.branches import BranchOutputs
from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone

RIVAL = "DMUE with its branches in a loop, as the released code has them; cross_entropy"
PACKAGES = ()
QUICK = ("--rounds", "1")
CLASSES, SIDE, PRODUCTS = 10, 1024, 10
COUNTS = torch.full((CLASSES,), 100.0, dtype=torch.float64)
PLAIN, LOOP, PRODUCT = "cross_entropy", "dmue, branches in a loop", "product"
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


def step_of(variant: str, batch: Batch) -> TrainingStep:
    """A variant, ready to step."""
    method = method_of(variant.split(",")[0], {}, COUNTS)
    if variant == LOOP:
        method.branches = Loop(method.network.backbone)
    return TrainingStep(method, batch)


class Products:
    """Ten products of two square matrices. Called, it makes them and says the seconds."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.matrix = torch.randn(SIDE, SIDE, device=batch.inputs.device)

    def __call__(self) -> float:
        started = clock(self.batch)
        for _ in range(PRODUCTS):
            self.matrix @ self.matrix
        return clock(self.batch) - started


class Convolutions(TorchDispatchMode):
    """Counts the calls of convolutions and their gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "convolution" in str(function)
        return function(*args, **(kwargs or {}))


def counted(step: TrainingStep) -> Json:
    """Megabytes kept for the backward pass, without the weights themselves, and calls of convolutions."""
    step()
    with Convolutions() as calls:
        step.loss().backward()
    kept = kept_for_backward(step.loss, list(step.method.parameters()))
    return {"kept_megabytes": kept / 1e6, "convolution_calls": calls.count}


def operations(step: TrainingStep) -> int:
    """Floating-point operations of matrix products and convolutions in a step."""
    with FlopCounterMode(display=False) as counter:
        step.loss().backward()
    return int(counter.get_total_flops())


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=whole, default=15)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))


def measure(options: Namespace) -> Json:
    # Products of matrices as precise as convolutions.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32
    batch = random_batch(CLASSES).to(torch.device(options.device))
    steps = {name: step_of(name, batch) for name in VARIANTS}
    counts = {name: counted(step) for name, step in steps.items()}
    flops = {name: operations(steps[name]) for name in (PLAIN, LOOP)}
    rounds = in_turn({**steps, PRODUCT: Products(batch)}, options.rounds)
    return {
        "rounds": options.rounds,
        "order": ORDER,
        "steps": {
            name: {
                "median": statistics.median(rounds[name]),
                "to_cross_entropy": ratios(rounds[name], rounds[PLAIN]),
                "to_loop": ratios(rounds[name], rounds[LOOP]),
                **counts[name],
            }
            for name in steps
        },
        "bound": bound(flops, rounds),
    }


def bound(flops: Mapping[str, int], rounds: Mapping[str, Sequence[float]]) -> Json:
    """What a step would take whose branches calculate as fast as a large product of matrices, by round."""
    speeds = [PRODUCTS * 2 * SIDE**3 / seconds for seconds in rounds[PRODUCT]]
    extra = flops[LOOP] - flops[PLAIN]
    least = [plain + extra / speed for plain, speed in zip(rounds[PLAIN], speeds, strict=True)]
    reached = [extra / (loop - plain) for loop, plain in zip(rounds[LOOP], rounds[PLAIN], strict=True)]
    return {
        "gigaflops_of_plain": flops[PLAIN] / 1e9,
        "gigaflops_of_loop": flops[LOOP] / 1e9,
        "gigaflops_a_second_of_a_product": statistics.median(speeds) / 1e9,
        "gigaflops_a_second_of_the_loops_branches": statistics.median(reached) / 1e9,
        "least_seconds": statistics.median(least),
        "loop_to_least": ratios(rounds[LOOP], least),
    }


def told(measured: Json) -> str:
    lines = [
        f"ResNet-32, 10 classes, batch 128; {measured['rounds']} rounds, {measured['order']}",
        f"{'':26}{'ms a step':>10}   of cross-entropy      of the loop           kept MB        convolutions",
    ]
    plain = measured["steps"][PLAIN]["kept_megabytes"]
    for name, entry in measured["steps"].items():
        of_both = f"{shown(entry['to_cross_entropy'])}   {shown(entry['to_loop'])}"
        kept = f"{entry['kept_megabytes']:.0f} ({entry['kept_megabytes'] / plain:.2f} x)"
        calls = entry["convolution_calls"]
        lines.append(f"{name:26}{1000 * entry['median']:10.1f}   {of_both}   {kept:>14} {calls:>10}")
    least = measured["bound"]
    return "\n".join(
        [
            *lines,
            f"operations a step: plain {least['gigaflops_of_plain']:.1f}, loop {least['gigaflops_of_loop']:.1f} GFLOP",
            f"speed: the loop's branches {least['gigaflops_a_second_of_the_loops_branches']:.1f} GFLOP/s,"
            f" a large product of matrices {least['gigaflops_a_second_of_a_product']:.1f}",
            "bound: branches at that speed and plain training as it is would take"
            f" {1000 * least['least_seconds']:.0f} ms, {shown(least['loop_to_least'])} times as fast as the loop",
        ]
    )
