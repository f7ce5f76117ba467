"""DMUE with one trunk: branches are classifiers of the target's own features; the laws of both are in test_dmue."""

from __future__ import annotations

import numpy as np
import torch

from tests.methods.made import batch, made


def test_the_branches_classify_the_targets_own_features() -> None:
    method, data = made("dmue_shared").eval(), batch()
    pyramid = method.network.features(data.inputs)
    assert torch.equal(method.branch_inputs(data.inputs, pyramid), pyramid.pooled)
    weight, bias = (part.detach().double().numpy() for part in (method.branches.weight, method.branches.bias))
    pooled = pyramid.pooled.detach().double().numpy()
    expected = np.einsum("nd,bkd->bnk", pooled, weight) + bias
    assert weight.shape[:2] == (4, 3)  # a branch for each class, which knows the other three
    found = method.branches(pyramid.pooled, torch.ones(4, 16)).logits.detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_adds_classifiers_alone() -> None:
    own, plain = made("dmue_shared"), made("dmue")
    added = {name for name, _ in own.branches.named_parameters()}
    assert added == {"weight", "bias"}
    sizes = [sum(p.numel() for p in method.branches.parameters()) for method in (own, plain)]
    assert sizes[0] == 4 * 3 * (own.network.backbone.num_features + 1)
    assert sizes[0] < sizes[1] / 10


def test_it_compares_logits_and_what_ships_has_no_trace_of_branches() -> None:
    method = made("dmue_shared")
    assert method.config.similarity_of == "logits"
    method(batch())["similarity"].sum.backward()
    assert method.branches.weight.grad.abs().sum() > 0
    assert method.deployable() is method.network
    assert not any("branches" in key for key in method.deployable().state_dict())
