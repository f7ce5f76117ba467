"""Sizes as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from softlabel.data.config import DataConfig


@pytest.mark.parametrize(
    ("given", "size"),
    [
        (224, (224, 224)),
        ("224", (224, 224)),
        (["224"], (224, 224)),
        ("64 48", (64, 48)),
        (["64 48"], (64, 48)),
        ("64x48", (64, 48)),
        (" 64 X 48 ", (64, 48)),
        ("64 × 48", (64, 48)),
        ("64,48", (64, 48)),
        ((64, 48), (64, 48)),
        (["64", "48"], (64, 48)),
        (None, None),
    ],
)
def test_a_size(given: Any, size: tuple[int, int] | None) -> None:
    assert DataConfig(resize=given).resize == size


@pytest.mark.parametrize("given", ["", "x", [], 0, -3, True, 2.5, "64x48x3", [1, 2, 3], "a", 20_000, [None], {}])
def test_no_size(given: Any) -> None:
    with pytest.raises(ValidationError):
        DataConfig(resize=given)
