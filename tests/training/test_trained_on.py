"""What decides a training by its path alone, outside of the data too, is part of what a run is trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softlabel.deployed.model_folder import save_model
from softlabel.errors import RunError
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.runs.run_folder import RunFolder
from softlabel.runs.trained_on import record, refuse_changed_data
from softlabel.tasks.prepared import prepare
from softlabel.training import worker
from softlabel.training.config import RunConfig
from softlabel.training.fingerprinted import fingerprint_for
from tests.data import made_sources as made
from tests.training.tiny import tiny_prepared

MLP = NetworkConfig(backbone="mlp", hidden=[4])
FEATURES = InputSpec("features", (3,), [0.0] * 3, [1.0] * 3)
TASK = {"name": "classification", "class_names": ["a", "b"]}


def a_teacher(root: Path, seed: int) -> dict[str, Any]:
    network = build_network(MLP, FEATURES, 2, seed)
    save_model(root / "teacher", network, inputs=FEATURES, network_config=MLP, task_json=TASK, temperature=1.0)
    return {"method": "dive", "methods": {"dive": {"teacher": str(root / "teacher")}}}


def vectors_of_labels(root: Path, seed: int) -> dict[str, Any]:
    file = root / "vectors.csv"
    file.write_text(f"cat,1,{seed}\ndog,0,1\n")
    options = {"distance": "embedding", "embeddings": str(file)}
    return {"method": "label_mixture", "methods": {"label_mixture": options}}


def pretrained_weights(root: Path, seed: int) -> dict[str, Any]:
    (root / "backbone").mkdir(exist_ok=True)
    (root / "backbone" / "config.json").write_text("{}")
    (root / "backbone" / "model.safetensors").write_bytes(bytes([seed] * 8))
    return {"network": {"backbone": f"hf:{root / 'backbone'}"}}


def pretrained_configuration(root: Path, seed: int) -> dict[str, Any]:
    values = pretrained_weights(root, 0)
    (root / "backbone" / "config.json").write_text(f'{{"seed": {seed}}}')
    return values


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (a_teacher, "methods.dive.teacher"),
        (vectors_of_labels, "methods.label_mixture.embeddings"),
        (pretrained_weights, "network.backbone"),
        (pretrained_configuration, "network.backbone"),
    ],
)
def test_other_contents_of_what_an_option_names_are_refused(
    make: Callable[[Path, int], dict[str, Any]], option: str, tmp_path: Path
) -> None:
    config = RunConfig.model_validate(make(tmp_path, 0))
    record(tmp_path, fingerprint_for(tiny_prepared(), [config]))
    make(tmp_path, 0)
    refuse_changed_data(tmp_path, fingerprint_for(tiny_prepared(), [config]))
    make(tmp_path, 1)
    with pytest.raises(RunError, match=f"the data have changed since: {option} has other contents$"):
        refuse_changed_data(tmp_path, fingerprint_for(tiny_prepared(), [config]))


def test_another_process_of_a_run_refuses_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_end_with_the_first", lambda: None)
    data = made.given_parts(tmp_path)
    with RunFolder.at(tmp_path / "run", RunConfig.model_validate({"data": data.model_dump()}), resume=False) as run:
        record(run.path, fingerprint_for(prepare(data)))
    made.edited(lambda header, rows: rows.pop(2))(tmp_path)
    with pytest.raises(RunError, match="training part: 1 of 36 rows are not there any more, 0 are new"):
        worker.main(run.path, 1, 1)
