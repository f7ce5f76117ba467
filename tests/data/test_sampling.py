import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from softlabel.data.samplers import class_probabilities, epoch_order, every_class_order
from softlabel.data.splitting.wrong_labels import class_dependent, noisy_labels, symmetric, transition
from softlabel.errors import ConfigError, UnsupportedError
from softlabel.randomness import generator
from tests.oracle import data as oracle

COUNTS = [400, 90, 25, 6, 0, 1]
INDEX = torch.repeat_interleave(torch.arange(6), torch.tensor(COUNTS))[torch.randperm(522, generator=generator(0))]
EXPONENTS = {"instance": 1.0, "square-root": 0.5, "balanced": 0.0}


def order(sampler, epoch=0, epochs=5, head_limit=None, seed=0):
    return epoch_order(
        INDEX, sampler, epoch=epoch, epochs=epochs, generator=generator(seed, "order", epoch), head_limit=head_limit
    )


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(any))
def test_class_probabilities(counts):
    for sampler, exponent in EXPONENTS.items():
        got = class_probabilities(torch.tensor(counts), sampler)
        np.testing.assert_allclose(got.numpy(), oracle.class_probabilities(counts, exponent), rtol=1e-13)
    for epoch in range(4):
        got = class_probabilities(torch.tensor(counts), "progressive", epoch=epoch, epochs=4)
        np.testing.assert_allclose(got.numpy(), oracle.progressive(counts, epoch, 4), rtol=1e-13)
    alone = class_probabilities(torch.tensor(counts), "progressive", epoch=0, epochs=1)
    assert torch.equal(alone, class_probabilities(torch.tensor(counts), "instance"))


def test_the_instance_sampler_visits_every_row_once():
    assert sorted(order("instance").tolist()) == list(range(522))
    assert not torch.equal(order("instance"), order("instance", epoch=1))
    assert torch.equal(order("instance"), order("instance"))


@pytest.mark.parametrize("sampler", ["square-root", "balanced", "progressive"])
def test_class_frequencies_by_chi_square(sampler):
    drawn = torch.cat([order(sampler, epoch=2, seed=seed) for seed in range(30)])
    frequencies = torch.bincount(INDEX[drawn], minlength=6).numpy()
    expected = class_probabilities(torch.tensor(COUNTS), sampler, epoch=2, epochs=5).numpy() * len(drawn)
    assert frequencies[4] == 0
    present = expected > 0
    assert stats.chisquare(frequencies[present], expected[present]).pvalue > 1e-3
    wrong = class_probabilities(torch.tensor(COUNTS), "instance").numpy() * len(drawn)
    assert stats.chisquare(frequencies[present], wrong[present]).pvalue < 1e-6


@pytest.mark.parametrize(
    ("sampler", "head_limit", "draws"),
    [
        ("balanced", None, 5 * 400),
        ("balanced", 30, 5 * 30),
        ("instance", None, 522),
        ("square-root", None, 522),
        ("progressive", None, 522),
    ],
)
def test_an_epoch_of_class_balanced_sampling_may_count_classes_times_the_largest(sampler, head_limit, draws):
    """max n times K of the classes that have rows, as in `ClassAwareSampler` of the released code of decoupling."""
    drawn = epoch_order(
        INDEX,
        sampler,
        epoch=1,
        epochs=5,
        generator=generator(0, "order"),
        head_limit=head_limit,
        balanced_epoch="classes",
    )
    assert len(drawn) == draws
    if sampler == "balanced":
        frequencies = torch.bincount(INDEX[drawn], minlength=6).numpy()[[0, 1, 2, 3, 5]]
        assert stats.chisquare(frequencies).pvalue > 1e-3


def test_rows_of_a_class_are_equally_likely():
    drawn = torch.cat([order("balanced", seed=seed) for seed in range(40)])
    rows = torch.bincount(drawn, minlength=522)[INDEX == 2].numpy()
    assert len(rows) == 25
    assert stats.chisquare(rows).pvalue > 1e-3


def test_the_head_limit_leaves_the_tail():
    limited = order("instance", head_limit=20)
    assert len(limited) == len(set(limited.tolist()))
    assert torch.bincount(INDEX[limited], minlength=6).tolist() == [20, 20, 20, 6, 0, 1]
    assert set(limited.tolist()) != set(order("instance", epoch=1, head_limit=20).tolist())
    balanced = order("balanced", head_limit=20)
    assert len(balanced) == 67
    assert all(len(set(balanced[INDEX[balanced] == k].tolist())) <= 20 for k in range(6))


def test_no_rows_at_all():
    for sampler in ("instance", "balanced"):
        none = epoch_order(torch.zeros(0, dtype=torch.int64), sampler, epoch=0, epochs=1, generator=generator(0))
        assert len(none) == 0


@given(st.integers(2, 7), st.floats(0, 0.99))
def test_transition_matrices(num_classes, rate):
    np.testing.assert_allclose(symmetric(num_classes, rate).numpy(), oracle.symmetric(num_classes, rate), atol=1e-15)
    got = class_dependent(num_classes, rate).numpy()
    np.testing.assert_allclose(got, oracle.class_dependent(num_classes, rate), atol=1e-15)
    for kind in ("symmetric", "class-dependent"):
        np.testing.assert_allclose(transition(kind, num_classes, rate).sum(1).numpy(), 1)


@pytest.mark.parametrize("kind", ["symmetric", "class-dependent"])
def test_noise_follows_its_matrix(kind):
    index = torch.arange(5).repeat_interleave(4000)
    matrix = transition(kind, 5, 0.3)
    noisy = noisy_labels(index, matrix, seed=1)
    for k in range(5):
        expected = matrix[k].numpy() * 4000
        counts = torch.bincount(noisy[index == k], minlength=5).numpy()
        assert (counts[expected == 0] == 0).all()
        assert stats.chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-3
    assert torch.equal(noisy, noisy_labels(index, matrix, seed=1))
    assert not torch.equal(noisy, noisy_labels(index, matrix, seed=2))
    assert torch.equal(noisy_labels(index, transition(kind, 5, 0.0), seed=1), index)


def test_votes_take_no_label_noise():
    with pytest.raises(UnsupportedError):
        noisy_labels(torch.ones(3, 5), symmetric(5, 0.1), 0)


@pytest.mark.parametrize("head_limit", [None, 30])
@pytest.mark.parametrize("batch_size", [5, 6, 16, 64, 100, 522, 600])
def test_every_class_is_in_every_batch(batch_size, head_limit):
    drawn = every_class_order(INDEX, batch_size, generator=generator(1), head_limit=head_limit)
    batches = drawn.split(batch_size)
    assert all(set(INDEX[rows].tolist()) == {0, 1, 2, 3, 5} for rows in batches)
    rows = 522 if head_limit is None else 30 + 30 + 25 + 6 + 1
    assert rows - 5 < len(drawn) <= rows
    visits = torch.bincount(drawn, minlength=522)
    for k in () if head_limit else (0, 1, 2, 3, 5):  # no row again before all of its class were visited
        of_class = visits[k == INDEX]
        assert of_class.max() - of_class.min() <= 1
    assert torch.equal(drawn, every_class_order(INDEX, batch_size, generator=generator(1), head_limit=head_limit))
    assert not torch.equal(drawn, every_class_order(INDEX, batch_size, generator=generator(2), head_limit=head_limit))


def test_a_sampler_of_every_class_departs_little_from_the_rows():
    drawn = torch.cat([every_class_order(INDEX, 64, generator=generator(seed)) for seed in range(40)])
    visits = torch.bincount(INDEX[drawn], minlength=6) / 40
    # nine batches: 3 and 8 visits more to classes 3 and 5, taken from the others by their share of the places left
    assert visits[3] == visits[5] == 9
    assert visits.sum() == 522
    np.testing.assert_allclose(visits[:3], [391.3, 88.1, 24.6], atol=1.0)
    rows = torch.bincount(drawn, minlength=522)[INDEX == 0].numpy()
    assert stats.chisquare(rows).pvalue > 1e-3
    first = torch.stack([every_class_order(INDEX, 64, generator=generator(seed))[0] for seed in range(60)])
    assert (INDEX[first] == 0).float().mean() > 0.5  # the one of each class does not lead the batch


def test_a_batch_with_fewer_places_than_classes_is_refused():
    with pytest.raises(ConfigError, match=r"each of 5 classes .* training\.batch_size must be 5 or more, not 4"):
        every_class_order(INDEX, 4, generator=generator(0))
    assert len(every_class_order(torch.zeros(0, dtype=torch.int64), 4, generator=generator(0))) == 0
