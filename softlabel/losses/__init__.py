"""Losses: functions of logits and label distributions."""

from __future__ import annotations

from softlabel.losses.cross_entropy import cross_entropy
from softlabel.losses.kl_divergence import kl_divergence
from softlabel.losses.reduction import SumAndMass

__all__ = ["SumAndMass", "cross_entropy", "kl_divergence"]
