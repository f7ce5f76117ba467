"""What an export says of itself, and a script of a few lines that uses it without this library."""

from __future__ import annotations

from typing import Any, Literal

from softlabel.deployed.model_folder import DeployedModel
from softlabel.deployed.predict import white_level_of
from softlabel.runs.atomic import to_json
from softlabel.tasks.resolve import task_from_json

MEANING = "softlabel.json"
"""An extra file of a torch export, a metadata property of an ONNX graph."""
_FITTED = {
    "crop": "ImageOps.fit(photo, size, Image.Resampling.BILINEAR)",
    "pad": "ImageOps.pad(photo, size, Image.Resampling.BILINEAR, color={grey})",
    "stretch": "photo.resize(size, Image.Resampling.BILINEAR)",
}
_RUN = {
    "torch": 'torch.export.load(here / "{model}").module()(torch.from_numpy(inputs)).detach().numpy()',
    "onnx": 'onnxruntime.InferenceSession(here / "{model}").run(None, {{"inputs": inputs}})[0]',
}
_LIBRARY = {"torch": "torch", "onnx": "onnxruntime"}


def meaning(model: DeployedModel) -> str:
    """What stands where in inputs and outputs, as JSON.

    Of images size, fit, colour order and value type; of a table the names of its features; names of the classes; the
    temperature, which the probabilities have already; what is white in images of 16 bits.
    """
    spec = model.inputs
    image = spec.kind == "image"
    inputs: dict[str, Any] = {
        "kind": spec.kind,
        "shape": list(spec.shape),
        "axes": ["batch", "channel", "height", "width"] if image else ["batch", "feature"],
        "type": "uint8" if image else "float32",
        "names": spec.names,
    }
    if image:
        inputs |= {"colours": "grey" if spec.channels == 1 else "RGB", "fit": spec.fit}
    if (white := white_level_of(model)) is not None:
        inputs["white_level"] = white
    said = {"inputs": inputs, "class_names": model.class_names, "task": model.task_json["name"]}
    return to_json(said | {"output": "probabilities", "temperature": model.temperature})


def use_script(model: DeployedModel, model_file: str, labels_file: str, format: Literal["torch", "onnx"]) -> str:
    """Python that goes from a photo, or from the rows of a CSV file, to what the task answers; at most ten lines."""
    image = model.inputs.kind == "image"
    lines = [
        f"import {'json, sys' if image else 'csv, json, sys'}, pathlib, numpy, {_LIBRARY[format]}",
        *(["from PIL import Image, ImageOps"] if image else []),
        "here = pathlib.Path(__file__).parent",
        f'said = json.loads((here / "{labels_file}").read_text(encoding="utf-8"))',
        *(_photo(model) if image else _table(model)),
        f"for p in {_RUN[format].format(model=model_file)}:",
        f"    {task_from_json(model.task_json).printed}",
    ]
    return "\n".join(lines) + "\n"


def _photo(model: DeployedModel) -> list[str]:
    channels, height, width = model.inputs.shape
    mode, axes = ("L", "[None, None]") if channels == 1 else ("RGB", ".transpose(2, 0, 1)[None]")
    fitted = _FITTED[model.inputs.fit or "crop"].format(grey=127 if channels == 1 else (127, 127, 127))
    return [
        f'photo, size = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}"), ({width}, {height})',
        f"inputs = numpy.ascontiguousarray(numpy.asarray({fitted}){axes})",
    ]


def _table(model: DeployedModel) -> list[str]:
    rows = 'list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))'
    values = '[row[name] for name in said["inputs"]["names"]]' if model.inputs.names else "list(row.values())"
    return [f"rows = {rows}", f'inputs = numpy.array([{values} for row in rows], "float32")']
