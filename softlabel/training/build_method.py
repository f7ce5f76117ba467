"""From a configuration to the method that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from softlabel.data.samplers import refuse_small_batches
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import OF_EVERY_METHOD, Method, MethodConfig, TrainingSet
from softlabel.methods.base.stage import Stage
from softlabel.networks.build import build_network, refuse_unknown_backbone
from softlabel.networks.config import NetworkConfig
from softlabel.networks.given import GivenBackbone
from softlabel.networks.kept_levels import entry_for
from softlabel.randomness import addressed
from softlabel.tasks.prepared import Prepared
from softlabel.tasks.task import Task
from softlabel.training.config import RunConfig, SettledTraining, TrainingConfig, settled_training


def refuse_wrong_options(config: RunConfig) -> None:
    """Raise ConfigError for a method, an option of it or a backbone that does not exist; before any data are read."""
    kind = find_method(config.method_kind)
    method_options(kind, config.method, config.method_options)
    refuse_unknown_backbone(config.network.backbone)


def build_method(config: RunConfig, prepared: Prepared, backbone: GivenBackbone | None = None) -> Method:
    """The method with its network, both drawn from the seed alone.

    backbone   the one that is a Python object

    Raises ConfigError for a wrong option, UnsupportedError where method, task and network do not go together.
    """
    kind = find_method(config.method_kind)
    options = method_options(kind, config.method, config.method_options)
    network_config = with_head(config, kind, prepared.task)
    network = build_network(network_config, prepared.inputs, prepared.task.num_classes, config.seed, given=backbone)
    network.entry = entry_for(network_config, network, prepared.inputs, kind.levels_read(options))
    reason = kind.refusal(prepared.task, network)
    if reason is not None:
        raise UnsupportedError(f"method {config.method!r} cannot be used here: {reason}")
    training = prepared.splits.training
    has_validation = prepared.splits.validation is not None
    training_set = TrainingSet(len(training), prepared.class_counts, _load_network, training.annotation, has_validation)
    task = prepared.task.read_as(kind.link_of(options, prepared.task))
    with addressed(config.seed, "method"):
        method = kind(options, network, task, training_set)
    _check_stages(method.stages(), config)
    _check_samplers(method.stages(), config.training, prepared)
    if method.compares_rows and config.training.accumulate > 1:
        raise UnsupportedError(
            f"method {config.method!r} compares the rows of a batch with each other, so training.accumulate must be 1"
        )
    return method


def with_head(config: RunConfig, kind: type[Method], task: Task) -> NetworkConfig:
    """The network's configuration with the head that task and method need. Raises UnsupportedError for another one."""
    asked = config.network.head
    if asked not in ("auto", "pixel") and task.per_pixel:
        raise UnsupportedError(f"the task {task.name} needs network.head pixel, not {asked}")
    if asked == "pixel" and not task.per_pixel:
        raise UnsupportedError(f"network.head: pixel is for masks; the task {task.name} has one answer per row")
    if task.per_pixel:
        return config.network.model_copy(update={"head": "pixel"})
    if asked not in ("auto", kind.head_kind) and kind.head_kind != Method.head_kind:
        raise UnsupportedError(f"method {config.method!r} needs network.head {kind.head_kind}, not {asked}")
    if asked == "value" and kind.head_kind != "value":
        raise UnsupportedError(f"network.head: value is what regression needs; {config.method!r} trains logits")
    if asked == "centred":
        raise UnsupportedError("network.head: centred is what ncm ends with; it trains a linear one before")
    return config.network.model_copy(update={"head": kind.head_kind}) if asked == "auto" else config.network


def method_options(kind: type[Method], name: str, options: dict[str, Any]) -> MethodConfig:
    """The options of a method, checked. Raises ConfigError naming the first wrong one."""
    try:
        return kind.Config.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"methods.{name}.{place}: {first['msg']} (got {first['input']!r})") from None


def trained_networks(config: RunConfig) -> dict[str, str]:
    """The folders of trained networks that the method's options name, by option."""
    kind = find_method(config.method_kind)
    return _named(config, kind, kind.trained_networks)


def _named(config: RunConfig, kind: type[Method], names: Sequence[str]) -> dict[str, str]:
    options = method_options(kind, config.method, config.method_options)
    named = {f"methods.{config.method}.{name}": getattr(options, name) for name in names}
    return {name: place for name, place in named.items() if place is not None}


def files_of_method(config: RunConfig) -> dict[str, str]:
    """The files that the method's options name, by option."""
    kind = find_method(config.method_kind)
    return _named(config, kind, kind.files)


def own_training(config: RunConfig, pretrained: bool) -> SettledTraining:
    """Optimiser and schedule, with the rate and the weight decay that the method has of its own.

    pretrained   whether training starts from weights that were learned before, which large steps would destroy
    """
    return settled_training(method_training(config), fine_tuning=pretrained)


def method_training(config: RunConfig) -> TrainingConfig:
    """The same with what is left open still open."""
    options = method_options(find_method(config.method_kind), config.method, config.method_options)
    return config.training.model_copy(update=options.model_dump(include={*OF_EVERY_METHOD}, exclude_none=True))


def _check_stages(stages: tuple[Stage, ...], config: RunConfig) -> None:
    _refuse_dead_length(stages, config)
    names = [stage.name for stage in stages]
    if len(set(names)) < len(names):
        raise UnsupportedError(f"method {config.method!r} has several stages of one name: {', '.join(names)}")
    for stage in stages:
        if stage.second_source == "validation" and config.data.protocol == "published":
            raise UnsupportedError(
                f"method {config.method!r} learns from a validation part, which protocol 'published' does not have"
            )
        if stage.custom_update and config.training.accumulate > 1:
            raise UnsupportedError(f"method {config.method!r} makes its own updates, so training.accumulate must be 1")


def _refuse_dead_length(stages: tuple[Stage, ...], config: RunConfig) -> None:
    samplers = {stage.sampler or config.training.sampler for stage in stages}
    if config.method_options.get("balanced_epoch") is not None and "balanced" not in samplers:
        raise ConfigError(
            f"methods.{config.method}.balanced_epoch would not be read: no stage of it draws classes equally often"
        )


def _check_samplers(stages: tuple[Stage, ...], training: TrainingConfig, prepared: Prepared) -> None:
    if "every-class" not in [stage.sampler or training.sampler for stage in stages if stage.gradients]:
        return
    if not prepared.task.one_class:
        raise UnsupportedError(
            "sampler every-class needs one class that stands for each row, and a row of the task "
            f"{prepared.task.name} can have several"
        )
    rows_of_classes = torch.bincount(prepared.task.index(prepared.splits.training.annotation))
    refuse_small_batches(training.batch_size, int((rows_of_classes > 0).sum()))


def _load_network(folder: str) -> nn.Module:
    from pathlib import Path

    from softlabel.deployed.model_folder import load_model

    loaded: Any = load_model(Path(folder))
    network: nn.Module = loaded.network
    return network
