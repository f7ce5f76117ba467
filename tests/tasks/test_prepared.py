"""What a person is told of the data before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from softlabel.data.config import DataConfig
from softlabel.data.samples import HeldSamples
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.prepared import input_statistics, prepare
from tests.data import made_sources as made

SHARES = made.NUMBERS[:, :1] - made.NUMBERS[:, :1].min()


def shares(root: Path) -> DataConfig:
    """Values from 0 to 1."""
    return made.annotated(root, ["share"], (SHARES / SHARES.max()).round(3), value_column="share")


@pytest.mark.parametrize(("grid", "told"), [([], 1), (["0:1:0.01"], 0)])
def test_decimals_that_would_share_few_labels_are_warned_of_unless_a_grid_is_given(
    grid: list[str], told: int, tmp_path: Path
) -> None:
    prepared = prepare(shares(tmp_path), "ordinal", AxisConfig(grid=grid))
    warnings = [text for text in prepared.source.warnings if "--grid 0:1:0.01 tells more apart" in text]
    assert len(warnings) == told


@pytest.mark.parametrize("channels", [1, 3])
def test_the_statistics_of_images_are_exact(channels: int) -> None:
    pixels = torch.randint(0, 256, (1030, channels, 5, 7), dtype=torch.uint8)
    pixels[:, 0] = pixels[:, 0] // 2 + 128  # large numbers: what is lost by adding them up would show
    rows = torch.arange(len(pixels))
    found = input_statistics(HeldSamples(pixels, rows, rows, rows))
    values = pixels.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(found.mean, values.mean((0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(found.std, values.std((0, 2, 3)), rtol=1e-11)


def test_a_task_whose_labels_are_no_neighbours_has_no_axis_to_warn_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ordinal, "spreads", False)
    assert not any("--grid" in text for text in prepare(shares(tmp_path), "ordinal").source.warnings)
