"""SORD, soft ordinal labels (Díaz and Marathe, CVPR 2019): softmax of minus the distance to the true value."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels import LabelDistribution, dense
from softlabel.losses import cross_entropy, sum_and_mass
from softlabel.methods.base.axis_method import AxisMethod
from softlabel.methods.base.method import MethodConfig, Terms


class SORD(AxisMethod):
    """A label falls off with its distance from the true value; with squared distances it is DLDL's Gaussian."""

    class Config(MethodConfig):
        distance: Literal["absolute", "squared"] = Field("absolute", description="distance of two labels")
        scale: float = Field(1.0, gt=0, le=1e6, description="factor of the distance, in steps of the label axis")

    def forward(self, batch: Batch) -> Terms:
        label = self.target(batch.annotation)
        return {"cross_entropy": sum_and_mass(cross_entropy, self.network(batch.inputs), label)}

    def target(self, annotation: Tensor) -> LabelDistribution:
        steps = (self.grid - annotation[:, :1]).abs() / self.grid.diff().mean()
        distance = steps if self.config.distance == "absolute" else steps.square()
        return dense(torch.softmax(-self.config.scale * distance, -1), validate=False)
