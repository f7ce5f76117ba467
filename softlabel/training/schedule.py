"""The learning rate as a pure function of the step, so that there is nothing to save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up to `peak`, then cosine to 0, factors `decay` at `milestones` (shares of all steps), or constant.

    The cosine is that of Loshchilov & Hutter (ICLR 2017), without restarts.
    """

    kind: Literal["cosine", "step", "constant"]
    peak: float
    steps: int
    warmup_steps: int = 0
    milestones: Sequence[float] = ()
    decay: float = 1.0

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0 over the whole stage."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.kind == "cosine":
            progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
            return self.peak * (1 + math.cos(math.pi * progress)) / 2
        if self.kind == "step":
            return self.peak * self.decay ** sum(step >= share * self.steps for share in self.milestones)
        return self.peak
