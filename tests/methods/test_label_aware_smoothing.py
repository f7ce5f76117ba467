"""Label-aware smoothing: frequent classes are smoothed more, in three forms."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from softlabel.data.batch import Batch
from softlabel.errors import ConfigError
from tests.methods.made import COUNTS, answered, batch, enter, made, mean
from tests.oracle import labels as label_oracle
from tests.oracle import losses as oracle


def test_label_aware_smoothing_smooths_the_frequent_class():
    method = made("label_aware_smoothing", head_epsilon=0.3).eval()
    enter(method, 0)
    method.eval()
    whole = batch()
    only = Batch(whole.inputs, torch.zeros(16, dtype=torch.int64), whole.sample_id)
    target = torch.full((16, 4), 0.1)
    target[:, 0] = 0.7
    torch.testing.assert_close(
        mean(method(only)["cross_entropy"]), F.cross_entropy(method.network(only.inputs), target)
    )


@pytest.mark.parametrize("form", ["concave", "linear", "convex"])
def test_the_loss_is_that_of_the_published_labels(form: str) -> None:
    method, data = made("label_aware_smoothing", head_epsilon=0.4, tail_epsilon=0.1, form=form).eval(), batch()
    epsilon = label_oracle.class_epsilon(COUNTS.tolist(), 0.4, 0.1, form)
    rows = label_oracle.smoothed(data.annotation.numpy(), 4, epsilon, "others")
    values, mass, _ = oracle.loss(answered(method, data), rows)
    term = method(data)["cross_entropy"]
    assert term.sum.item() == pytest.approx(values.sum(), rel=1e-5)
    assert term.mass.item() == mass.sum()


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
def test_with_classes_treated_alike_it_is_label_smoothing(epsilon: float) -> None:
    ours = made("label_aware_smoothing", head_epsilon=epsilon, tail_epsilon=epsilon)
    plain = made("label_smoothing", epsilon=epsilon, convention="others") if epsilon else made("cross_entropy")
    torch.testing.assert_close(mean(ours(batch())["cross_entropy"]), mean(plain(batch())["cross_entropy"]))


@pytest.mark.parametrize("options", [{"head_epsilon": 0.8}, {"head_epsilon": 0.0, "tail_epsilon": 0.76}])
def test_more_than_can_go_to_the_other_classes_is_refused(options: dict[str, float]) -> None:
    """Four classes: .75 is the most."""
    words = rf"methods\.label_aware_smoothing\.{[*options][-1]}: .* expected shares up to 0\.75"
    with pytest.raises(ConfigError, match=words):
        made("label_aware_smoothing", **options)
    made("label_aware_smoothing", head_epsilon=0.75)
