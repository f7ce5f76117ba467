"""Tau-normalisation of the head (Kang et al., ICLR 2020, section 4.2, equation 4); nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from softlabel.methods.base.decoupled import Decoupled, RepresentationConfig, linear_head
from softlabel.methods.base.stage import SamplerName, Stage

GRID = tuple(step / 10 for step in range(21))
"""The values that the paper tries, 0 to 2."""
WITHOUT_VALIDATION = 1.0


class TauNormalisation(Decoupled):
    """Each class's weights are divided by their length to the power tau, and the head's bias is dropped.

    The paper chooses tau by the accuracy on a balanced validation part; `auto` does so on the run's own, with every
    class counting alike, as that part may have the tail of the training part. Of equally good values the nearest to 1.
    """

    class Config(RepresentationConfig):
        tau: Annotated[float, Field(ge=0, le=1e6)] | Literal["auto"] = Field(
            "auto",
            description="0 leaves the weights, 1 makes them all of length 1; auto: the best of 0 to 2 on validation "
            "rows, 1 where none are kept or rows have several classes",
        )

    tau: Tensor

    def classifier_stage(self) -> Stage:
        return Stage(name="classifier", gradients=False, parts={"network.backbone": "frozen"})

    def begin_classifier(self) -> None:
        device = linear_head(self.network, "tau_norm").weight.device
        self.register_buffer("tau", torch.full((), WITHOUT_VALIDATION, device=device))

    def solve(self, stage: Stage, batches: Iterable[Batch], validation: Iterable[Batch] | None = None) -> None:
        head = linear_head(self.network, "tau_norm")
        tau = self.config.tau
        if tau == "auto":
            tau = (
                self._best(head.weight, validation) if validation is not None and self._chooses else WITHOUT_VALIDATION
            )
        weight = normalised(head.weight, tau)
        if not bool(weight.isfinite().all()):
            raise ConfigError(f"methods.tau_norm.tau: {tau:g} makes weights too large for fp32; the paper tries 0 to 2")
        self.tau.fill_(tau)
        head.weight.copy_(weight)
        head.bias.zero_()

    def _best(self, weight: Tensor, validation: Iterable[Batch]) -> float:
        found = [(self.network.features(b.inputs).pooled, self.task.index(b.annotation)) for b in validation]
        pooled, index = (torch.cat(parts) for parts in zip(*found, strict=True))
        scores = {tau: balanced_accuracy(pooled @ normalised(weight, tau).T, index) for tau in GRID}
        best = max(scores.values())
        return min((tau for tau, score in scores.items() if score == best), key=lambda tau: (abs(tau - 1), tau))

    def chosen(self) -> Mapping[str, float]:
        return {"tau": round(self.tau.item(), 1)} if self._chooses else {}

    @property
    def _chooses(self) -> bool:
        return bool(self.config.tau == "auto" and self.has_validation and self.task.one_class)

    def notes(self, sampler: SamplerName) -> list[str]:
        notes = super().notes(sampler)
        if self.config.tau == "auto" and not self._chooses:
            why = (
                "no rows are kept for validation" if self.task.one_class else "rows of several classes have no accuracy"
            )
            notes.append(f"tau_norm: {why} to choose tau on, so it is 1")
        return notes


def normalised(weight: Tensor, tau: float) -> Tensor:
    """Weights (K, D), each divided by its length to the power tau; weights of length 0 stay 0."""
    lengths: Tensor = weight.norm(dim=1, keepdim=True)
    return weight / lengths.where(lengths > 0, 1.0) ** tau


def balanced_accuracy(logits: Tensor, index: Tensor) -> float:
    """The mean over the classes among index (N,) of the share of their rows that logits (N, K) answer rightly."""
    rows = torch.bincount(index, minlength=logits.shape[1]).double()
    right = torch.bincount(index[logits.argmax(1) == index], minlength=logits.shape[1])
    return float((right / rows.clamp_min(1)).sum() / (rows > 0).sum())
