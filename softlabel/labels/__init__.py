"""Label distributions: one file a kind, all lowered to few forms of plain tensors."""

from __future__ import annotations

from softlabel.labels.dense import Dense, dense
from softlabel.labels.distribution import LabelDistribution
from softlabel.labels.from_table import Table, from_table
from softlabel.labels.gaussian import gaussian, gaussian_grid
from softlabel.labels.gaussian_mixture import gaussian_mixture
from softlabel.labels.hard import hard
from softlabel.labels.label_aware import label_aware
from softlabel.labels.levels import levels
from softlabel.labels.mix import Mixture, mix
from softlabel.labels.online_table import OnlineTable
from softlabel.labels.smoothed import smoothed
from softlabel.labels.sparse import Sparse
from softlabel.labels.spatial import spatial
from softlabel.labels.top_k import top_k
from softlabel.labels.votes import votes

__all__ = [
    "Dense",
    "LabelDistribution",
    "Mixture",
    "OnlineTable",
    "Sparse",
    "Table",
    "dense",
    "from_table",
    "gaussian",
    "gaussian_grid",
    "gaussian_mixture",
    "hard",
    "label_aware",
    "levels",
    "mix",
    "smoothed",
    "spatial",
    "top_k",
    "votes",
]
