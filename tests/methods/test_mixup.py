"""Mixup: samples and labels are mixed in pairs, by one share a batch."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest
from torch.nn import functional as F

from softlabel.data.batch import Batch
from tests.methods.made import answered, batch, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_mixup_mixes_inputs_and_labels_by_one_share():
    method = made("mixup").eval()
    whole = batch()
    mixed = method.transform(whole, torch.Generator().manual_seed(3))
    again = method.transform(whole, torch.Generator().manual_seed(3))
    assert torch.equal(mixed.inputs, again.inputs)
    share = mixed.own_share[0].item()
    assert 0 <= share <= 1
    assert mixed.own_share.unique().numel() == 1
    other = torch.stack([(mixed.inputs[n] - share * whole.inputs[n]) / (1 - share) for n in range(len(whole))])
    rows = [next(m for m in range(len(whole)) if torch.allclose(o, whole.inputs[m].float(), atol=0.5)) for o in other]
    assert torch.equal(whole.annotation[rows], mixed.partner)
    logits = method.network(mixed.inputs)
    loss = share * F.cross_entropy(logits, whole.annotation) + (1 - share) * F.cross_entropy(logits, mixed.partner)
    torch.testing.assert_close(mean(method(mixed)["cross_entropy"]), loss)


def test_parts_of_a_mixed_batch_keep_their_partners():
    mixed = made("mixup").transform(batch(10), torch.Generator().manual_seed(0))
    parts = mixed.parts(3)
    assert [len(part) for part in parts] == [4, 3, 3]
    assert torch.equal(torch.cat([part.partner for part in parts]), mixed.partner)
    assert Batch(*(vars(parts[0]).values())).own_share.shape == (4,)


def test_the_loss_is_that_of_the_mixed_rows() -> None:
    method = made("mixup").eval()
    mixed = method.transform(batch(), torch.Generator().manual_seed(3))
    own, other = (label_oracle.hard(index.numpy(), 4) for index in (mixed.annotation, mixed.partner))
    rows = label_oracle.mix(own, other, mixed.own_share.double().numpy())
    values, mass, _ = oracle.loss(answered(method, mixed), rows)
    term = method(mixed)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_drawn_from_the_beta_distribution(alpha: float) -> None:
    method, two = made("mixup", alpha=alpha), batch(2)
    shares = [method.transform(two, torch.Generator().manual_seed(seed)).own_share[0].item() for seed in range(400)]
    assert kstest(shares, "beta", args=(alpha, alpha)).pvalue > 1e-3


def test_a_batch_that_is_not_mixed_has_the_loss_of_cross_entropy() -> None:
    method, plain = made("mixup"), made("cross_entropy")
    assert torch.equal(method(batch())["cross_entropy"].sum, plain(batch())["cross_entropy"].sum)


def test_one_row_is_mixed_with_itself() -> None:
    alone = batch(1)
    mixed = made("mixup").transform(alone, torch.Generator().manual_seed(0))
    assert torch.equal(mixed.inputs, alone.inputs.float())
    assert torch.equal(mixed.partner, alone.annotation)
