"""Loss terms: divided once by their mass over micro-batches and processes, and kept to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from softlabel.errors import FailedRunError
from softlabel.methods.base.method import Terms

Reduce = Callable[[Tensor, Literal["sum", "max"]], Tensor]


def divisors(masses: Mapping[str, Tensor], reduce: Reduce | None) -> dict[str, Tensor]:
    """The mass of each term over all processes; 1 where there is none, so that such a term counts 0."""
    if reduce is not None:
        together = reduce(torch.stack([mass.double() for mass in masses.values()]), "sum")
        masses = dict(zip(masses, together.unbind(), strict=True))
    return {name: torch.where(mass == 0, 1, mass) for name, mass in masses.items()}


def objective(terms: Terms, weights: Mapping[str, float], reduce: Reduce | None = None) -> Tensor:
    """The weighted sum over terms of sum / mass: this process's part of it, where there are several."""
    if reduce is None and all(term.mass.is_cpu and not term.mass.requires_grad for term in terms.values()):
        means = {name: term.sum / (term.mass.item() or 1.0) for name, term in terms.items()}  # numbers cost no calls
    else:
        mass = divisors({name: term.mass for name, term in terms.items()}, reduce)
        means = {name: term.sum / mass[name].to(term.sum.dtype) for name, term in terms.items()}
    parts = [mean if weights.get(name, 1.0) == 1 else weights[name] * mean for name, mean in means.items()]
    return torch.stack(parts).sum() if len(parts) > 1 else parts[0]


class TermTally:
    """The terms of an epoch's steps, kept as they are on the device until somebody asks."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._sums: dict[str, list[Tensor]] = {}
        self._masses: dict[str, list[Tensor]] = {}
        self._steps: list[int] = []
        self.step = 0

    def add(self, terms: Terms) -> None:
        """Add a (micro-)batch of the current step."""
        for name, term in terms.items():
            self._sums.setdefault(name, []).append(term.sum.detach())
            self._masses.setdefault(name, []).append(term.mass.detach())

    def next_step(self) -> None:
        """The step is done."""
        self.step += 1

    def means(self, reduce: Reduce | None = None) -> dict[str, float]:
        """The mean of each term over the epoch so far; waits for the device."""
        names = list(self._sums)
        if not names:  # a stage without gradients
            return {}
        sums = torch.stack([torch.stack(self._sums[name]).double().sum() for name in names])
        masses = torch.stack([torch.stack(self._masses[name]).double().sum() for name in names])
        both = torch.cat([sums, masses])
        if reduce is not None:
            both = reduce(both, "sum")
        sums, masses = both.chunk(2)
        return dict(zip(names, (sums / torch.where(masses == 0, 1, masses)).tolist(), strict=True))

    def loss(self, means: Mapping[str, float]) -> float | None:
        """The weighted sum of the terms' means; None where there are none."""
        if not means:
            return None
        return sum(self._weights.get(name, 1.0) * value for name, value in means.items())

    def refuse_bad(self, means: Mapping[str, float], where: str) -> None:
        """Raise FailedRunError, naming epoch, step and term, when a mean is not finite."""
        for name, value in means.items():
            if value - value != 0:  # NaN or infinite
                values = torch.stack(self._sums[name]).double()
                bad = (~values.isfinite()).nonzero()
                per_step = max(1, len(values) // max(1, self.step))
                step = int(bad[0]) // per_step + 1 if len(bad) else self.step
                raise FailedRunError(
                    f"{where}, step {step}: the loss term {name!r} is {value}. The last checkpoint is from before; "
                    "a lower learning_rate, a longer warmup_epochs or a clip_norm usually helps"
                )
