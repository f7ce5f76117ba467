"""Losses: functions of logits and label distributions."""

from __future__ import annotations

from softlabel.losses.attention_transfer import attention_distance
from softlabel.losses.class_weights import effective_number, inverse_frequency
from softlabel.losses.cross_entropy import cross_entropy
from softlabel.losses.engine.reduction import SumAndMass
from softlabel.losses.expectation import expectation_loss
from softlabel.losses.focal import focal_loss
from softlabel.losses.kl_divergence import kl_divergence
from softlabel.losses.sigmoid_focal import sigmoid_focal_loss
from softlabel.losses.similarity import similarity_distance
from softlabel.losses.sum_and_mass import sum_and_mass

__all__ = [
    "SumAndMass",
    "attention_distance",
    "cross_entropy",
    "effective_number",
    "expectation_loss",
    "focal_loss",
    "inverse_frequency",
    "kl_divergence",
    "sigmoid_focal_loss",
    "similarity_distance",
    "sum_and_mass",
]
