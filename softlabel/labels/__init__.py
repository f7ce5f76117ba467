"""Label distributions: one file a kind, all lowered to few forms of plain tensors."""

from __future__ import annotations

from softlabel.labels.dense import Dense, dense
from softlabel.labels.distribution import LabelDistribution
from softlabel.labels.from_table import Table, from_table
from softlabel.labels.hard import hard
from softlabel.labels.label_aware import label_aware
from softlabel.labels.mix import Mixture, mix
from softlabel.labels.online_table import OnlineTable
from softlabel.labels.smoothed import smoothed
from softlabel.labels.sparse import Sparse
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
    "hard",
    "label_aware",
    "mix",
    "smoothed",
    "top_k",
    "votes",
]
