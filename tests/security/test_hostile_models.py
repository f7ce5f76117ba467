"""500 hostile model folders, refused in a line or loaded as they stand; 20,000 in benchmarks/hostile_models.py."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from softlabel.deployed.model_folder import save_model
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from tests.security import audit
from tests.security.judgement import MEBIBYTE, Judgement, judge
from tests.security.mutations import MUTATIONS, Files, mutated

CONFIGS = {
    "mlp": NetworkConfig(backbone="mlp", hidden=[4, 6]),
    "resnet8": NetworkConfig(backbone="resnet8"),
}
FEATURES = InputSpec("features", (3,), [1.0, 2.0, 3.0], [1.0, 0.5, 0.0])
IMAGES = InputSpec("image", (1, 8, 8), [0.3], [0.4])
TASK = {"name": "classification", "class_names": ["a", "b", "ç"]}


def model_files(config: NetworkConfig, folder: Path) -> Files:
    """The files of a model that was never trained."""
    inputs = FEATURES if config.backbone == "mlp" else IMAGES
    save_model(
        folder,
        build_network(config, inputs, 3, seed=0),
        inputs=inputs,
        network_config=config,
        task_json=TASK,
        temperature=1.5,
        card={"accuracy": 0.5, "training_counts": [3, 2, 1]},
        adjust_bias=torch.tensor([0.5, -1.0, 2.0]),
    )
    return Files((folder / "model.json").read_bytes(), (folder / "model.safetensors").read_bytes())


@pytest.mark.parametrize(("name", "count"), [("mlp", 400), ("resnet8", 100)])
def test_hostile_models_are_refused_or_loaded_as_they_stand(name: str, count: int, tmp_path: Path) -> None:
    files = model_files(CONFIGS[name], tmp_path)
    judge(tmp_path)  # so that no library is imported while memory is watched
    found: dict[str, list[Judgement]] = {kind: [] for kind in MUTATIONS}
    for kind, hostile in mutated(files, count, seed=1):
        hostile.write(tmp_path)
        found[kind].append(judge(tmp_path))
        assert found[kind][-1].memory <= 2 * len(hostile.weights) + 64 * MEBIBYTE, kind
    assert audit.attempts == []
    for kind in ("damaged weights", "forged header", "forged head"):
        assert {judgement.outcome for judgement in found[kind]} <= {"refused", "loaded"}
        assert sum(judgement.outcome == "refused" for judgement in found[kind]) > len(found[kind]) / 2, kind
    assert any(judgement.outcome == "loaded" for judgement in found["forged model.json"])
    assert any("not finite" in judgement.words for judgement in found["forged values"])
