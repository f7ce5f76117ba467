"""Classification and distribution: what the rest of the house may ask of a task."""

from __future__ import annotations

import pytest
import torch
from scipy.special import rel_entr
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss

from softlabel.statistic import total
from softlabel.tasks.classification import Classification
from softlabel.tasks.distribution import Distribution
from softlabel.tasks.resolve import task_from_json
from softlabel.tasks.task import Task
from tests.oracle import distances

CLASSES = ["cat", "dog", "eel"]
COUNTS = torch.tensor([200.0, 50.0, 5.0], dtype=torch.float64)


def evaluated(task: Task, logits: torch.Tensor, annotation: torch.Tensor, chunk: int = 7):  # type: ignore[no-untyped-def]
    evaluator = task.evaluator(COUNTS, "counts", keep_rows=True)
    for z, a in zip(logits.split(chunk), annotation.split(chunk), strict=True):
        evaluator.update(z, a)
    return evaluator


def test_scores_equal_scikit_learn() -> None:
    logits, index = torch.randn(60, 3), torch.randint(0, 3, (60,))
    scores = evaluated(Classification(CLASSES), logits, index).scores()
    probabilities, predicted = logits.double().softmax(-1).numpy(), logits.argmax(-1).numpy()
    assert scores["nll"] == pytest.approx(log_loss(index.numpy(), probabilities, labels=[0, 1, 2]), rel=1e-5)
    assert scores["accuracy"] == pytest.approx((predicted == index.numpy()).mean())
    assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(index.numpy(), predicted))
    details = evaluated(Classification(CLASSES), logits, index).details()
    assert details["confusion"] == confusion_matrix(index.numpy(), predicted).tolist()


def test_groups_follow_the_training_counts_and_an_empty_group_has_no_score() -> None:
    task = Classification(CLASSES)
    logits, index = torch.eye(3)[[0, 0, 1, 2]] * 5, torch.tensor([0, 0, 1, 1])
    details = evaluated(task, logits, index).details()
    groups = {group["name"]: group for group in details["groups"]}
    assert (groups["many"]["accuracy"], groups["medium"]["accuracy"]) == (1.0, 0.5)
    assert groups["few"] == {"name": "few", "classes": 1, "rows": 0, "accuracy": None}


def test_votes_as_counts_and_as_shares_are_the_same_truth() -> None:
    task = Distribution(CLASSES)
    counts = torch.randint(1, 9, (20, 3)).float()
    logits = torch.randn(20, 3)
    by_counts = evaluated(task, logits, counts).scores()
    by_shares = evaluated(task, logits, counts / counts.sum(-1, keepdim=True)).scores()
    assert by_counts == pytest.approx(by_shares, rel=1e-5, nan_ok=True)
    torch.testing.assert_close(task.label(counts).dense().sum(-1), torch.ones(20))


def test_a_unanimous_crowd_scores_like_a_label() -> None:
    index, logits = torch.randint(0, 3, (30,)), torch.randn(30, 3)
    votes = 9 * torch.nn.functional.one_hot(index, 3).float()
    by_votes = evaluated(Distribution(CLASSES), logits, votes).scores()
    by_label = evaluated(Classification(CLASSES), logits, index).scores()
    assert by_votes.pop("kl") == pytest.approx(by_label["nll"], rel=1e-5)  # a unanimous crowd has no entropy
    assert {name: by_votes[name] for name in by_label} == pytest.approx(by_label, rel=1e-5)


def test_votes_are_scored_by_their_divergence_too() -> None:
    votes, logits = torch.randint(1, 9, (20, 3)).double(), torch.randn(20, 3)
    shares, p = (votes / votes.sum(-1, keepdim=True)).numpy(), logits.double().softmax(-1).numpy()
    scores = evaluated(Distribution(CLASSES), logits, votes).scores()
    assert list(scores)[:2] == ["nll", "kl"]
    assert scores["kl"] == pytest.approx(rel_entr(shares, p).sum(-1).mean(), rel=1e-5)
    own = evaluated(Distribution(CLASSES), torch.from_numpy(shares).log(), votes).scores()
    assert own["kl"] == pytest.approx(0.0, abs=1e-6)


def test_votes_are_scored_by_the_distances_of_label_distribution_learning() -> None:
    votes, logits = torch.randint(0, 3, (40, 3)).double(), 4 * torch.randn(40, 3)  # many labels have no vote
    votes[:, 0] += votes.sum(-1) == 0
    logits[:5, 2] = -torch.inf
    votes[:5, 2] = 0  # 0 in the prediction and in the truth
    votes[:5, 1] += 1
    shares, p = (votes / votes.sum(-1, keepdim=True)).numpy(), logits.double().softmax(-1).numpy()
    scores = evaluated(Distribution(CLASSES), logits, votes).scores()
    for name in ("chebyshev", "clark", "canberra", "cosine", "intersection"):
        assert scores[name] == pytest.approx(getattr(distances, name)(p, shares), rel=1e-5), name
    titles = {statistic.title for statistic in Distribution(CLASSES).statistics(torch.ones(3), "counts")}
    assert len(titles) == len(scores)


def test_soft_truth_is_scored_by_expected_log_likelihood() -> None:
    q = torch.tensor([[0.5, 0.3, 0.2]])
    z = torch.tensor([[1.0, 0.0, -1.0]])
    log_p = z.double().log_softmax(-1).numpy()
    assert evaluated(Distribution(CLASSES), z, q).scores()["nll"] == pytest.approx(-(q.numpy() * log_p).sum(), rel=1e-5)


def test_one_row_of_a_rare_class_does_not_choose_the_epoch_of_votes() -> None:
    votes = torch.tensor([[6.0, 4.0, 0.0]] * 99 + [[1.0, 0.0, 9.0]])
    near, rare = votes[:1].clamp_min(0.1).log().expand(100, 3), torch.tensor([[0.0, 0.0, 1.0]]).expand(100, 3)
    task = Distribution(CLASSES)
    better, worse = (evaluated(task, logits, votes).scores() for logits in (near, rare))
    assert better["balanced_nll"] > worse["balanced_nll"]
    assert better[task.selection_score()] < worse[task.selection_score()]
    assert not task.class_balanced  # nor are the rows that the temperature is fitted to


def test_ties_in_votes_go_to_the_first_class() -> None:
    votes = torch.tensor([[2.0, 5.0, 5.0], [1.0, 1.0, 1.0]])
    assert Distribution(CLASSES).index(votes).tolist() == [1, 0]
    assert Distribution(CLASSES).describe(votes) == ["dog", "cat"]


def test_rows_kept_for_statistics_add_up_to_the_scores() -> None:
    evaluator = evaluated(Classification(CLASSES), torch.randn(25, 3), torch.randint(0, 3, (25,)))
    rows = evaluator.row_contributions()
    assert len(rows["nll"].cell) == 25
    for statistic in evaluator.statistics:
        if statistic.name in rows:
            again = float(statistic.value(total(statistic, rows[statistic.name])))
            assert again == pytest.approx(evaluator.scores()[statistic.name] or 0.0, nan_ok=True), statistic.name
    assert rows["classwise_ece"].cell.shape == (25, 3)  # a row adds to K cells of it


def test_rows_of_a_score_of_many_cells_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, index = torch.randn(25, 3), torch.randint(0, 3, (25,))
    monkeypatch.setattr("softlabel.tasks.evaluator.MOST_CELLS_KEPT", 75)
    assert "classwise_ece" in evaluated(Classification(CLASSES), logits, index).row_contributions()
    monkeypatch.setattr("softlabel.tasks.evaluator.MOST_CELLS_KEPT", 74)
    rows = evaluated(Classification(CLASSES), logits, index).row_contributions()
    assert "classwise_ece" not in rows
    assert len(rows["ece"].cell) == 25


def test_reliability_leaves_out_empty_bins() -> None:
    evaluator = evaluated(Classification(CLASSES), torch.tensor([[50.0, 0.0, 0.0]]), torch.tensor([0]))
    (only,) = evaluator.reliability()
    assert (only["count"], only["high"]) == (1, 1.0)


def test_answers_carry_the_whole_distribution() -> None:
    (answer,) = Classification(CLASSES).answer(torch.tensor([[0.2, 0.5, 0.3]]))
    assert answer["label"] == "dog"
    assert answer["confidence"] == pytest.approx(0.5)
    assert list(answer["distribution"]) == CLASSES


@pytest.mark.parametrize("task", [Classification(CLASSES), Distribution(CLASSES)])
def test_round_trip_through_json(task: Task) -> None:
    again = task_from_json(task.to_json())
    assert (type(again), again.class_names) == (type(task), CLASSES)
