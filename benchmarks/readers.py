"""Readers that look at a comparison while it trains: errors, and what they cost.

    python -m benchmarks readers --out benchmarks/results/readers-cpu

The same comparison is trained in turns without and with 20 reader processes, in alternating order. A reader does each
second what a viewer would: it reads the configurations, the logs of epochs, the results, the report and the index of
each checkpoint, and the header of the tensors that the index names. The readers share the cores with the training,
so part of the loss is their own work; it is measured too. One more comparison is read twenty times a second, to meet
more of the moments in which a file is replaced; only its errors count. The weights must be the same in all of them.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import statistics
import subprocess
import tempfile
import time
import tomllib
import traceback
from argparse import ArgumentParser, Namespace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from benchmarks.benchmark import Json
from benchmarks.child import SOFTLABEL
from benchmarks.interleaved import ORDER, in_turn
from benchmarks.options import whole
from benchmarks.ratios import ratios, shown

RIVAL = "the same comparison without readers"
PACKAGES = ()
QUICK = ("--pairs", "1", "--epochs", "2")
READERS, INTERVAL, SHORT_INTERVAL = 20, 1.0, 0.05
TRAINED = "compare --source digits --methods online_label_smoothing --seeds 2 --backbone resnet8 --jobs 2"
LOOKS_AT_AN_INDEX = 3
Counts = dict[str, float]


def look(folder: Path, counts: Counts) -> None:
    """Read all there is of a comparison. Raises what a viewer would raise."""
    for run in [folder, *folder.glob("cells/*")]:
        for name in ("environment.json", "result.json", "results.json", "model/model.json"):
            if (run / name).exists():
                json.loads((run / name).read_text(encoding="utf-8"))
                counts["files"] += 1
        if (run / "config.toml").exists():
            tomllib.loads((run / "config.toml").read_text(encoding="utf-8"))
        if (run / "metrics.jsonl").exists():
            lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
            counts["epochs"] += len([json.loads(line) for line in lines if line.endswith("\n")])
        if (run / "report.html").exists():
            assert (run / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
            counts["reports"] += 1
        for index in sorted(run.glob("checkpoints/*.json")):
            look_at_checkpoint(index, counts)


def look_at_checkpoint(index: Path, counts: Counts) -> None:
    """Read an index and the header of its tensors; a newer pair may take their place between the two."""
    for attempt in range(1, LOOKS_AT_AN_INDEX + 1):
        try:
            named = json.loads(index.read_text(encoding="utf-8"))["tensors"]
            with open(index.parent / named, "rb") as file:
                size = int.from_bytes(file.read(8), "little")
                json.loads(file.read(size))
        except FileNotFoundError:
            if not index.exists():  # the run is finished and needs no checkpoint
                return
            if attempt == LOOKS_AT_AN_INDEX:
                raise
            counts["replaced"] += 1
        else:
            counts["checkpoints"] += 1
            return


def reader(runs: Path, interval: float, over: Event, answer: Connection) -> None:
    """Look, wait, and look again; answers when it is ready, and with counts and the first error when all is over."""
    names = ("looks", "errors", "files", "epochs", "reports", "checkpoints", "replaced")
    counts: Counts = dict.fromkeys(names, 0)
    first = ""
    answer.send("ready")
    before = time.process_time()
    while not over.wait(interval):
        try:
            for folder in runs.glob("*"):
                look(folder, counts)
        except Exception:
            counts["errors"] += 1
            first = first or traceback.format_exc()
        counts["looks"] += 1
    answer.send((counts | {"cpu_seconds": time.process_time() - before}, first))


def trained(epochs: int, interval: float | None) -> dict[str, Any]:
    """One comparison, with readers unless `interval` is None: its speed and weights, and what the readers met."""
    with tempfile.TemporaryDirectory() as place:
        runs = Path(place) / "runs"
        context = multiprocessing.get_context("spawn")
        over = context.Event()
        answers, processes = [], []
        for _ in range(0 if interval is None else READERS):
            ours, theirs = context.Pipe(duplex=False)
            processes.append(context.Process(target=reader, args=(runs, interval, over, theirs)))
            answers.append(ours)
            processes[-1].start()
        for answer in answers:
            assert answer.recv() == "ready"
        started = time.perf_counter()
        try:
            words = [*SOFTLABEL, *TRAINED.split(), "--epochs", str(epochs), "--runs", str(runs)]
            subprocess.run(words, check=True, capture_output=True)
            seconds = time.perf_counter() - started
        finally:
            over.set()
        found = [answer.recv() for answer in answers]
        for process in processes:
            process.join()
        (folder,) = runs.iterdir()
        cells = json.loads((folder / "results.json").read_text(encoding="utf-8"))["cells"]
        weights = hashlib.sha256()
        for cell in cells:
            weights.update((folder / cell["folder"] / "model" / "model.safetensors").read_bytes())
        return {
            "images_per_second": statistics.fmean(cell["images_per_second"] for cell in cells),
            "seconds": seconds,
            "weights": weights.hexdigest(),
            "readers": {key: sum(counts[key] for counts, _ in found) for key in (found[0][0] if found else {})},
            "first_error": next((error for _, error in found if error), ""),
        }


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--pairs", type=whole, default=9)
    parser.add_argument("--epochs", type=whole, default=40)


def measure(options: Namespace) -> Json:
    """Pairs of comparisons, one without and one with readers each, and one that is read often."""
    found: dict[str, list[dict[str, Any]]] = {"alone": [], "watched": []}

    def of(side: str, interval: float | None) -> float:
        found[side].append(trained(options.epochs, interval))
        return float(found[side][-1]["seconds"])

    in_turn({"alone": lambda: of("alone", None), "watched": lambda: of("watched", INTERVAL)}, options.pairs, warm_up=0)
    alone, watched, often = found["alone"], found["watched"], trained(options.epochs, SHORT_INTERVAL)
    weights = {one["weights"] for one in [*alone, *watched, often]}
    assert len(weights) == 1, "the weights differ"
    return {
        "order": ORDER,
        "settings": {"command": f"{TRAINED} --epochs {options.epochs}", "readers": READERS, "interval": INTERVAL},
        "alone": alone,
        "watched": watched,
        "often": often,
        "ratios": {
            key: ratios([one[key] for one in watched], [one[key] for one in alone])
            for key in ("images_per_second", "seconds")
        },
        "weights": weights.pop(),
    }


def told(measured: Json) -> str:
    settings, watched, often = measured["settings"], measured["watched"], measured["often"]
    total = {key: sum(one["readers"][key] for one in watched) for key in watched[0]["readers"]}
    share = total["cpu_seconds"] / sum(one["seconds"] for one in watched)
    lines = [
        f"softlabel {settings['command']}",
        f"{len(watched)} pairs, without and with {settings['readers']} reader processes, each looking once a second;"
        f" {measured['order']}",
        f"{'':24}{'alone':>10}{'watched':>10}   watched / alone",
    ]
    for title, key in (("images/s of a run", "images_per_second"), ("seconds in all", "seconds")):
        medians = [statistics.median(one[key] for one in side) for side in (measured["alone"], watched)]
        lines.append(f"{title:24}{medians[0]:10,.1f}{medians[1]:10,.1f}   {shown(measured['ratios'][key], '.3f')}")
    for title, found in (("once a second", total), ("20 times a second", often["readers"])):
        lines.append(
            f"looks {title}: {found['looks']:,.0f}, errors {found['errors']:.0f}; "
            f"{found['checkpoints']:,.0f} checkpoints, of which {found['replaced']:.0f} were replaced while looked at"
        )
    lines.append(f"processor time of the readers, once a second: {share:.2f} of a core")
    lines.append(
        f"SHA-256 of the weights, the same in all {2 * len(watched) + 1} comparisons: {measured['weights'][:16]}…"
    )
    return "\n".join(lines)
