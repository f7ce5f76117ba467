"""Runs that share their first stages end as if each had been trained alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.shared_stages import SharedStages, stage_keys
from softlabel.training.train import train
from tests.training.tiny import fingerprint, tiny_prepared

FAMILY: dict[str, dict[str, Any]] = {
    "cross_entropy": {},
    "crt": {"classifier_epochs": 2},
    "lws": {"classifier_epochs": 2},
    "tau_norm": {},
    "ncm": {},
}


def config(method: str, options: dict[str, Any], **training: Any) -> RunConfig:
    values = {"epochs": 2, "batch_size": 32, "learning_rate": 0.05, **training}
    return RunConfig.model_validate({"method": method, "training": values, "methods": {method: options}})


def keys(method: str, options: dict[str, Any], **training: Any) -> list[str]:
    asked = config(method, options, **training)
    return stage_keys(asked, build_method(asked, tiny_prepared()))


@pytest.mark.slow
@pytest.mark.parametrize("ema", [None, 0.9])
def test_sharing_changes_nothing_but_the_time(tmp_path: Path, ema: float | None) -> None:
    first = keys("cross_entropy", {}, ema=ema)[0]
    for method, options in FAMILY.items():
        asked = config(method, options, ema=ema)
        shared = SharedStages(tmp_path / "shared", [first, *[None] * (len(keys(method, options)) - 1)])
        assert shared.missing() == ([first] if method == "cross_entropy" else [])
        train(asked, folder=tmp_path / "shared-runs" / method, prepared=tiny_prepared(), shared=shared)
        train(asked, folder=tmp_path / "alone" / method, prepared=tiny_prepared())
        together, alone = (fingerprint(tmp_path / kind / method) for kind in ("shared-runs", "alone"))
        assert together == alone
    log = (tmp_path / "shared-runs" / "crt" / "log.txt").read_text()
    assert "goes on after 2 epochs" in log


def test_a_damaged_end_of_a_stage_is_refused(tmp_path: Path) -> None:
    from softlabel.errors import RunError

    shared = SharedStages(tmp_path / "shared", [keys("cross_entropy", {})[0]])
    train(config("cross_entropy", {}), folder=tmp_path / "one", prepared=tiny_prepared(), shared=shared)
    (file,) = (tmp_path / "shared").glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match="damaged"):
        train(config("cross_entropy", {}), folder=tmp_path / "two", prepared=tiny_prepared(), shared=shared)


def test_keys_tell_apart_what_differs_and_only_that() -> None:
    plain = keys("cross_entropy", {})[0]
    assert keys("crt", {})[0] == keys("ncm", {})[0] == plain
    assert keys("crt", {"classifier_epochs": 3})[0] == plain
    assert keys("crt", {"classifier_epochs": 3})[1] != keys("crt", {"classifier_epochs": 4})[1]
    assert keys("crt", {"representation": "label_smoothing"})[0] == keys("label_smoothing", {})[0] != plain
    assert keys("cross_entropy", {}, epochs=3)[0] != plain
    assert keys("dive", {})[0] == keys("balanced_softmax", {})[0]
    assert keys("mislas", {})[0] == keys("mixup", {})[0]


def test_cached_features_are_those_of_the_finished_backbone(tmp_path: Path) -> None:
    cached = config("crt", {"classifier_epochs": 1, "cached_features": True}, augment="none")
    plain = config("crt", {"classifier_epochs": 1}, augment="none")
    for name, asked in (("cached", cached), ("plain", plain)):
        train(asked, folder=tmp_path / name, prepared=tiny_prepared())
    from softlabel.deployed.model_folder import load_model

    heads = [load_model(tmp_path / name / "model").network.head.weight for name in ("cached", "plain")]
    torch.testing.assert_close(*heads, rtol=1e-4, atol=1e-5)


def test_a_method_under_a_name_of_its_own_is_that_method() -> None:
    named = {"method": "crt", "classifier_epochs": 3}
    assert keys("slow_crt", named) == keys("crt", {"classifier_epochs": 3})
