"""Refuses options that would not be read: nothing that is typed by hand is passed over in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softlabel.errors import ConfigError

_Rule = tuple[Callable[[Any], bool], str]


def _is_table(config: Any) -> bool:
    return _kind(config) in ("csv", "parquet", "hub")


def _has_votes(config: Any) -> bool:
    """Votes come from columns, or are what the source is made of."""
    return bool(config.data.vote_columns) if _is_table(config) else _kind(config) in ("mat", "packed")


def _kind(config: Any) -> str:
    return str(config.data.source.split(":")[0])


def _has_images(config: Any) -> bool:
    """Images are what a source has unless it is a table of features; on the hub they are found without being named."""
    data, kind = config.data, _kind(config)
    tables = ("csv", "parquet", "hub", "mat", "arff")
    return data.image_column is not None or kind not in tables or _is_found(data, kind)


def _is_found(data: Any, kind: str) -> bool:
    return kind == "hub" and not data.feature_columns


def _has_mlp(config: Any) -> bool:
    return config.network.backbone == "mlp" or (config.network.backbone == "auto" and not _has_images(config))


def _has_values(config: Any) -> bool:
    return config.data.value_column is not None or config.data.source.split(":")[0] == "packed"


def _draws_evenly(config: Any) -> bool:
    """Whether a stage of some method draws classes equally often."""
    from softlabel.methods.base.discovery import find_method, method_names

    named = config.comparison.methods if hasattr(config, "comparison") else [config.method]
    samplers = {config.training.sampler}
    for name in named:
        own = config.methods.get(name, {})
        kind = own.get("method", name)
        fields = find_method(kind).Config.model_fields if kind in method_names() else {}
        if "classifier_sampler" in fields:
            samplers.add(own.get("classifier_sampler", fields["classifier_sampler"].default))
    return "balanced" in samplers


_TABLE: _Rule = (_is_table, "a table: --source csv:PATH, parquet:PATH or hub:NAME")
_IMAGES: _Rule = (_has_images, "images: --source folder:PATH, or --image-column")
_AXIS: _Rule = (lambda config: _has_values(config) or bool(config.data.value_columns), "--value-column(s)")
_STEP: _Rule = (lambda config: config.training.schedule == "step", "--schedule step")
_HOLD_OUT: _Rule = (lambda config: config.data.protocol == "hold-out", "--protocol hold-out")

_READ_ONLY_WITH: Mapping[str, _Rule] = {
    "image_column": _TABLE,
    "image_root": (lambda config: _is_table(config) and _has_images(config), "a table with --image-column NAME"),
    "feature_columns": _TABLE,
    "label_column": _TABLE,
    "vote_columns": _TABLE,
    "value_column": _TABLE,
    "sigma_column": _TABLE,
    "value_columns": _TABLE,
    "level_columns": _TABLE,
    "level_codes": (lambda config: _is_table(config) and bool(config.data.level_columns), "--level-columns"),
    "grid": _AXIS,
    "decoding": _AXIS,
    "tolerance": (_has_values, "--value-column"),
    "unit": _AXIS,
    "split_column": _TABLE,
    "group_column": _TABLE,
    "normalise": (_has_votes, "--vote-columns or --source mat:PATH"),
    "max_megapixels": _IMAGES,
    "resize": _IMAGES,
    "colour": _IMAGES,
    "white_level": _IMAGES,
    "accept_void": (lambda config: _kind(config) in ("masks", "packed"), "--source masks:PATH"),
    "memory": _IMAGES,
    "milestones": _STEP,
    "decay": _STEP,
    "validation_share": _HOLD_OUT,
    "validation_weights": _HOLD_OUT,
    "nesterov": (
        lambda config: config.training.optimiser != "adamw" and config.training.momentum > 0,
        "--optimiser sgd with --momentum above 0",
    ),
    "balanced_epoch": (_draws_evenly, "--sampler balanced, or a method whose classifier is trained so, such as crt"),
    "noise_kind": (lambda config: config.data.noise > 0, "--noise above 0"),
    "hidden": (_has_mlp, "--backbone mlp"),
}


def refuse_dead_options(given: Mapping[str, Any], config: Any, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for the first option given by hand that this configuration never reads."""
    for name in given:
        reads, need = _READ_ONLY_WITH.get(name, (lambda _: True, ""))
        if not reads(config):
            raise ConfigError(f"{spell(name)} would not be read: it needs {need}")


def refuse_unread(given: Mapping[str, Any], needs: Mapping[str, str], spell: Callable[[str], str]) -> None:
    """Raises ConfigError for the first option of a method given by hand that its other options leave unread."""
    for name in given:
        if name in needs:
            raise ConfigError(f"{spell(name)} would not be read: it needs {needs[name]}")


def refuse_undrawn_splits(given: Mapping[str, Any], config: Any, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for options given by hand that say how to draw what the source brings along.

    Only the source itself knows its parts, so it is opened, but not for a run that has none of these options.
    """
    if not {"test_share", "validation_share", "split_seed"} & set(given):
        return
    from softlabel.data.reading.open_source import open_source
    from softlabel.data.source import TEST, VALIDATION

    data, split = config.data, open_source(config.data).split
    has_test = split is not None and bool((split == TEST).any())
    has_validation = split is not None and bool((split == VALIDATION).any())
    if "test_share" in given and has_test:
        raise ConfigError(f"{spell('test_share')} would not be read: it needs a source without a test part of its own")
    if "validation_share" in given and has_validation:
        part = "a source without a validation part of its own"
        raise ConfigError(f"{spell('validation_share')} would not be read: it needs {part}")
    draws = not has_test or (data.protocol == "hold-out" and not has_validation)
    changes = data.training_share is not None or data.imbalance is not None or data.noise > 0
    if "split_seed" in given and not (draws or changes):
        options = f"{spell('training_share')}, {spell('imbalance')} or {spell('noise')}"
        need = f"parts to draw, {options}; the source brings its own parts"
        raise ConfigError(f"{spell('split_seed')} would not be read: it needs {need}")
