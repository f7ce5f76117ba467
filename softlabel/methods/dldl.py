"""DLDL, deep label distribution learning (Gao et al., IEEE Transactions on Image Processing 26, 2017)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.labels import LabelDistribution
from softlabel.losses import kl_divergence, sum_and_mass
from softlabel.methods.base.method import Method, MethodConfig, Terms
from softlabel.networks.network import Network
from softlabel.tasks.task import Task


class DLDL(Method):
    """A label is a Gaussian around the true value, and the network learns it end to end by the KL divergence.

    The published age code leaves the Gaussian unnormalised, which takes weight from the ends of the axis; here every
    label sums to 1, as the paper writes it.
    """

    any_shape = True

    class Config(MethodConfig):
        sigma: float | None = Field(
            None,
            gt=0,
            le=1e6,
            description="spread of a label, in units of the label axis (by default the row's own, or 2 steps) "
            "or in pixels (by default 3)",
        )

    @classmethod
    def supports(cls, task: Task, network: Network) -> str | None:
        if task.spreads:
            return super().supports(task, network)
        return f"it spreads a label over neighbouring ones, and classes of the task {task.name} have no neighbours"

    def forward(self, batch: Batch) -> Terms:
        return self.terms(self.network(batch.inputs), batch)

    def terms(self, logits: Tensor, batch: Batch) -> Terms:
        """The loss terms of these logits."""
        return {"kl_divergence": sum_and_mass(kl_divergence, logits, self.target(batch.annotation))}

    def target(self, annotation: Tensor) -> LabelDistribution:
        return self.task.spread_label(annotation, self.config.sigma)
