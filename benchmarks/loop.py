"""Images/s of the training loop against a minimal loop written by hand, and of bf16 against fp32.

    python -m benchmarks loop --out benchmarks/results/loop-cpu

Same network, same batches in memory, same precision, no augmentation, no validation. The two loops take turns, a few
epochs each, in alternating order; a round gives one ratio, and the median over the rounds counts.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.benchmark import Json
from benchmarks.interleaved import ORDER, in_turn
from benchmarks.options import whole
from benchmarks.ratios import ratios, shown
from softlabel.networks.build import build_network
from softlabel.networks.network import Network
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.config import RunConfig
from softlabel.training.precision import choose_precision
from softlabel.training.train import train

RIVAL = "a minimal loop written by hand: same network, batches in memory, SGD with Nesterov momentum"
PACKAGES = ()
QUICK = ("--rounds", "1", "--settings", "mlp, digits 8x8, batch 64", "--no-precision")
OURS, BY_HAND = "softlabel", "by hand"
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


def measured_setting(setting: dict[str, Any], rounds: int) -> Json:
    """Speeds and ratios of a setting over so many rounds, after one that does not count."""
    options = {**setting, "training": {"augment": "none", "learning_rate": 0.01, **setting["training"]}}
    config = RunConfig.model_validate({"method": "cross_entropy", **options})
    prepared = without_much_testing(prepare(config.data))
    training = prepared.splits.training
    inputs = training.read(torch.arange(len(training)))
    network = build_network(config.network, prepared.inputs, prepared.task.num_classes, 0)
    size, epochs = config.training.batch_size, config.training.epochs
    sides = {
        OURS: lambda: our_loop(config, prepared),
        BY_HAND: lambda: minimal_loop(network, inputs, training.annotation, size, epochs),
    }
    speeds = in_turn(sides, rounds)
    return {
        "images_per_second": {name: statistics.median(own) for name, own in speeds.items()},
        "ratio": ratios(speeds[OURS], speeds[BY_HAND]),
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


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--rounds", type=whole, default=11)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS), metavar="SETTING")
    parser.add_argument("--no-precision", action="store_true", help="leave bf16 out")


def measure(options: Namespace) -> Json:
    return {
        "rounds": options.rounds,
        "order": ORDER,
        "loop": {name: measured_setting(SETTINGS[name], options.rounds) for name in options.settings},
        "precision": None if options.no_precision else precisions(),
    }


def told(measured: Json) -> str:
    lines = [
        f"{measured['rounds']} rounds, {measured['order']}",
        f"{'images/s':42}{'ours':>9}{'by hand':>11}   ours / by hand",
    ]
    for name, found in measured["loop"].items():
        ours, theirs = found["images_per_second"].values()
        lines.append(f"  {name:40}{ours:9,.0f}{theirs:11,.0f}   {shown(found['ratio'], '.3f')}")
    precision = measured["precision"]
    if precision:
        lines.append(
            f"bf16 with channels-last, resnet20, batch 128: {precision['bf16_over_fp32']} x fp32; precision=auto takes"
            f" {precision['name']}"
        )
    return "\n".join(lines)
