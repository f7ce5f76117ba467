"""Whole runs on rows of several labels: selection, temperature, what ships, and emotions where the data are there."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from softlabel.cli.main import main
from softlabel.deployed.export import export_model
from softlabel.deployed.model_folder import load_model
from softlabel.deployed.rescore import evaluate
from softlabel.training.config import RunConfig
from softlabel.training.train import train
from tests.oracle import multilabel
from tests.training.tiny import tiny_config, tiny_levels

REAL = os.environ.get("SOFTLABEL_DATA") or None
needs_data = pytest.mark.skipif(REAL is None, reason="SOFTLABEL_DATA does not name the folder of the real data")


def run(method: str, folder: Path) -> tuple[RunConfig, dict[str, Any]]:
    config = tiny_config(epochs=4, batch_size=32, learning_rate=0.05).model_copy(update={"method": method})
    return config, train(config, folder=folder, prepared=tiny_levels()).cell


@pytest.mark.parametrize("method", ["cross_entropy", "label_mixture", "binary_cross_entropy"])
def test_the_epoch_of_the_highest_map_ships_with_its_temperature(method: str, tmp_path: Path) -> None:
    _, cell = run(method, tmp_path / "run")
    by_epoch = {record["epoch"]: record["validation"]["map"] for record in cell["curves"]}
    assert by_epoch[cell["selected_epoch"]] == max(by_epoch.values()) > min(by_epoch.values())

    model = load_model(tmp_path / "run")
    test = tiny_levels().splits.test
    inputs = test.read(torch.arange(len(test)))
    with torch.no_grad():
        z, p = model.logits(inputs).double().numpy() / model.temperature, model(inputs).double().numpy()
    sigmoid = method == "binary_cross_entropy"
    expected = 1 / (1 + np.exp(-z)) if sigmoid else np.exp(z) / np.exp(z).sum(1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-4, atol=1e-7)
    level = test.annotation.numpy()
    found = cell["selected"]["after"]
    assert found["map"] == pytest.approx(multilabel.mean_average_precision(np.log(p), level), abs=1e-6)
    relative = p if sigmoid else p / p.max(1, keepdims=True)
    assert found["hamming_loss"] == pytest.approx(multilabel.hamming_loss(np.log(relative), level), abs=1e-6)


def test_an_export_reads_logits_as_the_model_does(tmp_path: Path) -> None:
    run("binary_cross_entropy", tmp_path / "run")
    report = export_model(tmp_path / "run", tmp_path / "program.pt2", "torch")
    assert report.max_difference < 1e-5
    export_model(tmp_path / "run", tmp_path / "folded", "safetensors")
    inputs = tiny_levels().splits.test.read(torch.arange(5))
    with torch.no_grad():
        p = load_model(tmp_path / "folded")(inputs)
    assert float((p.sum(1) - 1).abs().max()) > 1e-2  # no shares of one whole


@needs_data
def test_emotions_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert REAL is not None
    folder = Path(REAL) / "mulan"
    source = f"arff:{folder}/emotions-train.arff.gz,emotions-test.arff.gz"
    words = ["--source", source, "--epochs", "15", "--runs", str(tmp_path)]
    methods = "cross_entropy,label_mixture,binary_cross_entropy"
    assert main(["compare", *words, "--name", "moods", "--methods", methods, "--seeds", "1"]) == 0
    (made,) = tmp_path.glob("moods*")
    results = json.loads((made / "results.json").read_text())
    assert results["task"] == "multi-label"
    assert results["primary"] == "map"
    for cell in results["cells"]:
        scores = cell["selected"]["after"]
        assert scores["map"] > 0.6  # 0.34 by chance
        assert scores["one_error"] < 0.45
        assert len(cell["details"]["by_label"]) == 6
        again = evaluate(made / cell["folder"])
        assert again.after == pytest.approx(scores)
    kept = max(results["cells"], key=lambda cell: cell["validation"]["map"])
    assert results["verdict"]["kept"]["method"] == kept["method"]
    page = (made / "report.html").read_text()
    assert "Average precision by class frequency" in page
    assert "Calibration</h2>" not in page
    assert "Confusion</h2>" not in page

    songs = tmp_path / "songs.csv"
    names = six_songs(folder / "emotions-test.arff.gz", songs)
    capsys.readouterr()
    assert main(["predict", str(made), str(songs), "--feature-columns", "*", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert len(answers) == 6
    for answer in answers:
        shares = answer["distribution"]
        assert list(shares) == names
        half = 0.5 if kept["method"] == "binary_cross_entropy" else max(shares.values()) / 2
        assert set(answer["labels"]) == {name for name, share in shares.items() if share >= half}


def six_songs(test: Path, out: Path) -> list[str]:
    """The features of six rows as CSV; returns the names of the labels."""
    lines = gzip.decompress(test.read_bytes()).decode().splitlines()
    names = [line.split()[1] for line in lines if line.lower().startswith("@attribute")]
    rows = [line.split(",") for line in lines if line and not line.startswith(("@", "%"))][:6]
    with out.open("w", newline="") as file:
        csv.writer(file).writerows([names[:-6], *(row[:-6] for row in rows)])
    return names[-6:]
