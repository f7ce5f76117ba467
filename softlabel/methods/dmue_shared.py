"""DMUE with one trunk: the auxiliary branches share the last stage, and have classifiers of their own alone.

Not published under this name: She et al. (CVPR 2021) copy the last stage for every class, which many classes make
costly. Here all branches classify the target's own features, so an epoch costs what plain training costs.
"""

from __future__ import annotations

from torch import Tensor, nn

from softlabel.methods.dmue import DMUE
from softlabel.networks.branches import BranchClassifiers
from softlabel.networks.network import Network, Pyramid


class DMUEShared(DMUE):
    """The terms of dmue, at the cost of a plain network, for many classes too."""

    @classmethod
    def check_backbone(cls, network: Network) -> None:
        """Every backbone has the features that it needs."""

    def make_branches(self, count: int, num_classes: int) -> nn.Module:
        return BranchClassifiers(self.network.backbone.num_features, count, num_classes)

    def branch_inputs(self, inputs: Tensor, pyramid: Pyramid) -> Tensor:
        return pyramid.pooled
