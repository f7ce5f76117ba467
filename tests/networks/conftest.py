"""Small pretrained models, made and saved here: the tests reach no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.networks.pretrained import PROCESSORS, save_pretrained


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a saved model of this family, with the configuration of its image processor."""
    root = tmp_path_factory.mktemp("pretrained")

    def folder(family: str) -> Path:
        path = root / family
        if not path.exists():
            with torch.random.fork_rng():
                torch.manual_seed(1)
                save_pretrained(family, path)
            (path / "preprocessor_config.json").write_text(json.dumps(PROCESSORS[family]))
        return path

    return folder
