"""The same comparison in two new processes leaves the same results.json and report.html, but for times.

Left out of the comparison are the fields of results.json that say when a comparison was made and how long it took, and
the sizes of folders, in whose files times are written with more or fewer digits. The report is a function of
results.json alone, so it is made again from what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from softlabel.report.html import render_report

TIMES = {"created": "", "seconds": 1.0, "total_seconds": 1.0, "images_per_second": 1.0, "bytes": 1}
WORDS = "compare --methods label_smoothing,online_label_smoothing --seeds 2 --epochs 2 --backbone mlp --jobs 2"


def started(folder: Path, hash_seed: int) -> subprocess.Popen[bytes]:
    """The command in a new Python, whose sets and dictionaries of text have an order of their own."""
    folder.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    words = [sys.executable, "-m", "softlabel.cli.main", *WORDS.split()]
    return subprocess.Popen(words, cwd=folder, env=environment, stdout=subprocess.DEVNULL)


def without_times(value: Any) -> Any:
    """The same JSON with one value for each time."""
    if isinstance(value, dict):
        return {key: TIMES[key] if key in TIMES else without_times(part) for key, part in value.items()}
    return [without_times(part) for part in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_the_same_command_gives_the_same_results_and_the_same_report(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for process in [started(folder, seed) for seed, folder in enumerate(folders, start=1)]:
        assert process.wait(240) == 0
    places = [folder / "runs" / "digits-0001" for folder in folders]
    stored = [json.loads((place / "results.json").read_text()) for place in places]
    for place, results in zip(places, stored, strict=True):
        assert (place / "report.html").read_text(encoding="utf-8") == render_report(results)
        assert str(tmp_path) not in json.dumps(results)
    one, other = (without_times(results) for results in stored)
    assert json.dumps(one) == json.dumps(other)
    assert render_report(one).encode() == render_report(other).encode()
    weights = [
        sorted(place.glob("model/*.safetensors")) + sorted(place.glob("cells/*/*/*.safetensors")) for place in places
    ]
    assert [path.relative_to(places[0]) for path in weights[0]] == [path.relative_to(places[1]) for path in weights[1]]
    assert len(weights[0]) > 4
    for first, second in zip(*weights, strict=True):
        assert first.read_bytes() == second.read_bytes(), first
