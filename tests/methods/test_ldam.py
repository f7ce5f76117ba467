"""LDAM: cosine logits that lose a margin of the label's own class, and weights that wait."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.losses import inverse_frequency
from softlabel.tasks.distribution import Distribution
from tests.methods.made import COUNTS, answered, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_ldam_takes_the_margin_from_the_own_class() -> None:
    method, data = made("ldam", scale=20.0).eval(), batch()
    with torch.no_grad():
        pooled = method.network.features(data.inputs).pooled.double().numpy()
    weight = method.network.head.weight.detach().double().numpy()
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (pooled, weight)]
    margins = 0.5 * COUNTS.numpy() ** -0.25
    rows = label_oracle.hard(data.annotation.numpy(), 4)
    values, mass, _ = oracle.loss(20.0 * (unit[0] @ unit[1].T - margins * rows), rows)
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-4)
    assert term.mass.item() == mass.sum()


def test_ldam_without_margin_and_scale_is_cross_entropy_of_cosines():
    method = made("ldam", scale=1.0, margin=0.0).eval()
    loss = F.cross_entropy(method.network(batch().inputs), batch().annotation)
    torch.testing.assert_close(mean(method(batch())["cross_entropy"]), loss)


def test_of_votes_each_class_loses_its_share_of_its_own_margin() -> None:
    method, data = made("ldam", scale=10.0).eval(), batch(2)
    method.task = Distribution(["a", "b", "c", "d"])
    counted = torch.tensor([[3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0]])
    q = label_oracle.votes(counted.double().numpy())
    values, _, _ = oracle.loss(answered(method, data) - 10 * 0.5 * COUNTS.numpy() ** -0.25 * q, q)
    term = method(Batch(data.inputs, counted, data.sample_id))["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-4)


def test_by_default_classes_are_weighted_from_four_fifths_on() -> None:
    method, data = made("ldam", weighting="inverse").eval(), batch()
    rows, margins = label_oracle.hard(data.annotation.numpy(), 4), 0.5 * COUNTS.numpy() ** -0.25
    z = answered(method, data) - 30 * margins * rows
    weight = inverse_frequency(COUNTS).numpy()
    for epoch, used in ((7, None), (8, weight)):
        method.begin_epoch(epoch, 10)
        values, mass, _ = oracle.loss(z, rows, weight=used)
        term = method(data)["cross_entropy"]
        assert term.sum.item() == pytest.approx(values.sum(), rel=1e-4)
        assert term.mass.item() == pytest.approx(mass.sum(), rel=1e-5)


def test_answers_are_cosines_without_a_margin() -> None:
    method = made("ldam", scale=20.0).eval()
    assert np.abs(answered(method, batch())).max() <= 20 * (1 + 1e-6)
    assert method.corrects_prior
    assert method.deployable() is method.network
