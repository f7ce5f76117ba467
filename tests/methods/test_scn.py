"""Importance weighting: the ranking between the shares, and who takes the network's word."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.methods.made import batch, enter, made


def test_the_terms_are_the_published_formulas():
    method = made("scn", high_share=0.75, rank_margin=0.5).eval()
    data = batch()
    with torch.no_grad():
        pooled = method.network.features(data.inputs).pooled
        alpha = torch.sigmoid(method.importance(pooled))[:, 0]
        terms = method(data)
        expected = F.cross_entropy(alpha[:, None] * method.network(data.inputs), data.annotation)
    ranked = alpha.sort(descending=True).values
    missed = (0.5 - (ranked[:12].mean() - ranked[12:].mean())).clamp_min(0)
    torch.testing.assert_close(terms["classifier"].sum / terms["classifier"].mass, expected)
    torch.testing.assert_close(terms["ranking"].sum / terms["ranking"].mass, missed)
    assert method.weights() == {"classifier": 0.5, "ranking": 0.5}


def test_a_gap_that_is_wide_enough_costs_nothing():
    method = made("scn")
    term = method.ranking(torch.tensor([0.9, 0.8]), torch.tensor([0.1]), 3)
    assert term.sum.item() == 0


def test_only_doubted_rows_whose_prediction_is_far_ahead_are_relabelled():
    method = made("scn", relabel_margin=0.2)
    logits = torch.log(torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.7, 0.1, 0.1, 0.1], [0.4, 0.3, 0.2, 0.1]]))
    index = torch.tensor([1, 1, 1])
    low = torch.tensor([True, False, True])
    assert method.relabelled(logits, index, low).tolist() == [0, 1, 1]


def test_labels_change_only_late():
    method = made("scn", relabel_epoch=1, relabel_margin=0.0)
    enter(method, 0)
    method.eval()
    early = method(batch())["classifier"].sum
    method.begin_epoch(1, 10)
    assert method(batch())["classifier"].sum.item() < early.item()


def test_a_single_row_is_no_ranking():
    method = made("scn").eval()
    terms = method(batch(1))
    assert terms["ranking"].sum.item() == pytest.approx(0.0, abs=1e-6)
