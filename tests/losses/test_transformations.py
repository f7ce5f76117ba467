"""Derivatives of derivatives, second backwards, torch.func, autocast, torch.compile: right, or refused by name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from softlabel.labels import dense, from_table, hard, mix, smoothed, top_k
from softlabel.losses import cross_entropy, focal_loss, kl_divergence, sum_and_mass
from softlabel.losses.engine import delegated


@pytest.fixture
def large(monkeypatch):
    """No batch is small."""
    monkeypatch.setattr(delegated, "INDEX_LIMIT", 0)


def inputs():
    logits = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    return logits, smoothed(torch.randint(5, (4,)), 5, 0.1)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("loss", [cross_entropy, focal_loss])
def test_a_second_backward_is_refused_and_the_way_out_works(loss):
    logits, label = inputs()
    value = loss(logits, label)
    (first,) = torch.autograd.grad(value, logits, retain_graph=True)
    with pytest.raises(RuntimeError, match=r"second backward .* fused=False"):
        torch.autograd.grad(value, logits)
    value = loss(logits, label, fused=False)
    for _ in range(2):
        torch.testing.assert_close(torch.autograd.grad(value, logits, retain_graph=True)[0], first)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("loss", [cross_entropy, focal_loss])
def test_differentiating_twice_is_refused_and_the_way_out_works(loss):
    logits, label = inputs()
    with pytest.raises(RuntimeError, match=r"differentiated twice .* fused=False"):
        torch.autograd.grad(loss(logits, label), logits, create_graph=True)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, label, fused=False), (logits,))


@pytest.mark.usefixtures("large")
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # by PyTorch's own set-up
@pytest.mark.parametrize("loss", [cross_entropy, focal_loss])
def test_forward_mode_is_refused_and_the_way_out_works(loss):
    logits, label = inputs()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(logits, torch.ones_like(logits))
        with pytest.raises(RuntimeError, match=r"forward-mode .* fused=False"):
            loss(dual, label)
        tangent = torch.autograd.forward_ad.unpack_dual(loss(dual, label, fused=False)).tangent
    torch.testing.assert_close(tangent, torch.zeros((), dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("loss", [cross_entropy, kl_divergence, focal_loss])
def test_torch_func_takes_the_plain_path_by_itself(loss):
    logits, label = inputs()
    expected = torch.autograd.grad(loss(logits, label), logits)[0]
    torch.testing.assert_close(torch.func.grad(lambda z: loss(z, label))(logits.detach()), expected)
    rows = label.dense(torch.float64)
    each = torch.func.vmap(lambda z, q: loss(z, dense(q, validate=False)))(logits.detach(), rows)
    torch.testing.assert_close(each, loss(logits.detach(), rows, reduction="none"))


def test_gradients_reach_a_learned_label_and_learned_weights():
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    share = torch.rand(3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(4, dtype=torch.float64, requires_grad=True)

    def learned(z, t, s, w):
        label = mix(hard(torch.tensor([0, 1, 2]), 4), dense(torch.softmax(t, -1), validate=False), s)
        return kl_divergence(z, label, weight=w, sample_weight=s)

    assert torch.autograd.gradcheck(learned, (logits, teacher, share, weights))


@pytest.mark.usefixtures("large")
def test_no_gradient_no_buffer(monkeypatch):
    def forbidden(_):
        raise AssertionError("a buffer for a gradient nobody asked for")

    monkeypatch.setattr("softlabel.losses.engine.fused.fresh_like", forbidden)
    logits, label = inputs()
    cross_entropy(logits.detach(), label)
    with torch.no_grad():
        cross_entropy(logits, label)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("label", [torch.arange(64), torch.full((64, 100), 0.01)], ids=["index", "probabilities"])
def test_what_is_kept_for_backward_is_the_gradient_alone(label):
    logits, kept = torch.randn(64, 100, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.nbytes) or t, lambda t: t):
        cross_entropy(logits, label)
    assert sum(kept) == logits.nbytes


def test_autocast_does_not_lower_the_precision(monkeypatch):
    logits = torch.randn(64, 50, requires_grad=True)
    rows, weight = torch.softmax(torch.randn(64, 50), -1), torch.rand(50)
    for limit in (0, 2**17):
        monkeypatch.setattr(delegated, "INDEX_LIMIT", limit)
        for fused in (True, False):
            expected = cross_entropy(logits, rows, weight=weight, fused=fused)
            with torch.autocast("cpu", torch.bfloat16):
                value = cross_entropy(logits, rows, weight=weight, fused=fused)
            torch.testing.assert_close(value, expected, atol=0, rtol=1e-6)
            assert value.dtype == torch.float32


INDEX = torch.tensor([0, 3, -100, 2])
COMPILED = {
    "integers": lambda z: cross_entropy(z, INDEX),
    "hard": lambda z: cross_entropy(z, hard(INDEX, 5, validate=False)),
    "smoothed": lambda z: sum_and_mass(cross_entropy, z, smoothed(INDEX, 5, 0.1, validate=False)).sum,
    "table": lambda z: cross_entropy(z, from_table(INDEX, torch.eye(5), validate=False), weight=torch.arange(5.0)),
    "mixed": lambda z: kl_divergence(
        z, mix(hard(INDEX, 5, validate=False), dense(z.detach().softmax(-1), validate=False), 0.3)
    ),
    "top-k": lambda z: cross_entropy(z, top_k(*z.detach().softmax(-1).topk(2), 5, validate=False), mask=INDEX > 0),
    "focal": lambda z: focal_loss(z, INDEX, 1.5),
    "focal, summed": lambda z: sum_and_mass(focal_loss, z, smoothed(INDEX, 5, 0.1, validate=False), gamma=0.5).sum,
    "probabilities": lambda z: cross_entropy(z, z.detach().flip(0).softmax(-1), reduction="none").sum(),
}


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("limit", [0, 2**17])
def test_a_compiled_loss_has_no_graph_break(name, limit, monkeypatch):
    monkeypatch.setattr(delegated, "LIMIT", limit)
    torch._dynamo.reset()
    function = COMPILED[name]
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    ours, theirs = torch.randn(4, 5, requires_grad=True), None
    theirs = ours.detach().clone().requires_grad_()
    value, expected = compiled(ours), function(theirs)
    torch.testing.assert_close(value, expected)
    value.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_hooks_and_accumulation_see_ordinary_gradients():
    """Logits used twice, a leaf that accumulates, a tensor hook."""
    logits, seen = torch.randn(4, 5, requires_grad=True), []
    logits.register_hook(lambda gradient: seen.append(gradient.clone()))
    index = torch.tensor([0, 1, 2, 3])
    for _ in range(2):
        (cross_entropy(logits, index) + cross_entropy(logits, smoothed(index, 5, 0.1))).backward()
    reference = logits.detach().clone().requires_grad_()
    (F.cross_entropy(reference, index) + F.cross_entropy(reference, index, label_smoothing=0.1)).backward()
    torch.testing.assert_close(logits.grad, 2 * reference.grad)
    assert len(seen) == 2
