"""What a temperature gains on samples left out, against refits from scratch; when 1 is kept, what is flagged."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from softlabel.calibration import TemperatureScaling, left_out
from tests.oracle import calibration as oracle
from tests.oracle.metrics import one_hot


def sample(n: int, temperature: float, seed: int, num_classes: int = 4) -> tuple[Tensor, Tensor]:
    """Logits that are `temperature` times too large for their labels."""
    g = torch.Generator().manual_seed(seed)
    logits = 1.5 * torch.randn(n, num_classes, generator=g, dtype=torch.float64)
    return temperature * logits, torch.multinomial(logits.softmax(-1), 1, generator=g)[:, 0]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("n", [6, 30])
@pytest.mark.parametrize("kind", ["rows", "weighted", "votes", "groups"])
def test_equals_refits_from_scratch(n: int, temperature: float, kind: str) -> None:
    logits, index = sample(n, temperature, n)
    q, mass, group = one_hot(index.numpy(), 4), np.ones(n), np.arange(n)
    options: dict[str, Tensor] = {}
    labels = index
    if kind == "weighted":
        weight = torch.tensor([1.0, 2.0, 0.5, 3.0])
        options, mass = {"class_weight": weight}, q @ weight.numpy()
    if kind == "votes":
        labels = torch.softmax(logits / temperature + 0.3 * torch.randn(n, 4, dtype=torch.float64), -1)
        q = labels.numpy()
    if kind == "groups":
        group = np.arange(n) // 3
        options = {"group": torch.from_numpy(group)}
    found = TemperatureScaling().fit(logits, labels, **options)
    expected = oracle.left_out_gain(logits.numpy(), q, mass, group)
    assert found.gain == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_of_many_rows_a_newton_step_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, index = sample(250, 1.2, 0)
    exact = TemperatureScaling().fit(logits, index).gain
    monkeypatch.setattr(left_out, "EXACT_AT_MOST", 0)
    assert TemperatureScaling().fit(logits, index).gain == pytest.approx(exact, abs=1e-4)
    chunks = list(zip(logits.split(60), index.split(60), strict=True))
    assert TemperatureScaling().fit_chunks(chunks).gain == pytest.approx(exact, abs=1e-4)


def test_rows_without_mass_are_not_left_out() -> None:
    logits, index = sample(40, 2.0, 1)
    index[::4] = -100
    kept = index >= 0
    logits[~kept] = math.nan
    found = TemperatureScaling().fit(logits, index)
    assert found.gain == pytest.approx(TemperatureScaling().fit(logits[kept], index[kept]).gain)


def test_pixels_of_an_image_are_left_out_together() -> None:
    logits, index = sample(5 * 12, 2.0, 3)
    maps = logits.view(5, 4, 3, 4).movedim(-1, 1)
    expected = oracle.left_out_gain(logits.numpy(), one_hot(index.numpy(), 4), np.ones(60), np.arange(60) // 12)
    found = TemperatureScaling().fit(maps, index.view(5, 4, 3))
    assert found.gain == pytest.approx(expected, rel=2e-3, abs=1e-4)
    assert found.flag == "too few rows"  # five images


def test_four_rows_are_flagged_and_their_interval_stays_in_the_range() -> None:
    for seed in range(30):
        logits, index = sample(4, 4.0, seed)
        for cautious in (False, True):
            found = TemperatureScaling().fit(logits, index, cautious=cautious)
            assert found.flag is not None
            assert all(math.isnan(end) or 0.05 <= end <= 20 for end in found.interval)


def test_caution_keeps_1_where_rows_left_out_do_not_gain() -> None:
    kept = 0
    for seed in range(40):
        logits, index = sample(52, 1.0, seed)
        plain, careful = (TemperatureScaling().fit(logits, index, cautious=way) for way in (False, True))
        assert plain.gain == careful.gain
        assert plain.temperature != 1
        assert careful.temperature == (plain.temperature if plain.gain > 0 else 1.0)
        assert (careful.flag == "no gain on rows left out") == (plain.gain <= 0)
        kept += careful.temperature == 1
    assert kept >= 28  # a criterion of one parameter is fooled in about one of six


def test_caution_finds_a_temperature_that_matters() -> None:
    for seed in range(20):
        logits, index = sample(200, 3.0, seed)
        found = TemperatureScaling().fit(logits, index, cautious=True)
        assert found.flag is None
        assert found.temperature == TemperatureScaling().fit(logits, index).temperature


def test_caution_does_not_sharpen_because_every_row_is_right() -> None:
    logits = torch.randn(50, 4, dtype=torch.float64)
    found = TemperatureScaling().fit(logits, logits.argmax(1), cautious=True)
    assert (found.temperature, found.flag) == (1.0, "every row right: kept at 1")
    flat = TemperatureScaling().fit(logits, logits.argmin(1), cautious=True)
    assert (flat.temperature, flat.flag) == (20.0, "upper bound")


@pytest.mark.parametrize("group", [torch.zeros(3, dtype=torch.long), torch.zeros(4), torch.tensor([0, 1, -1, 0])])
def test_groups_that_are_none_are_refused(group: Tensor) -> None:
    logits, index = sample(4, 1.0, 0)
    with pytest.raises(ValueError, match="group has shape"):
        TemperatureScaling().fit(logits, index, group)


@pytest.mark.parametrize("label", [0, 1])
def test_of_one_row_nothing_can_be_left_out_and_1_is_kept(label: int) -> None:
    found = TemperatureScaling().fit(torch.tensor([[2.0, -1.0]]), torch.tensor([label]), cautious=True)
    assert found.temperature == 1.0
    assert math.isnan(found.gain)
    assert found.flag is not None
