"""Models for other programs: raw inputs in, calibrated probabilities out, each checked against the original."""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from softlabel.deployed.model_folder import DeployedModel, load_model, save_model
from softlabel.deployed.predict import white_level_of
from softlabel.deployed.traces import forget_the_source, name_the_batch
from softlabel.deployed.use_script import MEANING, meaning, use_script
from softlabel.errors import RunError, UnsupportedError
from softlabel.networks.adapter import AdaptedBackbone, example
from softlabel.networks.heads import CentredHead, CosineHead
from softlabel.networks.network import Network
from softlabel.runs.atomic import write_bytes, write_text
from softlabel.runs.publish import new_path

Format = Literal["safetensors", "torch", "onnx"]
SUFFIX: dict[Format, str] = {"safetensors": "", "torch": ".pt2", "onnx": ".onnx"}
OTHER_ENDINGS = (".pt", ".pth", ".pt2", ".onnx", ".safetensors", ".bin", ".json", ".ckpt")
LARGEST_DIFFERENCE = 1e-4
BATCH_IS_DYNAMIC = ({0: torch.export.Dim.DYNAMIC},)
BATCH_SIZES = (1, 3, 8)  # the check runs each: a graph may have frozen the size it was traced with
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ExportReport:
    """What was written, and the largest difference of any probability from the original on sample inputs.

    script       goes from a photo or a table to labels; None where the format holds weights alone
    white_level  what 255 of its images stands for in images of 16 bits, where that is not full scale
    """

    path: Path
    format: Format
    max_difference: float
    bytes: int
    script: Path | None = None
    reads_images: bool = False
    white_level: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers and strings."""
        return asdict(self) | {"path": str(self.path), "script": None if self.script is None else str(self.script)}


def export_model(folder: str | Path, out: str | Path, format: Format, network: Network | None = None) -> ExportReport:
    """Write a model folder, or the one inside a run folder, in another format.

    safetensors  a folder with weights and JSON; temperature and bias are folded into the head
    torch        a torch.export program (.pt2)
    onnx         an ONNX graph (.onnx); needs the extra softlabel[onnx]
    torch and onnx carry what their tensors mean as JSON, see `meaning`, which lies beside them too, with a script that
    goes from a photo or a table to labels without softlabel
    out          a new folder, or a file that ends in .pt2 or .onnx
    network      as in `load_model`

    Raises RunError when the model is damaged, `out` exists, or the export differs by more than 1e-4; UnsupportedError
    when a library is missing or the format cannot express the network.
    """
    if format not in SUFFIX:
        raise UnsupportedError(f"{format!r} is not an export format; there are {', '.join(SUFFIX)}")
    places = places_of(Path(out), format)
    for path in {Path(out), *places.all}:
        if os.path.lexists(path):
            raise RunError(f"{path} exists already; name another place, or remove it")
    model = load_model(folder, network)
    (places.folder.parent if places.is_new_folder else places.folder).mkdir(parents=True, exist_ok=True)
    with _written(places) as here:
        difference = largest_difference(model, WRITERS[format](model, here.model))
        if not difference <= LARGEST_DIFFERENCE:
            raise RunError(
                f"{out} was not written: its probabilities differ by {difference:.1e} from the original's, "
                f"at most {LARGEST_DIFFERENCE:.0e} is allowed"
            )
        write_text(here.labels, meaning(model) + "\n")
        if here.script is not None and format != "safetensors":
            write_text(here.script, use_script(model, here.model.name, here.labels.name, format))
    images = model.inputs.kind == "image"
    white = white_level_of(model)
    return ExportReport(places.model, format, difference, size(places.model), places.script, images, white)


@dataclass(frozen=True)
class Places:
    """Where an export goes.

    folder   a new one, or the one in which the files are
    model    the file that runs, or the folder of weights
    """

    folder: Path
    model: Path
    labels: Path
    script: Path | None
    is_new_folder: bool = True

    @property
    def all(self) -> list[Path]:
        """All of them but what lies in a new folder."""
        return [path for path in (self.model, self.labels, self.script) if path is not None]

    def inside(self, folder: Path) -> Places:
        """The same with a folder that will get that name."""
        script = None if self.script is None else folder / self.script.name
        model = folder if self.model == self.folder else folder / self.model.name
        return Places(folder, model, folder / self.labels.name, script)


def places_of(out: Path, format: Format) -> Places:
    """A folder with a model, its labels and a script; or a file of that name, and the others beside it.

    Raises UnsupportedError for a file of another ending.
    """
    suffix = SUFFIX[format]
    if out.suffix in OTHER_ENDINGS and out.suffix != suffix:
        raise UnsupportedError(f"{out}: a {format} export is a folder" + (f", or ends in {suffix}" if suffix else ""))
    if not suffix:
        return Places(out, out, out / "labels.json", None)
    if out.suffix == suffix:
        return Places(out.parent, out, out.with_suffix(".labels.json"), out.with_suffix(".use.py"), is_new_folder=False)
    return Places(out, out / f"model{suffix}", out / "labels.json", out / "use.py")


@contextlib.contextmanager
def _written(places: Places) -> Iterator[Places]:
    """Places to write to, which get their names when the block ends."""
    if places.is_new_folder:
        with new_path(places.folder) as folder:
            if places.model != places.folder:
                folder.mkdir()
            yield places.inside(folder)
        return
    with contextlib.ExitStack() as stack:
        here = {path: stack.enter_context(new_path(path)) for path in places.all}
        script = None if places.script is None else here[places.script]
        yield Places(places.folder, here[places.model], here[places.labels], script)


def write_safetensors(model: DeployedModel, out: Path) -> Run:
    """A model folder of temperature 1, and that folder read again."""
    save_model(
        out,
        folded(model),
        inputs=model.inputs,
        network_config=model.network_config,
        task_json=model.task_json,
        card=model.card,
    )
    own = isinstance(model.network.backbone, AdaptedBackbone)
    return load_model(out, copy.deepcopy(model.network) if own else None)


def folded(model: DeployedModel) -> Network:
    """The network with softmax((W x + b + bias) / T) as softmax(W' x + b')."""
    network = copy.deepcopy(model.network)
    head = network.head
    if isinstance(head, CosineHead) and model.adjust_bias is None:
        head.scale.div_(model.temperature)
        return network
    if not isinstance(head, (nn.Linear, CentredHead)) or head.bias is None:
        raise UnsupportedError(
            "a temperature can be folded only into a linear head with a bias; export to torch or onnx"
        )
    with torch.no_grad():
        if model.adjust_bias is not None:
            head.bias.add_(model.adjust_bias)
        head.weight.div_(model.temperature)
        head.bias.div_(model.temperature)
    return network


def write_torch(model: DeployedModel, out: Path) -> Run:
    """A torch.export program for any batch size, and that program read again."""
    with tracing("torch"):
        program = torch.export.export(model, (example(model.inputs),), dynamic_shapes=BATCH_IS_DYNAMIC)
        forget_the_source(program)
        content = BytesIO()  # on a full disk torch's own writer ends the process
        torch.export.save(program, content, extra_files={MEANING: meaning(model)})
        write_bytes(out, content.getvalue())
        return torch.export.load(out).module()


def write_onnx(model: DeployedModel, out: Path) -> Run:
    """An ONNX graph for any batch size, and that graph run by onnxruntime."""
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(f"onnx export needs {error.name}: pip install 'softlabel[onnx]'") from None
    with tracing("onnx"):
        program = torch.onnx.export(
            model,
            (example(model.inputs),),
            input_names=["inputs"],
            output_names=["probabilities"],
            dynamic_shapes=BATCH_IS_DYNAMIC,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        forget_the_source(program)
    assert program is not None
    graph = program.model_proto
    name_the_batch(graph)
    onnx.helper.set_model_props(graph, {MEANING: meaning(model)})
    write_bytes(out, graph.SerializeToString())
    session = onnxruntime.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])

    def run(inputs: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {"inputs": inputs.numpy()})[0])

    return run


WRITERS: dict[Format, Callable[[DeployedModel, Path], Run]] = {
    "safetensors": write_safetensors,
    "torch": write_torch,
    "onnx": write_onnx,
}


def largest_difference(model: DeployedModel, run: Run) -> float:
    """Largest absolute difference of a probability, over batches of several sizes; NaN counts as infinite."""
    differences: list[float] = []
    for rows in BATCH_SIZES:
        sample = example(model.inputs, rows)
        with torch.no_grad():
            differences.append((model(sample) - run(sample)).abs().nan_to_num(nan=float("inf")).max().item())
    return max(differences)


@contextlib.contextmanager
def tracing(format: Format) -> Iterator[None]:
    """Without the tracers' many warnings, and with a failure as one line."""
    level = logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            yield
    except OSError:
        raise
    except Exception as error:  # tracers answer a graph they cannot express with any kind of error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnsupportedError(f"this network cannot be exported to {format}: {reason}") from error
    finally:
        logging.disable(level)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
