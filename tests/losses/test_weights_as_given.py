"""A class weight counts the same whatever it was given as, on every path and for every kind of target."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from softlabel.labels import dense
from softlabel.losses import (
    SumAndMass,
    cross_entropy,
    effective_number,
    focal_loss,
    inverse_frequency,
    kl_divergence,
    sum_and_mass,
)
from softlabel.losses.engine import delegated
from tests.labels.kinds import discovered_kinds, example_of
from tests.oracle import losses as oracle

K = 4
WHOLE = [3, 1, 0, 2]
GIVEN = {
    "list": WHOLE,
    "tuple": tuple(map(float, WHOLE)),
    "list of tensors": [torch.tensor(float(one)) for one in WHOLE],
    "numpy float64": np.array(WHOLE, np.float64),
    "numpy float32": np.array(WHOLE, np.float32),
    "numpy int": np.array(WHOLE),
    "numpy, the other byte order": np.array(WHOLE, ">f4"),
    "numpy view": np.array(WHOLE[::-1], np.float64)[::-1],
    "int": torch.tensor(WHOLE),
    "half": torch.tensor(WHOLE).half(),
    "bfloat16": torch.tensor(WHOLE).bfloat16(),
    "float": torch.tensor(WHOLE).float(),
    "double": torch.tensor(WHOLE).double(),
}
MADE = {
    "inverse_frequency": inverse_frequency(torch.tensor([90, 30, 7, 1])),
    "effective_number": effective_number([90, 30, 7, 1], 0.99),
}
ALL = {**{name: (given, np.array(WHOLE, float)) for name, given in GIVEN.items()}}
ALL.update({name: (made, made.numpy()) for name, made in MADE.items()})
DTYPES = {torch.float64: 1e-4, torch.float32: 1e-4, torch.bfloat16: 1e-2, torch.float16: 2e-3}
"""Of logits, and how close a gradient in them comes; some labels are float32."""
LOSSES = {"cross_entropy": cross_entropy, "kl_divergence": kl_divergence}


@pytest.fixture(params=["small", "large", "plain"])
def path(request, monkeypatch):
    if request.param != "small":
        monkeypatch.setattr(delegated, "INDEX_LIMIT", 0)
    return {"fused": request.param != "plain"}


def targets():
    """Every kind of target over K classes, of rows and of pixels, with its probabilities (..., K)."""
    for shape in ((6,), (2, 2, 3)):
        index = torch.arange(int(np.prod(shape))).reshape(shape) % K
        rows = torch.softmax(torch.randn(*shape, K, dtype=torch.float64), -1)
        one = np.eye(K)[index.numpy()]
        yield "index", index, one
        yield "ignored", torch.where(index == 3, -100, index), one * (index.numpy() != 3)[..., None]
        yield "probabilities", rows.movedim(-1, 1), rows.numpy()
        yield "float32 probabilities", rows.movedim(-1, 1).float(), rows.numpy()
    for kind, shape in itertools.product(discovered_kinds(), ((6,), (4, 3))):
        yield kind, *example_of(kind)(shape, K)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_weight_counts_the_same_for_every_target(dtype, path):
    ways = itertools.cycle(itertools.product(LOSSES, ("mean", "none", "sum_and_mass")))
    for (kind, target, rows), name in itertools.product(list(targets()), ALL):
        (given, twin), (loss, reduction) = ALL[name], next(ways)
        logits = torch.randn(rows.shape).movedim(-1, 1).to(dtype).requires_grad_()
        if reduction == "sum_and_mass":
            found = sum_and_mass(LOSSES[loss], logits, target, weight=given, **path)
        else:
            found = LOSSES[loss](logits, target, weight=given, reduction=reduction, **path)
        z = logits.detach().movedim(1, -1).double().numpy()
        values, mass, gradient = oracle.loss(z, rows, weight=twin, divergence=loss == "kl_divergence")
        value = found.sum if isinstance(found, SumAndMass) else found
        value.sum().backward()
        where = f"{loss}, {kind}, {name}, {reduction}"
        share = 1 / mass.sum() if reduction == "mean" else 1.0
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32), where
        expected = values if reduction == "none" else values.sum() * share
        np.testing.assert_allclose(value.detach(), expected, rtol=1e-4, atol=1e-4, err_msg=where)
        close = {"rtol": DTYPES[dtype], "atol": DTYPES[dtype], "err_msg": where}
        np.testing.assert_allclose(logits.grad.movedim(1, -1).double(), gradient * share, **close)
        if isinstance(found, SumAndMass):
            np.testing.assert_allclose(float(found.mass), mass.sum(), rtol=1e-5, err_msg=where)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", DTYPES)
def test_focal_takes_every_weight(name, dtype):
    given, twin = ALL[name]
    logits, index = torch.randn(6, K).to(dtype), torch.arange(6) % K
    found = sum_and_mass(focal_loss, logits, index, 0.0, weight=given)
    values, mass, _ = oracle.loss(logits.double().numpy(), np.eye(K)[index.numpy()], weight=twin)
    assert float(found.sum) == pytest.approx(values.sum(), rel=1e-4)
    assert float(found.mass) == pytest.approx(mass.sum(), rel=1e-4)


BAD = {
    "too few": ([1.0, 2.0], ValueError, r"shape \(2,\), expected one per class, \(4,\)"),
    "one number": (2.0, ValueError, r"shape \(\), expected one per class"),
    "a column": (torch.ones(K, 1), ValueError, r"shape \(4, 1\), expected one per class"),
    "negative": ([1, 1, -2, 1], ValueError, "weight, class 2: -2 is not a weight"),
    "NaN": (torch.tensor([1, float("nan"), 1, float("nan")]), ValueError, r"class 1: nan .* \(2 such"),
    "infinite": (np.array([1, 1, 1, np.inf]), ValueError, "class 3: inf"),
    "too large for float32": ([1, 1, 1, 1e300], ValueError, "class 3: inf"),
    "words": (["1", "2", "3", "4"], TypeError, "weight holds .*, expected real numbers"),
    "a word": ("balanced", TypeError, "weight holds .*, expected real numbers"),
    "nothing among them": ([1, None, 1, 1], TypeError, "weight holds object"),
    "ragged": ([[1], [1, 2]], TypeError, "weight is no row of numbers"),
    "complex": (torch.ones(K, dtype=torch.complex64), TypeError, "expected real numbers"),
    "a dict": ({0: 1.0}, TypeError, "weight holds object"),
    "sparse": (torch.ones(K).to_sparse(), TypeError, "weight is torch.sparse_coo, expected a dense tensor"),
    "on no device": (torch.ones(K, device="meta"), ValueError, "weight is on the device meta"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("loss", [cross_entropy, kl_divergence, focal_loss])
def test_other_weights_are_refused_in_words(loss, name, path):
    given, error, words = BAD[name]
    for target in (torch.tensor([0, 1, 2]), dense(torch.full((3, K), 0.25))):
        with pytest.raises(error, match=words):
            loss(torch.randn(3, K), target, weight=given, **path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("whole", [True, False])
def test_a_learned_weight_keeps_its_gradient(dtype, whole, path):
    z, index = torch.randn(5, K, dtype=torch.float64), torch.tensor([0, 1, 2, 1, -100])
    learned = torch.tensor([1.0, 2.0, 0.5, 1.0], dtype=dtype, requires_grad=True)
    given = learned if whole else list(learned)
    cross_entropy(z, index, weight=given, reduction="sum", **path).backward()
    each = cross_entropy(z, index, reduction="none")
    expected = [each[index == k].sum().item() for k in range(K)]
    assert learned.grad.tolist() == pytest.approx(expected, rel=1e-2 if dtype == torch.bfloat16 else 1e-6)


def test_the_derivative_in_a_weight_is_that_of_the_mean():
    z, index = torch.randn(5, K, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 1])
    weight = torch.rand(K, dtype=torch.float64).add(0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: cross_entropy(z, index, weight=w), (weight,))


def test_weights_of_samples_are_given_likewise(path):
    z, index = torch.randn(3, K), torch.tensor([0, 1, 2])
    expected = cross_entropy(z, index, sample_weight=torch.tensor([1.0, 0.0, 2.0]), **path)
    for given in ([1, 0, 2], np.array([1.0, 0.0, 2.0]), torch.tensor([1, 0, 2]), torch.tensor([1.0, 0, 2]).double()):
        found = cross_entropy(z, index, sample_weight=given, **path)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected)


def test_a_weight_of_float64_keeps_its_digits_at_every_size():
    index = torch.zeros(2**17 + 1, dtype=torch.int64)
    z = torch.randn(len(index), 2, dtype=torch.float64)
    weight = torch.tensor([1 + 1e-12, 1.0], dtype=torch.float64)
    small = sum_and_mass(cross_entropy, z[:4], index[:4], weight=weight)
    large = sum_and_mass(cross_entropy, z, index, weight=weight)
    assert float(small.mass) / 4 - 1 == pytest.approx(1e-12, rel=1e-2)
    assert float(large.mass) / len(index) - 1 == pytest.approx(1e-12, rel=1e-2)


@pytest.mark.parametrize("make", [inverse_frequency, effective_number])
def test_counts_are_given_in_any_way_and_bad_ones_are_refused(make):
    expected = make(torch.tensor([9.0, 3.0, 0.0]))
    for given in ([9, 3, 0], (9.0, 3.0, 0.0), np.array([9, 3, 0]), torch.tensor([9, 3, 0]).half()):
        torch.testing.assert_close(make(given), expected)
    for bad, words in (([9, -3], "class 1: -3"), ([float("nan"), 3], "class 0: nan"), ([[1, 2]], r"expected .*\(K,\)")):
        with pytest.raises(ValueError, match=words):
            make(bad)
    with pytest.raises(TypeError, match="counts holds"):
        make(["a", "b"])


@pytest.mark.parametrize("name", ["list", "numpy int", "double", "inverse_frequency"])
def test_weights_are_traced_without_a_graph_break(name):
    z, index = torch.randn(5, K), torch.tensor([0, 1, 2, 3, 1])
    loss = torch.compile(lambda z: cross_entropy(z, index, weight=ALL[name][0]), fullgraph=True, backend="eager")
    torch.testing.assert_close(loss(z), cross_entropy(z, index, weight=ALL[name][0]))
