"""What a training step of DaSL costs beside plain cross-entropy, part by part, and of what ships.

    python benchmarks/long_tail_step.py --out benchmarks/results/long-tail-step-cpu

ResNet-32 on random 3 x 32 x 32 images, batch 128, forward, backward and SGD. The variants take turns, one step each, in
changing order; a round gives one ratio to cross-entropy per variant, and the median over the rounds counts. Seconds are
those that the process had a processor for, so that other work on the machine counts less.
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

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.training.part_modes import freeze_parts, set_modes

CLASSES = 100
INPUTS = InputSpec(kind="image", shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3)
VARIANTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "cross_entropy": ("cross_entropy", {}, 0),
    "dasl, stage 1": ("dasl", {}, 0),
    "  without feature distillation": ("dasl", {"feature_weight": 0.0}, 0),
    "  without label distillation": ("dasl", {"label_weight": 0.0}, 0),
    "  auxiliary network only": ("dasl", {"feature_weight": 0.0, "label_weight": 0.0}, 0),
    "  width 2, depth 2": ("dasl", {"auxiliary_width": 2.0, "auxiliary_depth": 2}, 0),
    "dasl, stage 2": ("dasl", {}, 1),
    "dasl_prior, stage 2": ("dasl_prior", {}, 1),
    "crt, stage 2": ("crt", {}, 1),
}


class Step:
    """A variant, ready to step."""

    def __init__(self, name: str, options: dict[str, Any], place: int) -> None:
        kind = find_method(name)
        network = build_network(NetworkConfig(backbone="resnet32"), INPUTS, CLASSES, 0)
        counts = torch.linspace(500, 5, CLASSES, dtype=torch.float64)
        task = Classification([str(k) for k in range(CLASSES)])
        training_set = TrainingSet(10_847, counts, lambda folder: network)
        self.method: Method = kind(kind.Config.model_validate(options), network, task, training_set)
        for stage in self.method.stages()[: place + 1]:
            self.method.begin_stage(stage)
        parts = self.method.stages()[place].parts
        freeze_parts(self.method, parts)
        set_modes(self.method, parts)
        moving = [parameter for parameter in self.method.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.SGD(moving, lr=0.01, momentum=0.9, fused=True)

    def run(self, batch: Batch) -> float:
        """Seconds that the process had a processor for, of one step."""
        start = time.process_time()
        terms, weights = self.method(batch), self.method.weights()
        total = torch.stack([weights.get(name, 1.0) * term.sum / term.mass for name, term in terms.items()]).sum()
        total.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        return time.process_time() - start


def measure(rounds: int) -> dict[str, Any]:
    """Per variant: milliseconds, and the ratio to cross-entropy with its quartiles."""
    batch = Batch(
        torch.randint(0, 256, (128, 3, 32, 32), dtype=torch.uint8), torch.randint(0, 100, (128,)), torch.arange(128)
    )
    steps = {name: Step(*variant) for name, variant in VARIANTS.items()}
    for step in steps.values():
        step.run(batch)
    times: dict[str, list[float]] = {name: [] for name in steps}
    order = list(steps)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            times[name].append(steps[name].run(batch))
    found = {}
    for name, seconds in times.items():
        ratios = [ours / plain for ours, plain in zip(seconds, times["cross_entropy"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        found[name] = {
            "milliseconds": round(1000 * statistics.median(seconds), 1),
            "ratio_median": round(middle, 3),
            "ratio_quartiles": [round(low, 3), round(high, 3)],
        }
    return found


def shipped() -> dict[str, int]:
    """Parameters of what ships."""
    return {
        name: sum(p.numel() for p in Step(name, {}, 0).method.deployable().parameters())
        for name in ("cross_entropy", "dasl")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    found, parameters = measure(options.rounds), shipped()
    lines = [
        f"python benchmarks/long_tail_step.py: {options.rounds} rounds, torch {torch.__version__},"
        f" {platform.machine()}, {options.threads} thread(s); ResNet-32, batch 128",
        f"{'':34}{'CPU ms':>10}   of cross-entropy (quartiles)",
    ]
    for name, entry in found.items():
        low, high = entry["ratio_quartiles"]
        lines.append(f"{name:34}{entry['milliseconds']:10.1f}   {entry['ratio_median']:.2f} ({low:.2f} to {high:.2f})")
    lines.append(
        f"parameters that ship: {parameters['cross_entropy']:,} (cross_entropy), {parameters['dasl']:,} (dasl)"
    )
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        results = {"steps": found, "parameters": parameters, "torch": torch.__version__, "threads": options.threads}
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
