"""Test features in two dimensions: their first two principal components (Pearson 1901), for a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

MOST_POINTS = 2000
STEPS = 1000
"""Places along the wider component: finer than a drawing shows, and short to write."""


class FeatureMap:
    """Keeps the features of evenly spaced rows that pass by, at most MOST_POINTS."""

    def __init__(self, rows: int) -> None:
        self._every = max(1, -(-rows // MOST_POINTS))
        self._kept: list[tuple[Tensor, Tensor]] = []

    def watch(self, features: Tensor, rows: Tensor, index: Tensor) -> None:
        """See a chunk: features (n, D), row numbers (n,), classes (n,)."""
        kept = rows % self._every == 0
        self._kept.append((features[kept].float().cpu(), index[kept].cpu()))

    def to_json(self) -> dict[str, Any] | None:
        """Places and classes of the points as one text, x y class x y class …, y upwards; None without a plane.

        explained   shares of the features' variance along x and y
        """
        if not self._kept:
            return None
        features, index = (torch.cat(parts) for parts in zip(*self._kept, strict=True))
        found = principal_plane(features.numpy().astype(np.float64))
        if found is None:
            return None
        plane, explained = found
        low, extent = plane.min(0), np.ptp(plane, 0).max()
        places = np.rint(STEPS * (plane - low) / extent).astype(int)
        written = (f"{x} {y} {name}" for (x, y), name in zip(places.tolist(), index.tolist(), strict=True))
        return {"points": " ".join(written), "explained": [round(share, 4) for share in explained.tolist()]}


def principal_plane(features: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Features (N, D) on their first two principal components (N, 2), and these components' shares of the variance.

    Of each component the largest loading is positive, as its sign is otherwise chance. None where features do not
    spread over two dimensions.
    """
    centred = features - features.mean(0)
    if min(centred.shape) < 2 or not np.isfinite(centred).all():
        return None
    _, spread, components = np.linalg.svd(centred, full_matrices=False)
    if spread[1] <= 1e-9 * max(spread[0], 1e-300):
        return None
    components = components[:2]
    largest = np.abs(components).argmax(1)
    components = components * np.sign(components[[0, 1], largest])[:, None]
    return centred @ components.T, spread[:2] ** 2 / (spread**2).sum()
