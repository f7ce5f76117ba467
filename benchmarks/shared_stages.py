"""What five classifiers on one representation cost together, beside one training with cross-entropy.

    python benchmarks/shared_stages.py --source packed:DATA/fashion_mnist_train_00000_24999,fashion_mnist_test
        --out benchmarks/results/shared-stages-cpu

The rival is `softlabel compare --methods cross_entropy`; against it stands the same command with cRT, LWS,
tau-normalisation, nearest class mean and label-aware smoothing on that representation as well. Both run in turns, one
job, ResNet-8, 30 epochs, second stages of 3; what counts is the whole command as a person waits for it, with its tests,
its report and the start of its processes.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ONE = ("cross_entropy",)
FAMILY = ("cross_entropy", "crt", "lws", "tau_norm", "ncm", "label_aware")
SECOND = ["--crt.classifier-epochs", "3", "--lws.classifier-epochs", "3"]
LABEL_AWARE = ["--label-aware.method", "mislas", "--label-aware.representation", "cross_entropy"]
LABEL_AWARE += ["--label-aware.classifier-epochs", "3"]
COMMAND = "import sys; from softlabel.cli.main import main; sys.exit(main())"


def seconds(methods: tuple[str, ...], source: str, options: list[str]) -> float:
    """The time of one comparison."""
    words = ["compare", "--methods", ",".join(methods), "--source", source, "--seeds", "1", "--jobs", "1"]
    words += ["--resize", "14x14", "--imbalance", "100", "--training-share", "0.5", "--epochs", "30", *options]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", COMMAND, *words], cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write PATH.txt and PATH.json")
    options = parser.parse_args()
    found = []
    for _ in range(options.rounds):
        one = seconds(ONE, options.source, [])
        found.append({"one": one, "family": seconds(FAMILY, options.source, SECOND + LABEL_AWARE)})
    ratios = sorted(row["family"] / row["one"] for row in found)
    one, family = (statistics.median(row[which] for row in found) for which in ("one", "family"))
    text = (
        f"{options.rounds} rounds, torch {torch.__version__}, {platform.machine()}\n"
        f"cross_entropy alone                                      {one:6.1f} s\n"
        f"with crt, lws, tau_norm, ncm and label-aware smoothing   {family:6.1f} s"
        f"   {statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f})\n"
    )
    print(text, end="")
    if options.out:
        options.out.with_suffix(".txt").write_text(text, encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
