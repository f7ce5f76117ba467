"""What five classifiers on one representation cost together, beside one training.

    python benchmarks/shared_stages.py --out benchmarks/results/shared-stages-cpu

`softlabel compare` trains equal stages once. Here cRT, learnable weight scaling, tau-normalisation, nearest class mean
and the label-aware classifier (of MiSLAS) follow the same first stage of 60 epochs, the trained ones with ten epochs of
their own; beside them cross-entropy alone, and the same five one by one. Digits, imbalance 20, ResNet-8, one thread.
Rounds take turns; a ratio is that of neighbours, and the median counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import softlabel

FAMILY = ("crt", "lws", "tau_norm", "ncm", "mislas")
OPTIONS = {"mislas": {"representation": "cross_entropy"}}
SETTINGS: dict[str, Any] = {"source": "digits", "imbalance": 20.0, "epochs": 60, "backbone": "resnet8", "seeds": 1}
ONE, TOGETHER, APART = "cross-entropy alone", "the five together", "the five, each by itself"


def seconds_of(*groups: tuple[str, ...]) -> float:
    """What comparisons of these methods take, one after another."""
    started = time.perf_counter()
    for methods in groups:
        options = {name: OPTIONS[name] for name in methods if name in OPTIONS}
        with tempfile.TemporaryDirectory() as runs:
            softlabel.compare(
                methods=list(methods), method_options=options, jobs=1, device="cpu", runs=runs, **SETTINGS
            )
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    groups = {ONE: (("cross_entropy",),), TOGETHER: (FAMILY,), APART: tuple((name,) for name in FAMILY)}
    rounds = [{name: seconds_of(*group) for name, group in groups.items()} for _ in range(options.rounds)]
    lines = [
        f"python benchmarks/shared_stages.py: {options.rounds} rounds, torch {torch.__version__}, {platform.machine()}",
        f"{'':28}{'seconds':>8}   of cross-entropy",
    ]
    for name in groups:
        ratios = sorted(one[name] / one[ONE] for one in rounds)
        seconds = statistics.median(one[name] for one in rounds)
        lines.append(f"{name:28}{seconds:8.1f}   {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print("\n".join(lines))
    if options.out:
        options.out.with_suffix(".txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        options.out.with_suffix(".json").write_text(json.dumps(rounds, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
