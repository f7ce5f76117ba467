"""Loads thousands of damaged and forged model folders: each must be refused in one line, or load as it stands.

    python -m benchmarks.hostile_models --count 20000 --out benchmarks/results/hostile-models

Every thousand is loaded by a process of its own, under the watch of the test suite, so that a crash would be counted
and not end the run. Three networks take part: an MLP, a ResNet, and a small transformer in the pretrained format.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from softlabel.networks.config import NetworkConfig
from tests.security import audit
from tests.security.judgement import MEBIBYTE, judge
from tests.security.mutations import mutated
from tests.security.test_hostile_models import CONFIGS, model_files

PART = 1000
NAMES = (*CONFIGS, "vit")


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
    line = [
        sys.executable,
        "-m",
        "benchmarks.hostile_models",
        "--part",
        name,
        "--count",
        str(count),
        "--seed",
        str(seed),
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        fault = {"kind": "process", "seed": seed, "number": None, "error": f"{done.returncode}: {done.stderr[-600:]}"}
        return {"outcomes": {}, "faults": [fault], "slowest": 0.0, "largest": 0.0, "attempts": []}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def summary(parts: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """All parts as one."""
    outcomes = sum((Counter(part["outcomes"]) for part in parts), Counter[str]())
    faults = [fault for part in parts for fault in part["faults"]]
    return {
        "command": "python -m " + " ".join(["benchmarks.hostile_models", *sys.argv[1:]]),
        "machine": {"python": platform.python_version(), "torch": torch.__version__, "system": platform.system()},
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


def as_text(found: dict[str, Any]) -> str:
    """The summary for people."""
    lines = [f"{found['files']:,} hostile model folders ({found['command']})", ""]
    for name in ("refused", "loaded as they stand", "slowest load, seconds", "most memory beyond twice the file, MiB"):
        lines.append(f"{name:<40}{found[name]:>10,}")
    lines += [f"{name:<40}{len(found[name]):>10,}" for name in ("faults", "forbidden attempts")]
    lines += ["", *(f"{name:<40}{count:>10,}" for name, count in found["outcomes"].items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", choices=NAMES)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(load_part(options.part, options.count, options.seed)))
        return
    started = time.perf_counter()
    sizes = [min(PART, options.count - begin) for begin in range(0, options.count, PART)]
    parts = []
    for place, size in enumerate(sizes):
        parts.append(run_part(NAMES[place % len(NAMES)], size, options.seed + place))
        print(f"{sum(sizes[: place + 1]):,} of {options.count:,}", file=sys.stderr)
    found = summary(parts, time.perf_counter() - started)
    print(as_text(found), end="")
    if options.out:
        options.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
        options.out.with_suffix(".txt").write_text(as_text(found))
    sys.exit(bool(found["faults"] or found["forbidden attempts"]))


if __name__ == "__main__":
    main()
