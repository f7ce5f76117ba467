"""Loads thousands of damaged and forged model folders: each must be refused in one line, or load as it stands.

    python -m benchmarks hostile_models --count 20000 --out benchmarks/results/hostile-models

Every thousand is loaded by a process of its own, under the watch of the test suite, so that a crash would be counted
and not end the run. Three networks take part: an MLP, a ResNet, and a small transformer in the pretrained format.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Json
from benchmarks.child import called
from benchmarks.options import whole
from softlabel.networks.config import NetworkConfig
from tests.security import audit
from tests.security.judgement import MEBIBYTE, judge
from tests.security.mutations import mutated
from tests.security.test_hostile_models import CONFIGS, model_files

RIVAL = "the folder undamaged: one that loads must load exactly as it stands, all others be refused in a line"
PACKAGES = ("safetensors", "transformers")
QUICK = ("--count", "30")
PART = 1000
NAMES = (*CONFIGS, "vit")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def load_part(name: str, count: int, seed: int) -> dict[str, Any]:
    """Judge `count` folders made from one model."""
    audit.install()
    outcomes: Counter[str] = Counter()
    slowest, largest, faults = 0.0, 0.0, []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = model_files(config_of(name, folder / "pretrained"), folder / "model")
        folder /= "model"
        judge(folder)
        from transformers import AutoConfig  # noqa: F401  # which some forged files ask for; not counted as theirs

        for number, (kind, hostile) in enumerate(mutated(files, count, seed)):
            hostile.write(folder)
            try:
                judgement = judge(folder)
            except BaseException:
                faults.append({"kind": kind, "seed": seed, "number": number, "error": traceback.format_exc()[-600:]})
                continue
            outcomes[f"{kind}: {judgement.outcome}"] += 1
            slowest = max(slowest, judgement.seconds)
            largest = max(largest, (judgement.memory - 2 * len(hostile.weights)) / MEBIBYTE)
    return {
        "outcomes": outcomes,
        "faults": faults,
        "slowest": slowest,
        "largest": largest,
        "attempts": audit.attempts,
    }


def config_of(name: str, folder: Path) -> NetworkConfig:
    """The configuration of a network; the pretrained one is made here, in the format of transformers."""
    if name in CONFIGS:
        return CONFIGS[name]
    from tests.networks.pretrained import PROCESSORS, save_pretrained

    save_pretrained(name, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[name]))
    return NetworkConfig(backbone=f"hf:{folder}")


def run_part(name: str, count: int, seed: int) -> dict[str, Any]:
    """`load_part` in a new process; one that dies is a fault."""
    try:
        found: Json = called("benchmarks.hostile_models", "load_part", name, count, seed, environment=ONE_THREAD)
    except subprocess.CalledProcessError as died:
        error = f"{died.returncode}: {died.stderr[-600:]}"
        fault = {"kind": "process", "seed": seed, "number": None, "error": error}
        return {"outcomes": {}, "faults": [fault], "slowest": 0.0, "largest": 0.0, "attempts": []}
    return found


def summary(parts: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """All parts as one."""
    outcomes = sum((Counter(part["outcomes"]) for part in parts), Counter[str]())
    faults = [fault for part in parts for fault in part["faults"]]
    return {
        "files": sum(outcomes.values()) + len(faults),
        "refused": sum(count for name, count in outcomes.items() if name.endswith("refused")),
        "loaded as they stand": sum(count for name, count in outcomes.items() if name.endswith("loaded")),
        "faults": faults,
        "forbidden attempts": [attempt for part in parts for attempt in part["attempts"]],
        "slowest load, seconds": round(max(part["slowest"] for part in parts), 3),
        "most memory beyond twice the file, MiB": round(max(part["largest"] for part in parts), 1),
        "outcomes": dict(sorted(outcomes.items())),
        "seconds": round(seconds, 1),
    }


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--count", type=whole, default=20_000)
    parser.add_argument("--seed", type=int, default=0)


def measure(options: Namespace) -> Json:
    started = time.perf_counter()
    sizes = [min(PART, options.count - begin) for begin in range(0, options.count, PART)]
    parts = []
    for place, size in enumerate(sizes):
        parts.append(run_part(NAMES[place % len(NAMES)], size, options.seed + place))
        print(f"{sum(sizes[: place + 1]):,} of {options.count:,}", file=sys.stderr)
    return summary(parts, time.perf_counter() - started)


def told(measured: Json) -> str:
    lines = [f"{measured['files']:,} hostile model folders", ""]
    for name in ("refused", "loaded as they stand", "slowest load, seconds", "most memory beyond twice the file, MiB"):
        lines.append(f"{name:<40}{measured[name]:>10,}")
    lines += [f"{name:<40}{len(measured[name]):>10,}" for name in ("faults", "forbidden attempts")]
    return "\n".join([*lines, "", *(f"{name:<40}{count:>10,}" for name, count in measured["outcomes"].items())])
