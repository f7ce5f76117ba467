"""What a training step of DaSL costs beside plain cross-entropy, part by part, and of what ships.

    python -m benchmarks long_tail_step --out benchmarks/results/long-tail-step-cpu

ResNet-32 on random 3 x 32 x 32 images, batch 128, forward, backward and SGD. The variants take turns, one step each, in
alternating order; a round gives one ratio to cross-entropy per variant, and the median over the rounds counts. Seconds
are those that the process had a processor for, so that other work on the machine counts less.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

import torch

from benchmarks.benchmark import Json
from benchmarks.interleaved import ORDER, in_turn
from benchmarks.options import whole
from benchmarks.ratios import compared, shown
from benchmarks.training_step import TrainingStep, method_of, random_batch

RIVAL = "cross_entropy and crt, on the same network and batch"
PACKAGES = ()
QUICK = ("--rounds", "1", "--variants", "cross_entropy", "crt, stage 2")
COUNTS = torch.linspace(500, 5, 100, dtype=torch.float64)
PLAIN = "cross_entropy"
VARIANTS: dict[str, tuple[str, dict[str, Any], int]] = {
    PLAIN: ("cross_entropy", {}, 0),
    "dasl, stage 1": ("dasl", {}, 0),
    "  without feature distillation": ("dasl", {"feature_weight": 0.0}, 0),
    "  without label distillation": ("dasl", {"label_weight": 0.0}, 0),
    "  auxiliary network only": ("dasl", {"feature_weight": 0.0, "label_weight": 0.0}, 0),
    "  width 2, depth 2": ("dasl", {"auxiliary_width": 2.0, "auxiliary_depth": 2}, 0),
    "dasl, stage 2": ("dasl", {}, 1),
    "dasl_prior, stage 2": ("dasl_prior", {}, 1),
    "crt, stage 2": ("crt", {}, 1),
}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=whole, default=15)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="VARIANT")


def measure(options: Namespace) -> Json:
    batch = random_batch(len(COUNTS))
    steps = {}
    for variant in dict.fromkeys([PLAIN, *options.variants]):
        name, settings, stage = VARIANTS[variant]
        steps[variant] = TrainingStep(method_of(name, settings, COUNTS), batch, stage=stage)
    return {
        "rounds": options.rounds,
        "order": ORDER,
        "steps": compared(in_turn(steps, options.rounds), PLAIN),
        "parameters": {name: shipped(name) for name in (PLAIN, "dasl")},
    }


def shipped(name: str) -> int:
    """Parameters of what ships."""
    return sum(p.numel() for p in method_of(name, {}, COUNTS).deployable().parameters())


def told(measured: Json) -> str:
    lines = [
        f"ResNet-32, batch 128; {measured['rounds']} rounds, {measured['order']}",
        f"{'':34}{'CPU ms':>10}   of cross-entropy [middle half]",
    ]
    for name, entry in measured["steps"].items():
        lines.append(f"{name:34}{1000 * entry['median']:10.1f}   {shown(entry['ratio'])}")
    plain, dasl = measured["parameters"].values()
    return "\n".join([*lines, f"parameters that ship: {plain:,} (cross_entropy), {dasl:,} (dasl)"])
