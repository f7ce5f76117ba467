"""What five classifiers on one representation cost together, beside one training with cross-entropy.

    python benchmarks/shared_stages.py --source packed:DATA/fashion_mnist_train_00000_24999,fashion_mnist_test
        --out benchmarks/results/shared-stages-cpu

One `softlabel compare`, two runs at a time: cross-entropy for 60 epochs, and cRT, LWS, tau-normalisation, nearest class
mean and label-aware smoothing on its representation, with second stages of 6 epochs. A run counts the seconds of the
stage that it shares as its own, so what it adds is what it has more than cross-entropy, whose whole run is that stage.
Of each seed: the seconds of cross-entropy and of all that is added, over those of cross-entropy.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

FAMILY = ("cross_entropy", "crt", "lws", "tau_norm", "ncm", "label_aware")
OPTIONS = """--seeds 2 --jobs 2 --epochs 60 --resize 14x14 --imbalance 100 --training-share 0.5
--crt.classifier-epochs 6 --lws.classifier-epochs 6 --label-aware.classifier-epochs 6
--label-aware.method mislas --label-aware.representation cross_entropy"""
COMMAND = "import sys; from softlabel.cli.main import main; sys.exit(main())"


def seconds_of_runs(source: str) -> list[dict[str, float]]:
    """Of each seed the seconds of every run."""
    words = ["compare", "--methods", ",".join(FAMILY), "--source", source, *OPTIONS.split()]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=folder, check=True, capture_output=True)
        (stored,) = Path(folder).glob("runs/*/results.json")
        cells = json.loads(stored.read_text(encoding="utf-8"))["cells"]
    seeds = sorted({cell["seed"] for cell in cells})
    return [{cell["method"]: cell["seconds"] for cell in cells if cell["seed"] == seed} for seed in seeds]


def summary(found: list[dict[str, float]]) -> str:
    """Median seconds of cross-entropy and of what each other run adds, and all of them over cross-entropy."""
    added = [{method: all_of - seed["cross_entropy"] for method, all_of in seed.items()} for seed in found]
    ratios = sorted(1 + sum(own.values()) / seed["cross_entropy"] for own, seed in zip(added, found, strict=True))
    lines = [f"{len(found)} seeds, torch {torch.__version__}, {platform.machine()}; median seconds"]
    lines += [f"cross_entropy   {statistics.median(seed['cross_entropy'] for seed in found):8.1f}"]
    lines += [f"{method:16}{statistics.median(own[method] for own in added):+8.1f}" for method in FAMILY[1:]]
    lines += [f"all together: {statistics.median(ratios):.2f} x cross_entropy ({ratios[0]:.2f} to {ratios[-1]:.2f})"]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    found = seconds_of_runs(options.source)
    text = summary(found)
    print(text, end="")
    if options.out:
        options.out.with_suffix(".txt").write_text(text, encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
