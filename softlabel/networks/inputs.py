"""What a network is fed: the kind and shape of one raw sample, and the statistics that standardise it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from softlabel.errors import ConfigError

InputKind = Literal["image", "features"]
Fit = Literal["crop", "pad", "stretch"]
"""How images of any size become images of one: the rest of the middle is cut off, bars are added, or neither."""
FITS: tuple[Fit, ...] = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class InputSpec:
    """One raw sample and the statistics of the training part.

    kind   image: pixels 0 to 255, shape (C, H, W); features: numbers, shape (D,)
    mean   one per channel (of pixels / 255) or per feature
    std    likewise; a constant channel or feature has 0 and is only centred
    names  of the features, by which they are found in a table; empty where they have none, and for images
    fit    how images of other sizes were brought to this one; None where all had it
    Raises ConfigError when the fields contradict each other.
    """

    kind: InputKind
    shape: tuple[int, ...]
    mean: list[float]
    std: list[float]
    names: list[str] = field(default_factory=list)
    fit: Fit | None = None

    def __post_init__(self) -> None:
        dimensions = {"image": 3, "features": 1}.get(self.kind)
        if dimensions is None:
            raise ConfigError(f"inputs.kind: {self.kind!r} is neither 'image' nor 'features'")
        if len(self.shape) != dimensions or min(self.shape) < 1:
            raise ConfigError(f"inputs.shape: {list(self.shape)} is not a shape of {self.kind}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels or not all(map(math.isfinite, values)):
                raise ConfigError(f"inputs.{name}: expected {self.channels} finite numbers, got {_short(values)}")
        if min(self.std) < 0:
            raise ConfigError(f"inputs.std: {min(self.std)} is negative")
        if self.names and (self.kind == "image" or not len(set(self.names)) == len(self.names) == self.size):
            raise ConfigError(f"inputs.names: expected a name of its own for each of {self.size:,} features, or none")

    @property
    def channels(self) -> int:
        """C of images, D of features."""
        return self.shape[0]

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return math.prod(self.shape)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return {
            "kind": self.kind,
            "shape": list(self.shape),
            "mean": list(self.mean),
            "std": list(self.std),
            "names": list(self.names),
            "fit": self.fit,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> InputSpec:
        """The inverse of `to_json`. Raises ConfigError for anything else."""
        try:
            shape = tuple(int(length) for length in saved["shape"])
            mean, std = ([float(value) for value in saved[name]] for name in ("mean", "std"))
            names = list(saved.get("names", []))
            if not all(isinstance(name, str) for name in names):
                raise TypeError("names that are no text")
            fit = saved.get("fit")
            if fit not in (None, *FITS):
                raise ValueError(f"{fit!r:.40} is not a fit")
            return cls(saved["kind"], shape, mean, std, names, fit)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"inputs: expected kind, shape, mean, std and names ({error!r})") from None


def _short(values: list[float]) -> str:
    return repr(values) if len(values) <= 4 else f"{len(values)} values"
