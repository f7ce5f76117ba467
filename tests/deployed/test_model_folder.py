"""What ships: the folder of a trained model."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from softlabel.deployed import model_folder
from softlabel.deployed.export import export_model
from softlabel.deployed.model_files import digest_of
from softlabel.deployed.model_folder import DeployedModel, load_model, save_model
from softlabel.errors import RunError, UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.build import BACKBONES, build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network

IMAGES = InputSpec("image", (1, 8, 8), [0.3], [0.4])
FEATURES = InputSpec("features", (3,), [1.0, 2.0, 3.0], [1.0, 0.5, 0.0])
TASK = {"name": "classification", "class_names": ["a", "b", "ç"]}
PIXELS = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


def small(seed: int = 0) -> Network:
    return build_network(NetworkConfig(backbone="resnet8"), IMAGES, 3, seed)


def save(folder: Path, network: Network | None = None, **options: Any) -> Path:
    given: dict[str, Any] = {"inputs": IMAGES, "network_config": NetworkConfig(backbone="resnet8"), "task_json": TASK}
    return save_model(folder, network or small(), **(given | {"temperature": 1.5} | options))


def description(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "model.json").read_text()))


def rewrite(folder: Path, **changes: Any) -> None:
    """A forged description: changed, with a hash that fits."""
    forged = {key: value for key, value in description(folder).items() if key != "sha256"} | changes
    (folder / "model.json").write_text(json.dumps(forged | {"sha256": digest_of(forged)}))


def forge_weights(folder: Path, content: bytes) -> None:
    """Other weights, with hashes that fit."""
    (folder / "model.safetensors").write_bytes(content)
    weights = {"file": "model.safetensors", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rewrite(folder, weights=weights)


def forge_tensors(folder: Path, **changes: Tensor | None) -> None:
    state = load_file(folder / "model.safetensors") | changes
    path = folder / "forged"
    save_file({key: value for key, value in state.items() if value is not None}, path)
    forge_weights(folder, path.read_bytes())


@pytest.mark.parametrize("bias", [None, torch.tensor([0.5, -1.0, 2.0])])
def test_a_saved_model_answers_as_the_network_did(tmp_path: Path, bias: Tensor | None) -> None:
    network = small().train()
    network(PIXELS)  # moves the running statistics
    save(tmp_path / "model", network, adjust_bias=bias, card={"accuracy": 0.5})
    model = load_model(tmp_path / "model")
    network.eval()
    logits = network(PIXELS) + (0 if bias is None else bias)
    torch.testing.assert_close(model.logits(PIXELS), logits, rtol=0, atol=0)
    torch.testing.assert_close(model(PIXELS), torch.softmax(logits / 1.5, dim=1), rtol=0, atol=0)
    assert model.class_names == TASK["class_names"]
    assert (model.temperature, model.inputs, model.card) == (1.5, IMAGES, {"accuracy": 0.5})
    assert not model.training


@pytest.mark.parametrize("inputs", [IMAGES, FEATURES], ids=["images", "features"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_comes_back(backbone: str, inputs: InputSpec, tmp_path: Path) -> None:
    config = NetworkConfig(backbone=backbone, hidden=[5])
    try:
        network = build_network(config, inputs, 3, seed=0)
    except UnsupportedError:
        pytest.skip("needs images")
    save(tmp_path / "model", network, inputs=inputs, network_config=config)
    state = load_model(tmp_path / "model").network.state_dict()
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_features_and_settings_of_the_network_come_back(tmp_path: Path) -> None:
    config = NetworkConfig(backbone="mlp", hidden=[4, 6], trainable="head", head="cosine")
    network = build_network(config, FEATURES, 3, 0)
    save(tmp_path, network, inputs=FEATURES, network_config=config)
    model = load_model(tmp_path)
    x = torch.randn(4, 3)
    torch.testing.assert_close(model.logits(x), network(x), rtol=0, atol=0)
    assert model.network_config == config


def test_what_ships_is_the_plain_network_and_nothing_else(tmp_path: Path) -> None:
    model = load_model(save(tmp_path))
    plain = small()
    assert [(name, type(part)) for name, part in model.network.named_modules()] == [
        (name, type(part)) for name, part in plain.named_modules()
    ]
    assert {name: value.shape for name, value in model.network.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    assert set(model.state_dict()) == {f"network.{name}" for name in plain.state_dict()}


def test_saving_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    network = small().train()
    network.backbone.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    save(tmp_path, network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
    assert not network.backbone.training
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]


def test_equal_models_are_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save(tmp_path / name)
    for file in ("model.json", "model.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_run_folder_stands_for_its_model(tmp_path: Path) -> None:
    save(tmp_path / "run" / "model")
    assert load_model(tmp_path / "run").temperature == 1.5


def test_a_card_without_a_number_says_null(tmp_path: Path) -> None:
    save(tmp_path, card={"few": float("nan"), "many": [0.5, float("inf")]})
    assert load_model(tmp_path).card == {"few": None, "many": [0.5, None]}


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer(x.flatten(1)).relu())


def test_a_network_of_ones_own_is_given_again_to_load(tmp_path: Path) -> None:
    network = adapt(Own(), IMAGES, head="fc")
    save(tmp_path, network)
    with pytest.raises(RunError, match=r"network of your own \(Own\)"):
        load_model(tmp_path)
    model = load_model(tmp_path, adapt(Own(), IMAGES, head="fc"))
    torch.testing.assert_close(model.logits(PIXELS), network(PIXELS), rtol=0, atol=0)
    with pytest.raises(RunError, match="belongs to another network"):
        load_model(tmp_path, small())


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_temperatures_are_not_saved(tmp_path: Path, temperature: float) -> None:
    with pytest.raises(RunError, match="temperature"):
        save(tmp_path / "model", temperature=temperature)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_diverged_network_is_not_saved(tmp_path: Path, value: float) -> None:
    network = small()
    with torch.no_grad():
        network.head.weight[0, 0] = value
    with pytest.raises(RunError, match=r"network\.head\.weight has values that are not finite"):
        save(tmp_path / "model", network)
    assert not (tmp_path / "model").exists()


# --- killed while saving -------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def which(folder: Path) -> str:
    """Which of the two models is in the folder, whole."""
    if not (folder / "model.json").exists():
        return "none"
    model = load_model(folder)
    found = {1.0: "old", 2.0: "new"}[model.temperature]
    expected = small(0 if found == "old" else 1).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.network.state_dict().items())
    return found


@pytest.mark.parametrize("old", [False, True])
def test_a_save_that_is_killed_anywhere_leaves_the_old_model_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    """Every call that changes the folder is the last one once; before it, and right after it."""
    real = {(os, name): getattr(os, name) for name in ("replace", "fsync")} | {(Path, "unlink"): Path.unlink}
    outcomes = set()
    for last in range(1, 30):
        folder = tmp_path / f"{old}-{last}"
        if old:
            save(folder, small(0), temperature=1.0)
        calls = iter(range(1, 1000))

        def dying(real_call: Any, calls: Any = calls, last: int = last) -> Any:
            def call(*arguments: Any, **options: Any) -> Any:
                now = next(calls)
                if now > last // 2:
                    if now == last // 2 + 1 and last % 2:
                        real_call(*arguments, **options)
                    raise Killed
                return real_call(*arguments, **options)

            return call

        for (place, name), real_call in real.items():
            monkeypatch.setattr(place, name, dying(real_call))
        try:
            save(folder, small(1), temperature=2.0)
            finished = True
        except Killed:
            finished = False
        monkeypatch.undo()
        found = which(folder)
        outcomes.add(found)
        if finished:
            assert found == "new"
            break
    else:
        pytest.fail("the save never finished")
    assert outcomes == ({"old", "new"} if old else {"none", "new"})


def test_a_second_save_replaces_the_first_and_leaves_nothing_over(tmp_path: Path) -> None:
    for seed in range(3):
        save(tmp_path, small(seed), temperature=1.0 + seed)
        model = load_model(tmp_path)
        assert model.temperature == 1.0 + seed
        assert torch.equal(model.network.head.weight, small(seed).head.weight)
        assert len(list(tmp_path.iterdir())) == 2


def test_other_files_in_the_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "model.txt").write_text("mine")
    save(tmp_path)
    save(tmp_path, small(1))
    assert (tmp_path / "notes.txt").exists()
    assert (tmp_path / "model.txt").exists()


# --- damaged and hostile files -------------------------------------------------------------------------------------


def refused(folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1000
    assert str(folder) in message
    return message


def test_missing_files_are_named(tmp_path: Path) -> None:
    assert "model.json is missing" in refused(tmp_path)
    assert "model.json is missing" in refused(tmp_path / "nothing")
    save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert "model.safetensors is missing" in refused(tmp_path)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_no_changed_byte_goes_unnoticed(tmp_path: Path, file: str) -> None:
    save(tmp_path)
    whole = (tmp_path / file).read_bytes()
    dice = random.Random(0)
    before = load_model(tmp_path).state_dict()
    for _ in range(250):
        content = bytearray(whole)
        content[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        (tmp_path / file).write_bytes(content)
        if file == "model.json" and _same_json(content, whole):
            assert all(torch.equal(value, before[key]) for key, value in load_model(tmp_path).state_dict().items())
        else:
            assert file in refused(tmp_path)


def _same_json(one: bytes, other: bytes) -> bool:
    """A changed blank between two words of JSON changes nothing."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


@pytest.mark.parametrize("file", ["model.json", "model.safetensors"])
def test_files_that_were_cut_are_refused(tmp_path: Path, file: str) -> None:
    save(tmp_path)
    whole = (tmp_path / file).read_bytes()
    for length in [*range(40), *range(40, len(whole) - 2, len(whole) // 40), len(whole) - 2]:
        (tmp_path / file).write_bytes(whole[:length])
        assert file in refused(tmp_path)
    (tmp_path / file).write_bytes(whole + b"{}")
    assert file in refused(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'"model"', b'{"kind": "another"}', b"\xff\xfe", b"[" * 100000, b"\x80\x04K\x01."],
)
def test_foreign_descriptions_are_refused(tmp_path: Path, content: bytes) -> None:
    save(tmp_path)
    (tmp_path / "model.json").write_bytes(content)
    assert "model.json" in refused(tmp_path)


@pytest.mark.parametrize("version", [2, 99, "1", None, 0])
def test_another_format_is_refused_with_both_numbers(tmp_path: Path, version: object) -> None:
    save(tmp_path)
    rewrite(tmp_path, format=version)
    assert f"format {version!r}; this version of softlabel reads format 1" in refused(tmp_path)


@pytest.mark.parametrize(
    "file", ["../model.safetensors", "/etc/passwd", "model.safetensors/..", "other.safetensors", "model.bin", None, 3]
)
def test_weights_outside_the_folder_are_not_read(tmp_path: Path, file: object) -> None:
    save(tmp_path / "inner")
    shutil.copy(tmp_path / "inner" / "model.safetensors", tmp_path)
    weights = description(tmp_path / "inner")["weights"] | {"file": file}
    rewrite(tmp_path / "inner", weights=weights)
    assert "does not name its weights" in refused(tmp_path / "inner")


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"backbone": "resnet9"}},
        {"network": {"backbone": "resnet8", "extra": 1}},
        {"network": {"backbone": "resnet56"}},
        {"network": {"backbone": "hf:evil/model"}},
        {"network": None},
        {"inputs": {"kind": "image", "shape": [1, 8, 8], "mean": [0.5]}},
        {"inputs": {"kind": "image", "shape": [3, 8, 8], "mean": [0.5] * 3, "std": [0.5] * 3}},
        {"inputs": []},
        {"num_outputs": 4},
        {"num_outputs": 10**12},
        {"num_outputs": -1},
        {"num_outputs": "many"},
        {"task": {"name": "classification", "class_names": ["a"]}},
        {"task": {}},
        {"task": {"name": "classification", "class_names": ["a", "a", "b"]}},
        {"task": {"name": "classification", "class_names": ["a", "b", 3]}},
        {"task": {"name": "classification", "class_names": "abc"}},
        {"task": {"name": "another", "class_names": ["a", "b", "c"]}},
        {"inputs": {"kind": "image", "shape": [1, 10**6, 10**6], "mean": [0.5], "std": [0.5]}},
        {"temperature": 0},
        {"temperature": -2.0},
        {"temperature": None},
        {"temperature": "1e999"},
        {"weights": None},
        {"origin": {"maps": True}},
        {"own_module": "a" * 5000},
        {"origin": {"maps": True, "pooler": False, "config": {"model_type": "nothing"}, "processor": {}}},
        {"origin": {"maps": False, "pooler": True, "config": {"model_type": "vit", "hidden_size": 10**9}}},
        {"origin": {"maps": False, "pooler": True, "config": {"model_type": "vit", "num_hidden_layers": 10**5}}},
        {"origin": {"maps": True, "pooler": False, "config": {"model_type": "resnet", "depths": [3, 10**5]}}},
    ],
    ids=str,
)
def test_descriptions_of_no_such_model_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    save(tmp_path)
    rewrite(tmp_path, **changes)
    refused(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": {"backbone": "mlp", "hidden": [65_536]}},
        {"network": {"backbone": "mlp", "hidden": [64] * 64}},
        {
            "inputs": {"kind": "image", "shape": [1, 7000, 7000], "mean": [0.5], "std": [0.5]},
            "network": {"backbone": "mlp"},
        },
    ],
    ids=range(3),
)
def test_no_memory_is_taken_for_widths_that_no_tensor_has(
    tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path)
    rewrite(tmp_path, **changes)
    monkeypatch.setattr(model_folder, "rebuild_network", None)  # not even begun
    assert "no tensor has the width" in refused(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network.head.weight": torch.zeros(3, 65)}, "network.head.weight is float32 of shape [3, 65]"),
        (
            {"network.head.weight": torch.zeros(3, 64, dtype=torch.float16)},
            "float16 of shape [3, 64], expected float32",
        ),
        ({"network.head.bias": None}, "network.head.bias is missing"),
        ({"network.head.extra": torch.zeros(2)}, "network.head.extra is float32 of shape [2], expected missing"),
        ({"network.head.bias": torch.tensor([0.0, float("nan"), 0.0])}, "network.head.bias has values that are not"),
        ({"network.head.bias": torch.tensor([0.0, float("inf"), 0.0])}, "network.head.bias has values that are not"),
        ({"adjust_bias": torch.zeros(4)}, "adjust_bias is float32 of shape [4], expected float32 of shape [3]"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    save(tmp_path)
    forge_tensors(tmp_path, **changes)
    assert words in refused(tmp_path)


def test_a_tensor_named_twice_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + length].rstrip()
    entry = json.dumps(json.loads(header)["network.head.bias"])
    header = header[:-1] + b',"network.head.bias":' + entry.encode() + b"}"
    forge_weights(tmp_path, struct.pack("<Q", len(header)) + header + content[8 + length :])
    assert "occurs twice" in refused(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 8, struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 2) + b"{}" + b"x" * 9, b"PK\x03\x04" * 50]
    + [struct.pack("<Q", len(text)) + text for text in (b"[]", b'{"a": 1}', b"[" * 100000, b"\xff" * 20)],
    ids=range(9),
)
def test_what_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    save(tmp_path)
    forge_weights(tmp_path, content)
    assert "model.safetensors" in refused(tmp_path)


def test_reading_opens_nothing_but_the_two_files(tmp_path: Path) -> None:
    """No pickle, no network, no process: watched by Python's own audit hook."""
    save(tmp_path)
    load_model(tmp_path)
    events: list[str] = []
    watching = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event in ("pickle.find_class", "socket.connect", "subprocess.Popen", "os.system", "exec"):
            events.append(event)

    sys.addaudithook(hook)
    load_model(tmp_path)(PIXELS)
    watching[0] = False
    assert events == []


def test_a_forged_backbone_is_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A description that names a backbone of the hub, without its configuration, must not make anybody fetch it."""
    save(tmp_path)
    rewrite(tmp_path, network={"backbone": "hf:evil/model"})
    fetched: list[str] = []
    monkeypatch.setattr("softlabel.networks.build.load_hub", lambda name, inputs: fetched.append(name))
    assert "names a pretrained backbone" in refused(tmp_path)
    assert fetched == []


def test_a_deployed_model_can_be_made_by_hand() -> None:
    model = DeployedModel(small().eval(), inputs=IMAGES, network_config=NetworkConfig(), task_json=TASK)
    torch.testing.assert_close(model(PIXELS).sum(dim=1), torch.ones(5))


def test_a_pretrained_backbone_is_loaded_without_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tests.networks.pretrained import PROCESSORS, save_pretrained

    source, inputs = tmp_path / "backbone", InputSpec("image", (3, 20, 20), [0.5] * 3, [0.5] * 3)
    save_pretrained("resnet", source)
    (source / "preprocessor_config.json").write_text(json.dumps(PROCESSORS["resnet"]))
    config = NetworkConfig(backbone=f"hf:{source}", trainable="head")
    network = build_network(config, inputs, 3, 0).eval()
    save(tmp_path / "model", network, inputs=inputs, network_config=config)
    shutil.rmtree(source)
    model = load_model(tmp_path / "model")
    x = torch.randint(0, 256, (2, 3, 20, 20), dtype=torch.uint8)
    torch.testing.assert_close(model.logits(x), network(x), rtol=0, atol=0)
    report = export_model(tmp_path / "model", tmp_path / "model.pt2", "torch")
    torch.testing.assert_close(torch.export.load(report.path).module()(x), model(x))
