"""DMUE with one trunk: the auxiliary branches share the last stage, and have classifiers of their own alone.

Not published under this name: She et al. (CVPR 2021) copy the last stage for every class, which many classes make
costly. Here all branches classify the target's own features, so an epoch costs what plain training costs; what they
compare with the target's features by similarity preserving are their logits, as they have no features of their own.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from softlabel.methods.dmue import DMUE
from softlabel.networks.branches import BranchClassifiers
from softlabel.networks.kept_levels import FeatureLevels
from softlabel.networks.network import Network, Pyramid


class DMUEShared(DMUE):
    """The terms of dmue, at the cost of a plain network, for many classes too."""

    feature_levels: ClassVar[FeatureLevels] = "pooled"

    class Config(DMUE.Config):
        similarity_of: Literal["features", "logits"] = Field(
            "logits", description="what of the branches is to be as alike as the target's features: only logits differ"
        )

    @classmethod
    def check_backbone(cls, network: Network) -> None:
        """Every backbone has the features that it needs."""

    def make_branches(self, count: int, num_classes: int) -> BranchClassifiers:
        return BranchClassifiers(self.network.backbone.num_features, count, num_classes)

    def branch_inputs(self, inputs: Tensor, pyramid: Pyramid) -> Tensor:
        return pyramid.pooled
