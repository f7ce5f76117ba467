"""What is said of twelve sets of data before anything is trained: task and why, votes, tail, splits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from softlabel.cli.screens.understood import understood
from softlabel.networks.config import NetworkConfig
from softlabel.tasks.prepared import prepare
from softlabel.training.config import RunConfig, TrainingConfig
from tests.cli.conftest import Softlabel
from tests.training.tiny import tiny_prepared

ROWS = 60
GOLDEN = {
    "digits": (
        {"source": "digits"},
        "classification, as each row has one label; rarest '8': 125, most '1': 131",
    ),
    "long tail": (
        {"source": "digits", "imbalance": 50.0},
        "classification, as each row has one label; rarest '9': 2, most '0': 128",
    ),
    "published": (
        {"source": "digits", "protocol": "published"},
        "classification, as each row has one label; rarest '8': 139, most '1': 146",
    ),
    "folder": (
        {"source": "folder:photos"},
        "classification, as each row has one label; every class has 22",
    ),
    "features": (
        {"source": "csv:labels.csv", "feature_columns": ["f*"], "label_column": "kind"},
        "classification, as each row has one label (column 'kind'); rarest 'rare': 7, most 'often': 36",
    ),
    "images in a table": (
        {"source": "csv:labels.csv", "image_column": "image", "label_column": "kind"},
        "classification, as each row has one label (column 'kind'); rarest 'rare': 7, most 'often': 36",
    ),
    "own splits": (
        {"source": "csv:labels.csv", "feature_columns": ["f*"], "label_column": "kind", "split_column": "part"},
        "classification, as each row has one label (column 'kind'); rarest 'rare': 8, most 'often': 34",
    ),
    "votes": (
        {"source": "csv:votes.csv", "feature_columns": ["f*"], "vote_columns": ["v_*"]},
        "distribution, as each row has 5 votes (columns 'v_*'); rarest 'b': 8.6, most 'a': 25.8",
    ),
    "different numbers of votes": (
        {"source": "csv:some.csv", "feature_columns": ["f*"], "vote_columns": ["v_a", "v_b"]},
        "distribution, as each row has 1 to 4 votes (columns 'v_a', 'v_b'); rarest 'b': 14.8, most 'a': 28.2",
    ),
    "probabilities": (
        {"source": "csv:shares.csv", "feature_columns": ["f*"], "vote_columns": ["v_*"]},
        "distribution, as each row has probabilities (columns 'v_*'); rarest 'b': 8.6, most 'a': 25.8",
    ),
    "wrong labels": (
        {"source": "digits", "noise": 0.2},
        "classification, as each row has one label; rarest '0': 115, most '1': 145",
    ),
    "a name that a terminal would obey": (
        {"source": "csv:names.csv", "feature_columns": ["f*"], "label_column": "kind"},
        "classification, as each row has one label (column 'kind'); rarest 'rare': 7, most '␛[31moften': 36",
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables and pictures that the configurations name."""
    folder = tmp_path_factory.mktemp("data")
    pixels = np.random.default_rng(0).integers(0, 255, (ROWS, 8, 8), dtype=np.uint8)
    for row in range(ROWS):
        for place in (folder / "photos" / ("cat" if row % 2 else "dog"), folder / "all"):
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[row]).save(place / f"{row}.png")
    kinds = ["rare" if row % 6 == 0 else "often" for row in range(ROWS)]
    parts = ["test" if row % 10 > 7 else "validation" if row % 10 == 7 else "train" for row in range(ROWS)]
    features = [f"{row}.5,{row * row % 7}" for row in range(ROWS)]
    labels = [f"all/{row}.png,{features[row]},{kinds[row]},{parts[row]}" for row in range(ROWS)]
    _write(folder / "labels.csv", "image,f1,f2,kind,part", labels)
    _write(folder / "names.csv", "image,f1,f2,kind,part", [line.replace("often", "\x1b[31moften") for line in labels])
    _write(folder / "votes.csv", "f1,f2,v_a,v_b,v_c", [f"{one},3,1,1" for one in features])
    _write(folder / "some.csv", "f1,f2,v_a,v_b", [f"{features[row]},{row % 2 + 1},{row % 3}" for row in range(ROWS)])
    _write(folder / "shares.csv", "f1,f2,v_a,v_b,v_c", [f"{one},0.6,0.2,0.2" for one in features])
    return folder


def _write(path: Path, heading: str, rows: list[str]) -> None:
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", GOLDEN)
def test_the_task_and_why(name: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    options, task = GOLDEN[name]
    config = RunConfig.model_validate({"data": options})
    lines = understood(prepare(config.data), NetworkConfig(), config.training).splitlines()
    entries = _entries(lines)
    assert entries["task"] == task
    assert list(entries)[:4] == ["data", "task", "splits", "network"]
    assert len(entries) <= 6
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in "".join(lines)


def _entries(lines: list[str]) -> dict[str, Any]:
    """Titles and their texts, each on one line."""
    found: dict[str, str] = {}
    for line in lines:
        title, text = line[:9].strip(), line[9:]
        last = title or list(found)[-1]
        found[last] = f"{found[last]} {text}" if last in found else text
    return found


def test_a_rate_of_a_methods_own_is_said(softlabel: Softlabel) -> None:
    small = ["--epochs", "1", "--backbone", "mlp"]
    one = softlabel("train", *small, "--cross-entropy.learning-rate", "0.03")
    assert "sgd, rate 0.03" in one.err + one.out
    names = ["--methods", "cross_entropy,quick", "--quick.method", "cross_entropy", "--seeds", "1"]
    both = softlabel("compare", *small, *names, "--quick.learning-rate", "0.2", "--quick.weight-decay", "0")
    assert "sgd, rate 0.1" in both.err + both.out
    assert "note     quick: learning rate 0.2, weight decay 0" in both.err + both.out


@pytest.mark.parametrize(
    "words", [["train", "--method", "dmue"], ["compare", "--methods", "dmue,dmue_shared", "--seeds", "1"]]
)
def test_what_a_method_has_to_say_is_said_once_before_it_trains(words: list[str], softlabel: Softlabel) -> None:
    done = softlabel(*words, "--imbalance", "20", "--epochs", "1", "--backbone", "mlp")
    before = " ".join(done.out[: done.out.index("plan ")].split())
    assert before.count("dmue trains a copy of the last stage for each of 10 classes") == 1
    assert before.count("classes have 6 to 128 rows: dmue's confidence may count rare ones for little") == 1


def test_the_labels_that_were_corrected_are_told_whatever_other_notes_there_are() -> None:
    prepared = tiny_prepared()
    notes = ["one", "two", "three", "corrections: 7 labels changed by fixed.csv, of 9 rows that it names"]
    prepared = dataclasses.replace(prepared, splits=dataclasses.replace(prepared.splits, notes=notes))
    text = understood(prepared, NetworkConfig(), TrainingConfig())
    assert "labels   7 labels changed by fixed.csv, of 9 rows that it names" in text
