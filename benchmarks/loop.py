"""Images/s of the training loop against a minimal loop written by hand, and of bf16 against fp32.

    python benchmarks/loop.py --out benchmarks/results/loop-cpu

Same network, same batches in memory, same precision, no augmentation, no validation. The two loops take turns, a few
epochs each, in changing order; a round gives one ratio, and the median over the rounds counts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from softlabel.networks.build import build_network
from softlabel.networks.network import Network
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.config import RunConfig
from softlabel.training.precision import choose_precision
from softlabel.training.train import train

SETTINGS: dict[str, dict[str, Any]] = {
    "resnet8, digits 8x8, batch 64": {"network": {"backbone": "resnet8"}, "training": {"batch_size": 64, "epochs": 3}},
    "resnet20, digits as 3x32x32, batch 128": {
        "network": {"backbone": "resnet20"},
        "training": {"batch_size": 128, "epochs": 1},
        "data": {"resize": [32, 32], "colour": "rgb"},
    },
    "mlp, digits 8x8, batch 64": {"network": {"backbone": "mlp"}, "training": {"batch_size": 64, "epochs": 10}},
}


def minimal_loop(network: Network, inputs: Tensor, labels: Tensor, batch_size: int, epochs: int) -> float:
    """What one writes by hand; images per second."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    network.train()
    start = time.perf_counter()
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(batch_size):
            loss = functional.cross_entropy(network(inputs[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return epochs * len(inputs) / (time.perf_counter() - start)


def our_loop(config: RunConfig, prepared: Prepared) -> float:
    """A whole run of `softlabel train`; images per second of its training."""
    with tempfile.TemporaryDirectory() as folder:
        result = train(config, folder=Path(folder) / "run", prepared=prepared)
    return float(result.cell["images_per_second"])


def measure(setting: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Speeds and ratios of a setting over so many rounds, after one that does not count."""
    options = {**setting, "training": {"augment": "none", "learning_rate": 0.01, **setting["training"]}}
    config = RunConfig.model_validate({"method": "cross_entropy", **options})
    prepared = without_much_testing(prepare(config.data))
    training = prepared.splits.training
    inputs = training.read(torch.arange(len(training)))
    network = build_network(config.network, prepared.inputs, prepared.task.num_classes, 0)
    sides: list[Callable[[], float]] = [
        lambda: our_loop(config, prepared),
        lambda: minimal_loop(network, inputs, training.annotation, config.training.batch_size, config.training.epochs),
    ]
    speeds: list[list[float]] = []
    for turn in range(rounds + 1):
        order = (0, 1) if turn % 2 else (1, 0)
        found = {side: sides[side]() for side in order}
        speeds.append([found[0], found[1]])
    ratios = sorted(ours / theirs for ours, theirs in speeds[1:])
    return {
        "ours_images_per_second": round(statistics.median(ours for ours, _ in speeds[1:]), 1),
        "minimal_images_per_second": round(statistics.median(theirs for _, theirs in speeds[1:]), 1),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_quartiles": [round(q, 4) for q in statistics.quantiles(ratios, n=4)[::2]],
        "rounds": rounds,
    }


def without_much_testing(prepared: Prepared) -> Prepared:
    """Only a few rows to validate and test on, as they are not measured."""
    splits = prepared.splits
    assert splits.validation is not None
    few = torch.arange(64)
    splits = dataclasses.replace(splits, validation=splits.validation.select(few), test=splits.test.select(few))
    return dataclasses.replace(prepared, splits=splits)


def precisions() -> dict[str, Any]:
    """What `precision=auto` measures for resnet20 on a batch of 128 colour images."""
    config = RunConfig.model_validate(SETTINGS["resnet20, digits as 3x32x32, batch 128"])
    prepared = prepare(config.data)
    network = build_network(config.network, prepared.inputs, prepared.task.num_classes, 0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inputs = prepared.splits.training.read(torch.arange(128))
    choice = choose_precision("auto", network, inputs, device)
    return {**choice.to_json(), "bf16_over_fp32": round(choice.measured["bf16"] / choice.measured["fp32"], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = {
        "torch": torch.__version__,
        "processor": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "amx": "amx_bf16" in _cpu_flags(),
        "threads": options.threads,
    }
    results = {
        "machine": machine,
        "loop": {name: measure(setting, options.rounds) for name, setting in SETTINGS.items()},
        "precision": precisions(),
    }
    lines = in_words(results, options.rounds)
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def in_words(results: dict[str, Any], rounds: int) -> list[str]:
    """The results as lines of text."""
    machine = ", ".join(f"{key} {value}" for key, value in results["machine"].items())
    lines = [
        f"python benchmarks/loop.py: {rounds} rounds; {machine}",
        "images/s                                     ours    by hand   ratio (quartiles)",
    ]
    for name, found in results["loop"].items():
        low, high = found["ratio_quartiles"]
        lines.append(
            f"  {name:40}{found['ours_images_per_second']:9,.0f}{found['minimal_images_per_second']:11,.0f}"
            f"   {found['ratio_median']:.3f} ({low:.3f} to {high:.3f})"
        )
    precision = results["precision"]
    lines.append(
        f"bf16 with channels-last, resnet20, batch 128: {precision['bf16_over_fp32']} x fp32; precision=auto takes"
        f" {precision['name']}"
    )
    return lines


def _cpu_flags() -> str:
    info = Path("/proc/cpuinfo")
    return info.read_text() if info.exists() else ""


if __name__ == "__main__":
    main()
