"""Pretrained backbones of the Hugging Face transformers library, from a folder or by name.

Weights are read from safetensors alone, and code that comes with a model is never run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.networks.adapter import continues, example, probing
from softlabel.networks.hub_preprocessing import HubPreprocess
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Backbone, Pyramid

PREFIX = "hf:"
PATIENCE = 10.0
"""Seconds that the Hub has for its first answer."""


class HubBackbone(Backbone):
    """A transformers model. Levels are the feature maps of an AutoBackbone, or what another AutoModel ends with.

    origin   what makes an equal, untrained backbone without a network connection: the model's and the processor's
             configuration, as JSON
    """

    pretrained = True

    def __init__(self, model: nn.Module, origin: Mapping[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.origin = dict(origin)
        self.stage_is_separate = False

    def forward(self, inputs: Tensor) -> Pyramid:
        output = self.model(inputs)
        if self.origin["maps"]:
            return Pyramid(tuple(output.feature_maps), self.pool(output.feature_maps[-1]))
        last = output.last_hidden_state
        if self.origin["pooler"]:
            pooled = output.pooler_output.flatten(1)
        else:  # over positions (N, D, H, W), or over tokens (N, L, D)
            pooled = last.mean(dim=(2, 3)) if last.ndim == 4 else last.mean(dim=1)
        return Pyramid((last if last.ndim == 4 else pooled,), pooled)

    def learn_shape(self, inputs: Tensor) -> None:
        """Read widths from one pass over preprocessed inputs."""
        self.spatial = True
        levels, pooled = self(inputs)
        self.spatial = levels[-1].ndim == 4
        self.widths = tuple(level.shape[1] for level in levels)
        self.num_features = pooled.shape[1]
        stage = self._candidate()
        self.stage_is_separate = len(levels) > 1 and stage is not None and continues(self, stage, levels, pooled)

    def freeze_idle(self, inputs: Tensor) -> None:
        """Freeze what the pooled features do not depend on (norms of other levels, mask tokens): several processes
        would wait for its gradient."""
        with torch.enable_grad():
            weights = list(self.parameters())
            gradients = torch.autograd.grad(self(inputs).pooled.sum(), weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.requires_grad_(gradient is not None)

    def last_stage(self) -> nn.Module:
        stage = self._candidate()
        if not self.stage_is_separate or stage is None:
            raise UnsupportedError(f"the last stage of {type(self.model).__name__} cannot be told apart")
        return stage

    def _candidate(self) -> nn.Module | None:
        stages = getattr(getattr(self.model, "encoder", None), "stages", None)
        return stages[-1] if isinstance(stages, nn.ModuleList) and len(stages) else None


def load_hub(name: str, inputs: InputSpec) -> tuple[HubPreprocess, HubBackbone]:
    """Pretrained weights, by folder or name. Raises UnsupportedError with the reason where they cannot be had."""
    transformers = require_transformers()
    folder = Path(name).expanduser()
    if not name:
        raise UnsupportedError(f"network.backbone: {PREFIX} names no model, expected {PREFIX}FOLDER or {PREFIX}NAME")
    if name.startswith(("/", ".", "~")) and not folder.is_dir():
        raise UnsupportedError(f"network.backbone: {PREFIX}{name}: there is no such folder")
    if folder.is_dir():
        return _load(transformers, name, str(folder), inputs, here=True)
    try:
        return _load(transformers, name, name, inputs, here=True)
    except UnsupportedError as error:
        if not isinstance(error.__cause__, OSError):
            raise
    refuse_unreachable(name, f"{PREFIX}{name}")
    return _load(transformers, name, name, inputs, here=False)


def _load(
    transformers: Any, name: str, place: str, inputs: InputSpec, *, here: bool
) -> tuple[HubPreprocess, HubBackbone]:
    """From files that are on this machine, or else from the Hub."""
    with loading(f"{PREFIX}{name}"):
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False, local_files_only=here)
        processor = transformers.ImageProcessingMixin.get_image_processor_dict(place, local_files_only=here)[0]
        kind, maps = model_class(config)
        model, report = kind.from_pretrained(
            place,
            config=config,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            local_files_only=here,
        )
        has_pooler = not maps and keep_pooler(model, report["missing_keys"])
        refuse_missing(name, model, report["missing_keys"])
        origin = {"maps": maps, "pooler": has_pooler, "config": plain(config), "processor": processor}
        return finish(model, origin, inputs)


def refuse_unreachable(name: str, backbone: str) -> None:
    """Ask the Hub once whether it has the model: the loaders would ask again and again.

    backbone   as it was asked for

    Raises UnsupportedError with what to do where it cannot be reached, or does not have it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        HfApi().model_info(name, timeout=PATIENCE)
    except (HFValidationError, RepositoryNotFoundError):
        raise UnsupportedError(
            f"network.backbone: {backbone}: the Hub has no such model, and this machine no such folder"
        ) from None
    except Exception as error:  # connections fail in as many ways as there are libraries below
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UnsupportedError(
            f"network.backbone: {backbone} is not on this machine, and the Hub cannot be asked for it ({reason}). "
            f"Where there is a connection: `hf download {name} --local-dir FOLDER`; then take {PREFIX}FOLDER here. "
            "efficientnet_lite0 needs none"
        ) from error


def rebuild_hub(origin: Mapping[str, Any], inputs: InputSpec) -> tuple[HubPreprocess, HubBackbone]:
    """An untrained backbone equal to a saved one, from its `origin` alone."""
    transformers = require_transformers()
    with loading("the saved backbone"):
        config = transformers.AutoConfig.for_model(**origin["config"])
        kind, _ = model_class(config)
        model = kind(config)
        if not origin["pooler"] and hasattr(model, "pooler"):
            model.pooler = None
        return finish(model, origin, inputs)


def finish(model: nn.Module, origin: Mapping[str, Any], inputs: InputSpec) -> tuple[HubPreprocess, HubBackbone]:
    """Preprocessing and backbone around a model, their shapes learned from one pass."""
    channels = getattr(model.config, "num_channels", 3)
    if inputs.kind != "image" or inputs.channels not in (1, channels):
        raise UnsupportedError(
            f"network.backbone: {type(model).__name__} takes images of {channels} channels, not {inputs.kind} of shape "
            f"{list(inputs.shape)}"
        )
    preprocess = HubPreprocess(origin["processor"], inputs)
    backbone = HubBackbone(model.train(), origin)
    with probing(backbone, preprocess):
        sample = preprocess(example(inputs, rows=1))
        backbone.learn_shape(sample)
        backbone.freeze_idle(sample)
    return preprocess, backbone


def require_transformers() -> Any:
    """The transformers library, imported only here. Raises UnsupportedError where it is not installed."""
    try:
        import transformers
    except ImportError:
        raise UnsupportedError(
            "network.backbone: hf:… needs the transformers library: pip install 'softlabel[hub-backbones]'"
        ) from None
    return transformers


@contextlib.contextmanager
def loading(what: str) -> Iterator[None]:
    """Quiet, and with every failure as one line that names what cannot be loaded."""
    logging: Any = require_transformers().utils.logging
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except UnsupportedError:
        raise
    except Exception as error:  # a model folder is foreign input, and the library answers damage with any kind of error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnsupportedError(f"network.backbone: {what} cannot be loaded: {reason}") from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()


def model_class(config: Any) -> tuple[Any, bool]:
    """The library's own class for a configuration, and whether it gives feature maps: a backbone if there is one.

    Looked up here, because AutoBackbone.from_pretrained (transformers 5.23) takes no local folder.
    """
    transformers = require_transformers()
    backbones, models = transformers.MODEL_FOR_BACKBONE_MAPPING, transformers.MODEL_MAPPING
    maps = type(config) in backbones
    if maps:
        config.out_indices = list(range(1, len(config.stage_names)))  # every stage but the stem
    elif type(config) not in models:
        raise UnsupportedError(f"network.backbone: {type(config).__name__} belongs to no model with features")
    kind = (backbones if maps else models)[type(config)]
    kind = kind[0] if isinstance(kind, list | tuple) else kind
    if getattr(kind, "main_input_name", None) != "pixel_values":
        raise UnsupportedError(f"network.backbone: {kind.__name__} does not take images")
    return kind, maps


def keep_pooler(model: Any, missing: set[str]) -> bool:
    """Whether the model pools by itself; a pooler without pretrained weights is taken out."""
    if getattr(model, "pooler", None) is None:
        return False
    if any(name.startswith("pooler.") for name in missing):
        model.pooler = None
        return False
    return True


def refuse_missing(name: str, model: nn.Module, missing: set[str]) -> None:
    """Weights that a checkpoint lacks stay random, which only new norms (the identity) may."""
    lost = sorted(key for key, weight in model.named_parameters() if key in missing and weight.ndim > 1)
    if lost:
        raise UnsupportedError(
            f"network.backbone: {PREFIX}{name} has no weights for {len(lost)} layers of {type(model).__name__}, "
            f"such as {lost[0]}"
        )


def plain(config: Any) -> dict[str, Any]:
    """A model's configuration as JSON, without the place it was read from."""
    return {key: value for key, value in config.to_dict().items() if key not in ("_name_or_path", "auto_map")}
