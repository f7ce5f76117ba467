"""Models for other programs."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from softlabel.deployed import export
from softlabel.deployed.export import ExportReport, export_model
from softlabel.deployed.loaded import load
from softlabel.deployed.model_folder import load_model, save_model
from softlabel.errors import RunError, UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network

IMAGES = InputSpec("image", (1, 8, 8), [0.3], [0.4])
FEATURES = InputSpec("features", (3,), [1.0, 20.0, 3.0], [1.0, 5.0, 0.0])
TASK = {"name": "classification", "class_names": ["a", "b", "c"]}
SUFFIXES = {"safetensors": "", "torch": ".pt2", "onnx": ".onnx"}
BIAS = torch.tensor([0.5, -1.0, 2.0])


def saved(folder: Path, backbone: str = "mlp", inputs: InputSpec = FEATURES, **options: Any) -> Path:
    config = NetworkConfig(backbone=backbone, hidden=[5])
    network = build_network(config, inputs, 3, 0)
    with torch.no_grad():
        network.head.weight *= 20  # confident answers, so that a forgotten temperature shows
    given: dict[str, Any] = {"inputs": inputs, "network_config": config, "task_json": TASK, "temperature": 2.5}
    return save_model(folder, network, **(given | {"adjust_bias": BIAS} | options))


def exported(tmp_path: Path, format: Any, **options: Any) -> ExportReport:
    return export_model(saved(tmp_path / "model", **options), tmp_path / f"out{SUFFIXES[format]}", format)


def raw(inputs: InputSpec, rows: int) -> Tensor:
    if inputs.kind == "image":
        return torch.randint(0, 256, (rows, *inputs.shape), dtype=torch.uint8)
    return torch.randn(rows, *inputs.shape) * 5 + 3


def run(report: ExportReport, inputs: Tensor) -> Tensor:
    """The exported model, as a stranger would run it: nothing of softlabel is used but for safetensors."""
    if report.format == "torch":
        return torch.export.load(report.path).module()(inputs)
    if report.format == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime")
        session = onnxruntime.InferenceSession(report.path, providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run(["probabilities"], {"inputs": inputs.numpy()})[0])
    return load_model(report.path)(inputs)


CASES = [("mlp", FEATURES, "safetensors"), ("resnet8", IMAGES, "safetensors"), ("resnet8", IMAGES, "torch")]
CASES += [("mlp", FEATURES, "torch"), ("resnet8", IMAGES, "onnx"), ("mlp", FEATURES, "onnx")]


@pytest.mark.parametrize(("backbone", "inputs", "format"), CASES, ids=lambda value: getattr(value, "kind", value))
def test_exports_answer_as_the_model_does_for_any_batch(
    tmp_path: Path, backbone: str, inputs: InputSpec, format: str
) -> None:
    report = exported(tmp_path, format, backbone=backbone, inputs=inputs)
    assert report.path.exists()
    assert report.format == format
    assert 0 <= report.max_difference <= 1e-5
    assert report.bytes > 100
    json.dumps(report.to_json())
    model = load_model(tmp_path / "model")
    for rows in (1, 2, 7):
        x = raw(inputs, rows)
        expected = torch.softmax((model.network(x) + BIAS) / 2.5, dim=1)
        torch.testing.assert_close(run(report, x), expected.detach(), rtol=1e-4, atol=1e-5)
    beside = {"out.labels.json", "out.use.py"} if report.script else set()
    assert {path.name for path in tmp_path.iterdir()} == {"model", report.path.name, *beside}


def test_the_temperature_is_folded_into_the_head(tmp_path: Path) -> None:
    report = exported(tmp_path, "safetensors")
    own, folded = (load_file(path / "model.safetensors") for path in (tmp_path / "model", report.path))
    np.testing.assert_allclose(folded["network.head.weight"], own["network.head.weight"] / 2.5, rtol=1e-6)
    np.testing.assert_allclose(
        folded["network.head.bias"], (own["network.head.bias"] + own["adjust_bias"]) / 2.5, rtol=1e-6
    )
    assert "adjust_bias" not in folded
    assert json.loads((report.path / "model.json").read_text())["temperature"] == 1.0


class Own(nn.Module):
    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)
        self.fc = nn.Linear(4, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer(x).relu())


def own(folder: Path, bias: bool = True) -> Network:
    network = adapt(Own(bias), FEATURES, head="fc", stages=["layer"])
    given = {"inputs": FEATURES, "network_config": NetworkConfig(), "task_json": TASK, "temperature": 2.0}
    save_model(folder, network, **given)  # type: ignore[arg-type]
    return network


@pytest.mark.parametrize("format", ["safetensors", "torch"])
def test_a_network_of_ones_own_is_exported(tmp_path: Path, format: Any) -> None:
    network = own(tmp_path / "model")
    out = tmp_path / f"out{SUFFIXES[format]}"
    with pytest.raises(RunError, match="network of your own"):
        export_model(tmp_path / "model", out, format)
    report = export_model(tmp_path / "model", out, format, network)
    assert report.max_difference < 1e-6


def test_a_head_that_cannot_take_a_temperature_is_refused(tmp_path: Path) -> None:
    network = own(tmp_path / "model", bias=False)
    with pytest.raises(UnsupportedError, match="linear head with a bias"):
        export_model(tmp_path / "model", tmp_path / "out", "safetensors", network)


class Branches(nn.Module):
    """Asks a number of its input, which no graph can."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x if x.sum().item() > 0 else -x)


def test_a_network_that_cannot_be_traced_is_refused_in_one_line(tmp_path: Path) -> None:
    network = adapt(Branches(), FEATURES, head="fc")
    given = {"inputs": FEATURES, "network_config": NetworkConfig(), "task_json": TASK}
    save_model(tmp_path / "model", network, **given)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match="cannot be exported to torch") as caught:
        export_model(tmp_path / "model", tmp_path / "out.pt2", "torch", network)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("off", [2e-4, float("nan")])
def test_an_export_that_answers_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: float
) -> None:
    def wrong(model: nn.Module, out: Path) -> Any:
        out.write_bytes(b"graph")
        return lambda inputs: model(inputs) + off

    monkeypatch.setitem(export.WRITERS, "torch", wrong)
    with pytest.raises(RunError, match="was not written"):
        exported(tmp_path, "torch")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_forgotten_temperature_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(model: Any, out: Path) -> Any:
        out.write_bytes(b"graph")
        return lambda inputs: torch.softmax(model.logits(inputs), dim=1)

    monkeypatch.setitem(export.WRITERS, "torch", forgetful)
    with pytest.raises(RunError, match="was not written"):
        exported(tmp_path, "torch")


@pytest.mark.parametrize("format", ["safetensors", "torch"])
def test_nothing_is_overwritten(tmp_path: Path, format: Any) -> None:
    out = tmp_path / f"out{SUFFIXES[format]}"
    out.write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        exported(tmp_path, format)
    assert out.read_text() == "mine"


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "model")
    with pytest.raises(UnsupportedError, match="not an export format; there are safetensors, torch, onnx"):
        export_model(tmp_path / "model", tmp_path / "out", "pickle")  # type: ignore[arg-type]
    with pytest.raises(UnsupportedError, match=r"ends in \.onnx"):
        export_model(tmp_path / "model", tmp_path / "out.pt2", "onnx")
    with pytest.raises(RunError, match="is missing"):
        export_model(tmp_path / "nothing", tmp_path / "out.pt2", "torch")


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript"])
def test_without_onnx_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UnsupportedError, match=r"pip install 'softlabel\[onnx\]'"):
        exported(tmp_path, "onnx")


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_what_the_disk_does_not_take_is_an_error_that_names_the_file_and_leaves_nothing(
    format: Any, tmp_path: Path
) -> None:
    if format == "onnx":
        pytest.importorskip("onnx")
    folder = saved(tmp_path / "model")
    out = tmp_path / "out" / f"out{SUFFIXES[format]}"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))  # bytes of a file, as on a disk that is full by then
    try:
        with pytest.raises(OSError, match=out.name):
            export_model(folder, out, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(out.parent.iterdir()) == []


def photo(path: Path) -> Path:
    """Red on the left, blue on the right, much wider than high."""
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, :50, 0] = pixels[:, 50:, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


def used(script: Path, given: Path) -> str:
    """What the script prints where softlabel is not installed."""
    without = (
        "import runpy, sys; sys.modules['softlabel'] = None; sys.argv = sys.argv[1:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", without, script, given], capture_output=True, text=True, check=False, cwd=given.parent
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TASKS: dict[str, dict[str, Any]] = {
    "classification": TASK,
    "multi_label": {"name": "multi-label", "class_names": ["a", "b", "c"], "link": "sigmoid"},
    "ordinal": {
        "name": "ordinal",
        "class_names": ["0", "1", "2"],
        "grid": [0.0, 1.0, 2.0],
        "axis": {"grid": ["0:2"], "decoding": "expectation", "tolerance": 5.0, "unit": ""},
    },
}


@pytest.mark.parametrize("format", ["torch", "onnx"])
@pytest.mark.parametrize(("channels", "fit"), [(3, "crop"), (3, "pad"), (1, "stretch")])
def test_the_script_answers_for_a_photo_as_the_model_does(format: Any, channels: int, fit: Any, tmp_path: Path) -> None:
    if format == "onnx":
        pytest.importorskip("onnxruntime")
    inputs = InputSpec("image", (channels, 16, 16), [0.3] * channels, [0.4] * channels, fit=fit)
    model = saved(tmp_path / "model", "resnet8", inputs, adjust_bias=None)
    report = export_model(model, tmp_path / "out", format)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"model{SUFFIXES[format]}", "labels.json", "use.py"}
    assert report.script == tmp_path / "out" / "use.py"
    assert len(report.script.read_text().splitlines()) <= 10
    (answer,) = load(model).predict(photo(tmp_path / "photo.png")).itertuples()
    label, confidence = used(report.script, tmp_path / "photo.png").split()
    assert label == answer.label
    assert float(confidence) == pytest.approx(answer.confidence, abs=0.02)  # resized by other steps


@pytest.mark.parametrize("task", ["classification", "multi_label", "ordinal"])
@pytest.mark.parametrize("names", [["x", "y", "z"], []])
def test_the_script_answers_for_each_row_of_a_table(task: str, names: list[str], tmp_path: Path) -> None:
    inputs = InputSpec("features", (3,), [1.0, 20.0, 3.0], [1.0, 5.0, 0.0], names)
    model = saved(tmp_path / "model", inputs=inputs, task_json=TASKS[task], adjust_bias=None)
    report = export_model(model, tmp_path / "out", "torch")
    table = tmp_path / "rows.csv"
    order = ["z", "x", "y"] if names else ["x", "y", "z"]
    rows = [{"x": 1.0, "y": 22.0, "z": 3.0}, {"x": -3.0, "y": 10.0, "z": 3.0}]
    table.write_text("\n".join([",".join(order), *(",".join(str(row[name]) for name in order) for row in rows)]))
    given = np.array([[row[name] for name in ("x", "y", "z")] for row in rows])
    answers = load(model).predict(given)
    expected = {
        "classification": lambda a: f"{a.label} {a.confidence:.3f}",
        "multi_label": lambda a: sorted(a.labels),
        "ordinal": lambda a: f"{a.value:.4g}",
    }[task]
    lines = used(report.script, table).splitlines()
    found = [sorted(line.split()) for line in lines] if task == "multi_label" else lines
    assert found == [expected(answer) for answer in answers.itertuples()]


@pytest.mark.parametrize("format", ["torch", "onnx"])
def test_an_export_made_twice_is_the_same_and_names_no_place(format: Any, tmp_path: Path) -> None:
    if format == "onnx":
        pytest.importorskip("onnx")
    model = saved(tmp_path / "model", "resnet8", IMAGES)
    first, second = (export_model(model, tmp_path / name, format).path.read_bytes() for name in ("one", "two"))
    assert first == second
    root = str(Path(export.__file__).parents[2]).encode()
    assert root not in first
    assert str(tmp_path).encode() not in first


def test_an_onnx_graph_names_its_batch_axis(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(exported(tmp_path, "onnx").path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 3]
    assert session.get_outputs()[0].shape == ["batch", 3]


def test_labels_beside_an_export_say_what_it_takes(tmp_path: Path) -> None:
    inputs = InputSpec("image", (3, 16, 20), [0.3] * 3, [0.4] * 3, fit="pad")
    export_model(saved(tmp_path / "model", "resnet8", inputs), tmp_path / "out", "torch")
    said = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert said == {
        "inputs": {
            "kind": "image",
            "shape": [3, 16, 20],
            "axes": ["batch", "channel", "height", "width"],
            "type": "uint8",
            "names": [],
            "colours": "RGB",
            "fit": "pad",
        },
        "class_names": ["a", "b", "c"],
        "task": "classification",
        "output": "probabilities",
        "temperature": 2.5,
    }


@pytest.mark.parametrize(
    ("format", "out"), [("torch", "x.onnx"), ("onnx", "x.pt2"), ("safetensors", "x.safetensors"), ("torch", "x.pth")]
)
def test_another_ending_is_refused(format: Any, out: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=f"a {format} export is a folder"):
        export_model(saved(tmp_path / "model"), tmp_path / out, format)
