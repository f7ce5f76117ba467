"""Refuses options that would not be read: nothing that is typed by hand is passed over in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from softlabel.errors import ConfigError

_Rule = tuple[Callable[[Any], bool], str]


def _is_table(config: Any) -> bool:
    return config.data.source.split(":")[0] in ("csv", "parquet", "hub")


_TABLE: _Rule = (_is_table, "a table: --source csv:PATH, parquet:PATH or hub:NAME")
_STEP: _Rule = (lambda config: config.training.schedule == "step", "--schedule step")
_HOLD_OUT: _Rule = (lambda config: config.data.protocol == "hold-out", "--protocol hold-out")

_READ_ONLY_WITH: Mapping[str, _Rule] = {
    "image_column": _TABLE,
    "feature_columns": _TABLE,
    "label_column": _TABLE,
    "vote_columns": _TABLE,
    "split_column": _TABLE,
    "group_column": _TABLE,
    "normalise": (lambda config: _is_table(config), _TABLE[1]),
    "max_megapixels": (
        lambda config: config.data.source.split(":")[0] in ("folder", "hub") or config.data.image_column is not None,
        "image files: --source folder:PATH, or --image-column",
    ),
    "milestones": _STEP,
    "decay": _STEP,
    "validation_share": _HOLD_OUT,
    "noise_kind": (lambda config: config.data.noise > 0, "--noise above 0"),
    "hidden": (lambda config: config.network.backbone in ("auto", "mlp"), "--backbone mlp"),
}


def refuse_dead_options(given: Mapping[str, Any], config: Any, spell: Callable[[str], str]) -> None:
    """Raises ConfigError for the first option given by hand that this configuration never reads."""
    for name in given:
        reads, need = _READ_ONLY_WITH.get(name, (lambda _: True, ""))
        if not reads(config):
            raise ConfigError(f"{spell(name)} would not be read: it needs {need}")
