"""Writes a configuration as TOML, so that it can be given back. Reading is `tomllib`'s."""

from __future__ import annotations

import tomli_w
from pydantic import BaseModel


def to_toml(config: BaseModel) -> str:
    """The configuration with all its values, defaults too; what is None is left out, as TOML has no such value."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
