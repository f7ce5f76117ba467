"""Stored files that the page of results on wrong labels names, and what the scores of doubted rows are."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from benchmarks import doubted_rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "results" / "ambiguity.md").read_text(encoding="utf-8")


def test_stored_files_that_the_page_names_exist() -> None:
    named = re.findall(r"benchmarks/results/([\w-]+\.(?:txt|json))", PAGE)
    assert named
    for name in named:
        assert (ROOT / "benchmarks" / "results" / name).exists(), name


def test_the_area_within_labels_counts_pairs_of_one_label() -> None:
    made = torch.Generator().manual_seed(0)
    given = torch.randint(3, (60,), generator=made)
    wrong = (torch.rand(60, generator=made) < 0.3) & (given < 2)  # the last label has no wrong row
    doubt = torch.randint(4, (60,), generator=made).double()
    ordered = [
        float((doubt[i] > doubt[j]).double() + 0.5 * (doubt[i] == doubt[j]).double())
        for i in range(60)
        for j in range(60)
        if wrong[i] and not wrong[j] and given[i] == given[j]
    ]
    assert doubted_rows.area_within(doubt, wrong, given) == pytest.approx(sum(ordered) / len(ordered))
    assert doubted_rows.area_within(-given, wrong, given) == 0.5
    assert math.isnan(doubted_rows.area_within(doubt, torch.zeros(60, dtype=torch.bool), given))


def test_the_share_by_the_label_is_that_of_the_variance() -> None:
    made = torch.Generator().manual_seed(0)
    given = torch.randint(4, (80,), generator=made)
    noise = torch.randn(80, generator=made, dtype=torch.float64)
    means = torch.stack([noise[given == label].mean() for label in range(4)])
    within = (noise - means[given]).square().mean()
    assert doubted_rows.between_labels(noise, given) == pytest.approx(1 - float(within / noise.var(correction=0)))
    assert doubted_rows.between_labels(given, given) == pytest.approx(1)
    assert doubted_rows.between_labels(noise - means[given], given) == pytest.approx(0, abs=1e-12)
    assert math.isnan(doubted_rows.between_labels(torch.ones(80), given))
