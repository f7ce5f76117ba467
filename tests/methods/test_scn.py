"""Importance weighting: the ranking between the shares, and who takes the network's word."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
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
    method = made("scn", relabel_epoch=3, relabel_margin=0.0)
    enter(method, 0)
    method.eval()
    loss = []
    for epoch in range(4):
        method.begin_epoch(epoch, 10)
        loss.append(method(batch())["classifier"].sum.item())
    assert loss[0] == loss[1] > loss[2] == loss[3]  # from the third one on, as the released code counts


@pytest.mark.parametrize("relabel_by", ["scaled", "plain"])
def test_the_prediction_that_relabels_is_that_of_the_scaled_logits(relabel_by):
    """softmax(alpha z) as in the released code; of rows whose confidence is below the upper share's, as there."""
    method = made("scn", relabel_epoch=1, relabel_margin=0.3, relabel_by=relabel_by).eval()
    method.begin_epoch(0, 10)
    data = batch(64)
    with torch.no_grad():
        method.network.head.weight.mul_(2.0)
        pooled = method.network.features(data.inputs).pooled
        logits, alpha = method.network.classify(pooled).double().numpy(), method.confidence(pooled).double().numpy()
        found = method(data)["classifier"].sum.item()
    index, changed = data.annotation.numpy().copy(), 0
    least = np.sort(alpha)[::-1][round(0.7 * 64) - 1]
    for row in range(64):
        said = softmax(logits[row] * (alpha[row] if relabel_by == "scaled" else 1.0))
        if alpha[row] < least and said.max() - said[index[row]] > 0.3:
            index[row], changed = said.argmax(), changed + 1
    losses = [-np.log(softmax(alpha[row] * logits[row])[index[row]]) for row in range(64)]
    assert 0 < changed < 20
    assert found == pytest.approx(sum(losses), rel=1e-5)
    others = made(
        "scn", relabel_epoch=1, relabel_margin=0.3, relabel_by="plain" if relabel_by == "scaled" else "scaled"
    )
    others.load_state_dict(method.state_dict())
    others.eval().begin_epoch(0, 10)
    assert others(data)["classifier"].sum.item() != pytest.approx(found, rel=1e-4)


def test_by_default_it_relabels_as_the_released_code_does():
    method = made("scn")
    assert (method.config.relabel_by, method.config.relabel_epoch) == ("scaled", 10)


def test_a_single_row_is_no_ranking():
    method = made("scn").eval()
    terms = method(batch(1))
    assert terms["ranking"].sum.item() == pytest.approx(0.0, abs=1e-6)
