"""What five classifiers on one representation cost together, beside one training with cross-entropy.

    python -m benchmarks shared_stages --source packed:DATA/fashion_mnist_train_00000_24999,fashion_mnist_test
        --out benchmarks/results/shared-stages-cpu

One `softlabel compare`, two runs at a time: cross-entropy for 60 epochs, and cRT, LWS, tau-normalisation, nearest class
mean and label-aware smoothing on its representation, with second stages of 6 epochs. A run counts the seconds of the
stage that it shares as its own, so what it adds is what it has more than cross-entropy, whose whole run is that stage.
Of each seed: the seconds of cross-entropy and of all that is added, over those of cross-entropy.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from benchmarks.benchmark import Json
from benchmarks.child import SOFTLABEL
from benchmarks.options import whole
from benchmarks.ratios import middle, shown

RIVAL = "one training with cross-entropy"
PACKAGES = ()
QUICK = None
PLAIN = "cross_entropy"
FAMILY = (PLAIN, "crt", "lws", "tau_norm", "ncm", "label_aware")
OPTIONS = """--seeds 2 --jobs 2 --resize 14x14 --imbalance 100 --training-share 0.5
--crt.classifier-epochs 6 --lws.classifier-epochs 6 --label-aware.classifier-epochs 6
--label-aware.method mislas --label-aware.representation cross_entropy"""


def seconds_of_runs(source: str, epochs: int) -> list[dict[str, float]]:
    """Of each seed the seconds of every run."""
    words = ["compare", "--methods", ",".join(FAMILY), "--source", source, "--epochs", str(epochs), *OPTIONS.split()]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*SOFTLABEL, *words], cwd=folder, check=True, capture_output=True)
        (stored,) = Path(folder).glob("runs/*/results.json")
        cells = json.loads(stored.read_text(encoding="utf-8"))["cells"]
    seeds = sorted({cell["seed"] for cell in cells})
    return [{cell["method"]: cell["seconds"] for cell in cells if cell["seed"] == seed} for seed in seeds]


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--source", required=True)
    parser.add_argument("--epochs", type=whole, default=60)


def measure(options: Namespace) -> Json:
    """Seconds of all runs, what each one adds to cross-entropy, and all of them over it."""
    runs = seconds_of_runs(options.source, options.epochs)
    added = [{method: seconds - seed[PLAIN] for method, seconds in seed.items()} for seed in runs]
    together = [1 + sum(own.values()) / seed[PLAIN] for own, seed in zip(added, runs, strict=True)]
    return {"epochs": options.epochs, "runs": runs, "added": added, "together": middle(together)}


def told(measured: Json) -> str:
    runs, added = measured["runs"], measured["added"]
    lines = [f"{len(runs)} seeds; median seconds"]
    lines.append(f"{PLAIN:16}{statistics.median(seed[PLAIN] for seed in runs):8.1f}")
    lines += [f"{method:16}{statistics.median(own[method] for own in added):+8.1f}" for method in FAMILY[1:]]
    return "\n".join([*lines, f"all together: {shown(measured['together'])} x cross_entropy"])
