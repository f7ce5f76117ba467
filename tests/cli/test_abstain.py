"""Where a model is not sure enough it gives no label, says so, and keeps its distribution."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softlabel import predict
from softlabel.cli.screens.answers import table
from softlabel.deployed.model_folder import save_model
from softlabel.errors import ConfigError
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.text.spreadsheet import read_csv
from tests.cli.conftest import Softlabel


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An MLP whose confidence differs from row to row, and rows for it."""
    config, inputs = NetworkConfig(backbone="mlp", hidden=[4]), InputSpec("features", (2,), [0.0, 0.0], [1.0, 1.0])
    network = build_network(config, inputs, 3, seed=0)
    task = {"name": "classification", "class_names": ["a", "b", "c"]}
    rows = [f"{place - 5},{(place * 7) % 11 - 5}" for place in range(11)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *rows]) + "\n")
    return save_model(tmp_path / "model", network, inputs=inputs, network_config=config, task_json=task)


def test_answers_under_the_limit_have_no_label(model: Path, softlabel: Softlabel) -> None:
    words = ("predict", "model", "rows.csv", "--feature-columns", "x,y", "--json")
    plain = json.loads(softlabel(*words).out)
    limit = sorted(answer["confidence"] for answer in plain)[4]
    outcome = softlabel(*words, "--abstain-below", repr(limit))
    answers = json.loads(outcome.out)
    assert [answer["label"] for answer in answers] == [
        answer["label"] if answer["confidence"] >= limit else None for answer in plain
    ]
    assert [answer["distribution"] for answer in answers] == [answer["distribution"] for answer in plain]
    assert f"4 of 11 answers abstain: under {limit:g} sure" in outcome.err
    assert "abstain" not in softlabel(*words).err


def test_files_and_python_say_the_same(model: Path, softlabel: Softlabel) -> None:
    answers = predict(model, "rows.csv", feature_columns=["x", "y"], abstain_below=1.0)
    assert {answer["label"] for answer in answers} == {None}
    softlabel("predict", "model", "rows.csv", "--feature-columns", "x,y", "--abstain-below", "1", "--out", "a.csv")
    with open("a.csv", newline="") as stream:
        rows = list(read_csv(stream))
    assert [row["label"] for row in rows] == [""] * 11
    assert [float(row["p_a"]) for row in rows] == pytest.approx([row["distribution"]["a"] for row in answers], rel=1e-5)
    assert table(answers, Classification(["a", "b"]).tell, 80).count("abstains") == 11


def test_an_answer_that_is_no_distribution_is_refused_with_its_row(model: Path, softlabel: Softlabel) -> None:
    description, inputs = NetworkConfig(backbone="mlp", hidden=[4]), InputSpec("features", (2,), [0.0, 0.0], [1.0, 1.0])
    wild = build_network(description, inputs, 3, seed=0)
    for weights in wild.parameters():
        weights.data.mul_(1e12)
    task = {"name": "classification", "class_names": ["a", "b", "c"]}
    save_model(model, wild, inputs=inputs, network_config=description, task_json=task)
    Path("rows.csv").write_text("x,y\n1e-9,2e-9\n1e37,-1e37\n")
    outcome = softlabel("predict", "model", "rows.csv", "--feature-columns", "x,y", "--out", "a.csv")
    assert outcome.code == 2
    assert "row 2: the model's answer is not a finite distribution" in outcome.err
    assert not Path("a.csv").exists()


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "inf"])
def test_a_limit_is_a_share(share: str, model: Path, softlabel: Softlabel) -> None:
    outcome = softlabel("predict", "model", "rows.csv", f"--abstain-below={share}")
    assert outcome.code == 2
    assert f"--abstain-below must be a number from 0 to 1, not '{share}'" in outcome.err
    with pytest.raises(ConfigError, match="is not a share"):
        predict(model, "rows.csv", abstain_below=float(share))
