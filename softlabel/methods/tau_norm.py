"""Tau-normalisation of the head (Kang et al., ICLR 2020, section 4.2, equation 4); nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from softlabel.data.batch import Batch
from softlabel.methods.decoupled import Decoupled, RepresentationConfig, linear_head
from softlabel.methods.stage import Stage


class TauNormalisation(Decoupled):
    """Each class's weights are divided by their length to the power tau, and the head's bias is dropped.

    The paper tries tau from 0 to 2 in steps of 0.1 on a validation part.
    """

    class Config(RepresentationConfig):
        tau: float = Field(1.0, ge=0, le=1e6, description="0 leaves the weights, 1 makes them all of length 1")

    def classifier_stage(self) -> Stage:
        return Stage(name="classifier", gradients=False, parts={"network.backbone": "frozen"})

    def solve(self, stage: Stage, batches: Iterable[Batch]) -> None:
        head = linear_head(self.network, "tau_norm")
        head.weight.div_(head.weight.norm(dim=1, keepdim=True) ** self.config.tau)
        head.bias.zero_()
