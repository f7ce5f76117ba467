"""DLDL-v2 (Gao et al., IJCAI 2018): learn the distribution and its expectation at once.

The paper weighs the expectation loss by lambda = 1 against a divergence summed over labels, as here. The published code
averages the divergence over labels too, which is lambda = K in this convention (101 for ages from 0 to 100). Both have
steps of a year; here the error counts in steps of the axis, so that a coarse one does not drown the divergence.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.losses import expectation_loss, sum_and_mass
from softlabel.methods.base.axis_method import AxisMethod
from softlabel.methods.base.method import Terms
from softlabel.methods.dldl import DLDL


class DLDLv2(DLDL, AxisMethod):
    """The divergence to a Gaussian label, and the absolute error of the mean of the predicted distribution."""

    class Config(DLDL.Config):
        expectation_weight: float = Field(
            1.0, ge=0, le=1e6, description="weight of the expectation loss (lambda), counted in steps of the axis"
        )

    def terms(self, logits: Tensor, batch: Batch) -> Terms:
        expectation = sum_and_mass(expectation_loss, logits, batch.annotation[:, 0], self.grid)
        return {**super().terms(logits, batch), "expectation": expectation}

    def weights(self) -> Mapping[str, float]:
        step = float(self.grid.diff().mean())
        return {"expectation": self.config.expectation_weight / step}
