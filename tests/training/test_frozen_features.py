"""Frozen features kept on the disk: the same training to the bit, few files, a limit, views that stay what they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from softlabel.methods.base.discovery import method_names
from softlabel.networks.folded import folded
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.frozen_features import FrozenFeatures, frozen_features
from softlabel.training.train import FEATURES, train
from tests.training.tiny import tiny_for, tiny_prepared


def config_for(
    runs: Path, method: str = "cross_entropy", trainable: str = "head", seed: int = 0, **training: Any
) -> RunConfig:
    return RunConfig.model_validate(
        {
            "method": method,
            "seed": seed,
            "network": {"backbone": "resnet8", "trainable": trainable},
            "training": {"epochs": 2, "batch_size": 32, "learning_rate": 0.05, **training},
            "output": {"runs": str(runs)},
        }
    )


def features_of(config: RunConfig, folder: Path) -> tuple[FrozenFeatures | None, list[str]]:
    prepared, said = tiny_prepared(), list[str]()
    method = build_method(config, prepared)

    def preparing(what: str, done: int, total: int) -> None:
        if done == total:
            said.append(f"{what}: {total}")

    return frozen_features(config, prepared, method, folder, torch.device("cpu"), said.append, preparing), said


@pytest.mark.parametrize("trainable", ["head", "last"])
def test_without_augmentation_the_training_is_the_same(trainable: str, tmp_path: Path) -> None:
    kept = train(config_for(tmp_path, trainable=trainable, augment="none"), prepared=tiny_prepared())
    again = train(config_for(tmp_path, trainable=trainable, augment="none", cache_limit=0.0), prepared=tiny_prepared())
    for key in ("temperature", "intra_class_variance"):
        assert kept.cell[key] == pytest.approx(again.cell[key], rel=1e-5), key
    assert kept.cell["last"]["before"]["nll"] == pytest.approx(again.cell["last"]["before"]["nll"], rel=1e-5)
    assert not (kept.folder / FEATURES).exists()
    assert [row["image"] is not None for row in kept.cell["worst"]] == [True] * len(kept.cell["worst"])


@pytest.mark.parametrize("trainable", ["head", "last"])
@pytest.mark.parametrize("name", method_names())
def test_every_method_has_the_same_terms_of_rows_as_of_images(name: str, trainable: str, tmp_path: Path) -> None:
    config = config_for(tmp_path, name, trainable)
    prepared = tiny_for(config)
    method = build_method(config, prepared).eval()
    entry = method.network.entry
    if method.needs_inputs or entry is None:
        pytest.skip(f"{name} reads its inputs")
    batch = next(iter(_plain(prepared.splits.training)))
    method.begin_stage(method.stages()[0])
    with torch.no_grad(), torch.random.fork_rng():
        rows = entry.rows(method.network, batch.inputs)
        torch.manual_seed(0)
        expected = method(batch)
        torch.manual_seed(0)
        found = method(type(batch)(rows, batch.annotation, batch.sample_id))
    assert found.keys() == expected.keys()
    for term in found:
        torch.testing.assert_close(found[term].sum, expected[term].sum, rtol=1e-4, atol=1e-5)


def _plain(samples: Any) -> Any:
    from softlabel.data.batches import batches

    return batches(samples, torch.arange(len(samples)), 32)


def test_views_are_drawn_once_for_all_seeds_of_the_training(tmp_path: Path) -> None:
    first, said = features_of(config_for(tmp_path, views=3, augment="shift"), tmp_path / "kept")
    assert first is not None
    assert said == [
        "frozen features of training images, 2.3e-05 GB: 90",
        "frozen features of 3 views of the training images, 6.9e-05 GB: 270",
        "frozen features of validation images, 2.3e-05 GB: 90",
        "frozen features of test images, 2.3e-05 GB: 90",
    ]
    views, plain = first.views.samples.read(torch.arange(270)).view(3, 90, -1), first.prepared.splits.training
    assert not torch.equal(views[0], views[1])
    assert not torch.equal(views[0], plain.read(torch.arange(90)))
    again, said = features_of(config_for(tmp_path, "label_smoothing", views=3, augment="shift"), tmp_path / "kept")
    assert said == []
    assert again is not None
    assert torch.equal(again.views.samples.read(torch.arange(270)).view(3, 90, -1), views)
    _, said = features_of(config_for(tmp_path, seed=1, views=3, augment="shift"), tmp_path / "kept")
    assert len(said) == 4  # a network that is drawn from another seed has another frozen part


def test_runs_with_other_parts_of_a_pool_share_its_rows(tmp_path: Path) -> None:
    prepared, config = tiny_prepared(), config_for(tmp_path, views=3, augment="shift")
    splits = prepared.splits
    assert splits.validation is not None
    told: list[str] = []

    def behind(training: torch.Tensor, held: torch.Tensor) -> FrozenFeatures:
        parts = {"training": pool.select(training), "validation": pool.select(held), "test": pool.select(held)}
        other = dataclasses.replace(prepared, splits=dataclasses.replace(splits, **parts))
        method = build_method(config, prepared)
        found = frozen_features(
            config,
            other,
            method,
            tmp_path / "kept",
            torch.device("cpu"),
            preparing=lambda *w: told.append(w[0]),
            pool=pool,
        )
        assert found is not None
        return found

    pool = splits.training.select(torch.randperm(90, generator=torch.Generator().manual_seed(1)))
    even, odd = torch.arange(0, 90, 2), torch.arange(1, 90, 2)
    first, second = behind(even, odd), behind(odd, even)
    assert {text.split(",")[0] for text in told} == {
        "frozen features of all images",
        "frozen features of 3 views of all images",
    }
    assert len(told) == 4  # one chunk of each view: nothing is computed for the second
    assert torch.equal(first.prepared.splits.training.sample_id, pool.sample_id[even])
    assert torch.equal(first.prepared.splits.training.annotation, pool.annotation[even])
    alone = build_method(config, prepared).network
    expected = alone.entry.rows(folded(alone), pool.select(even).read(torch.arange(45)))
    torch.testing.assert_close(first.prepared.splits.training.read(torch.arange(45)), expected, rtol=1e-4, atol=1e-5)
    assert second.prepared.splits.validation is not None
    assert torch.equal(
        second.prepared.splits.validation.read(torch.arange(45)), first.prepared.splits.training.read(torch.arange(45))
    )
    drawn = first.views.drawn(torch.arange(45), torch.Generator().manual_seed(0))
    assert torch.equal(first.views.samples.sample_id[drawn], pool.sample_id[even])
    assert not torch.equal(first.views.samples.read(torch.arange(45)), first.views.samples.read(torch.arange(45, 90)))


def test_an_order_draws_a_view_of_each_row(tmp_path: Path) -> None:
    found, _ = features_of(config_for(tmp_path, views=4, augment="shift"), tmp_path / "kept")
    assert found is not None
    order = torch.arange(90).flip(0)
    drawn = found.views.drawn(order, torch.Generator().manual_seed(0))
    assert torch.equal(drawn % 90, order)
    assert (drawn // 90).unique().tolist() == [0, 1, 2, 3]
    assert torch.equal(found.views.samples.sample_id[drawn], tiny_prepared().splits.training.sample_id[order])


def test_above_the_limit_images_are_read_and_it_is_said(tmp_path: Path) -> None:
    found, said = features_of(config_for(tmp_path, cache_limit=1e-6), tmp_path / "kept")
    assert found is None
    assert said == [
        "the frozen part is computed in every epoch: kept, its output would take 0.0 GB, above --cache-limit 1e-06"
    ]
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(("method", "trainable"), [("mixup", "head"), ("cross_entropy", "all")])
def test_nothing_is_kept_where_inputs_change_or_nothing_is_frozen(method: str, trainable: str, tmp_path: Path) -> None:
    assert features_of(config_for(tmp_path, method, trainable), tmp_path / "kept") == (None, [])


def test_a_run_that_was_stopped_goes_on_with_the_same_views(tmp_path: Path) -> None:
    config = config_for(tmp_path, augment="shift", views=2)
    whole = train(config, prepared=tiny_prepared())
    half = config_for(tmp_path, augment="shift", views=2)

    from softlabel.training.progress import Progress

    class Stop(Progress):
        def epoch(self, record: Any) -> None:
            if record["epoch"] == 1:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            train(half, folder=tmp_path / "stopped", prepared=tiny_prepared(), progress=Stop())
        assert any((tmp_path / "stopped" / FEATURES).iterdir())
        resumed = train(half, folder=tmp_path / "stopped", resume=True, prepared=tiny_prepared())
    assert resumed.cell["last"] == whole.cell["last"]
