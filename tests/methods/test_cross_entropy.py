"""Cross-entropy: hard labels as they are, votes as the distribution they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.data.batch import Batch
from softlabel.tasks.distribution import Distribution
from tests.methods.made import answered, batch, made
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def of_votes(n: int = 16) -> Batch:
    data = batch(n)
    counted = torch.randint(0, 5, (n, 4), generator=torch.Generator().manual_seed(2)).float()
    counted[:, 1] += 1
    return Batch(data.inputs, counted, data.sample_id)


@pytest.mark.parametrize("kind", ["label", "votes"])
def test_the_loss_and_its_gradient_are_those_of_the_rows_written_out(kind: str) -> None:
    method = made("cross_entropy").eval()
    data = batch() if kind == "label" else of_votes()
    if kind == "votes":
        method.task = Distribution(["a", "b", "c", "d"])
    annotation = data.annotation.numpy()
    rows = label_oracle.hard(annotation, 4) if kind == "label" else label_oracle.votes(annotation.astype(np.float64))
    values, mass, gradient = oracle.loss(answered(method, data), rows)
    logits = method.network(data.inputs).detach().requires_grad_()
    method.network.forward = lambda inputs: logits
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()
    term.sum.backward()
    np.testing.assert_allclose(logits.grad.numpy(), gradient, atol=1e-5)


def test_it_leaves_the_prior_and_the_answers_alone() -> None:
    method, logits = made("cross_entropy"), torch.randn(3, 4)
    assert not method.corrects_prior
    assert torch.equal(method.adjust(logits), logits)
    assert method.notes("balanced") == []
