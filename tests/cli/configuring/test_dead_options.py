"""The rules on options that would not be read, against the options that real runs read."""

from __future__ import annotations

import random
import sys
import tomllib
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image
from pydantic import BaseModel

from softlabel.cli.configuring.configuration import assemble
from softlabel.cli.configuring.dead_options import refuse_dead_options, refuse_undrawn_splits
from softlabel.data.config import DataConfig
from softlabel.errors import ConfigError
from softlabel.experiments.config import CompareConfig
from softlabel.networks.config import NetworkConfig
from softlabel.training.config import RunConfig, TrainingConfig
from tests.cli.configuring.test_configuration import from_flags
from tests.cli.conftest import Softlabel

MODELS = (DataConfig, TrainingConfig, NetworkConfig)
FIELDS = {name for model in MODELS for name in model.model_fields}
HANDED_OVER = {"milestones", "decay"}
"""The schedule is given these whatever its kind; only 'step' uses them."""

FEATURES = ["--source", "csv:table.csv", "--feature-columns", "a,b"]
LABELS = [*FEATURES, "--label-column", "kind"]
RUNS = {
    "digits": ["--imbalance", "50"],
    "folder": ["--source", "folder:photos"],
    "folder with parts": ["--source", "folder:parts"],
    "features": LABELS,
    "features, sgd in steps": [*LABELS, "--schedule", "step", "--noise", "0.1"],
    "features, without momentum": [*LABELS, "--momentum", "0"],
    "features, classes drawn alike": [*LABELS, "--sampler", "balanced"],
    "features, adamw": [*LABELS, "--optimiser", "adamw", "--trainable", "head"],
    "features, groups": [*LABELS, "--group-column", "who"],
    "features, own test part": [*LABELS, "--split-column", "part"],
    "features, published": [*LABELS, "--split-column", "part", "--protocol", "published"],
    "votes": [*FEATURES, "--vote-columns", "v_*"],
    "hub, features": ["--source", "hub:table", "--feature-columns", "a,b", "--label-column", "kind"],
    "hub, own test part": ["--source", "hub:parts-of-table", "--feature-columns", "a,b", "--vote-columns", "v_*"],
    "hub, images by their type": ["--source", "hub:pictures"],
    "image column": ["--source", "csv:images.csv", "--image-column", "file", "--label-column", "kind"],
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    rows = [
        f"{draw.random()},{draw.random()},{'xy'[i % 2]},{'test' if i % 4 < 2 else 'train'},{i // 4},{i % 3},{3 - i % 3}"
        for i in range(60)
    ]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,kind,part,who,v_x,v_y", *rows]), encoding="utf-8")
    names = []
    for i in range(24):
        name = f"{'xy'[i % 2]}/{i}.png"
        for folder in ("photos", f"parts/{'test' if i < 8 else 'train'}"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (draw.randrange(255), draw.randrange(255), i)).save(path)
        names.append(f"photos/{name},{name[0]}")
    (tmp_path / "images.csv").write_text("\n".join(["file,kind", *names]), encoding="utf-8")
    columns = ["a", "b", "kind", "part", "who", "v_x", "v_y"]
    table = datasets.Dataset.from_list([dict(zip(columns, row.split(","), strict=True)) for row in rows])
    table.save_to_disk(tmp_path / "table")
    parts = {"train": table.select(range(40)), "test": table.select(range(40, 60))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "parts-of-table")
    kinds = datasets.Features({"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["x", "y"])})
    pictures = {"picture": [str(tmp_path / name[:-2]) for name in names], "kind": [name[-1] for name in names]}
    datasets.Dataset.from_dict(pictures, features=kinds).save_to_disk(tmp_path / "pictures")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the fields that anything but the command line and pydantic has read."""
    seen: set[str] = set()

    def recording(model: type[BaseModel]) -> Any:
        plain, names = model.__getattribute__, set(model.model_fields)

        def read(self: BaseModel, name: str) -> Any:
            if name in names:
                place = sys._getframe(1).f_code.co_filename.replace("\\", "/")
                if not any(part in place for part in ("/pydantic/", "/cli/", "/config.py")):  # rules stand in the last
                    seen.add(name)
            return plain(self, name)

        return read

    for model in MODELS:
        monkeypatch.setattr(model, "__getattribute__", recording(model))
    return seen


def refused(name: str, config: Any) -> bool:
    try:
        refuse_dead_options({name: None}, config, str)
        refuse_undrawn_splits({name: None}, config, str)
    except ConfigError:
        return True
    return False


@pytest.mark.parametrize("words", RUNS.values(), ids=RUNS)
def test_what_a_run_never_reads_is_what_the_rules_refuse(
    words: list[str], softlabel, files: None, reads: set[str]
) -> None:
    outcome = softlabel("train", "--epochs", "2", *words)
    assert outcome.code == 0, outcome.err
    read = set(reads)
    stored = next(Path("runs").glob("*/config.toml")).read_text(encoding="utf-8")
    config = RunConfig.model_validate(tomllib.loads(stored))
    dead = {name for name in FIELDS if refused(name, config)}
    assert dead - HANDED_OVER == FIELDS - read
    assert (HANDED_OVER & dead == set()) == (config.training.schedule == "step")


@pytest.mark.parametrize(
    ("words", "need"),
    [
        ([*LABELS, "--memory", "hold"], "--memory would not be read: it needs images: "),
        ([*LABELS, "--normalise"], "--normalise would not be read: it needs --vote-columns or --source mat:PATH"),
        ([*LABELS, "--split-column", "part", "--test-share", "0.3"], "a source without a test part of its own"),
        (["--source", "folder:parts", "--test-share", "0.3"], "a source without a test part of its own"),
    ],
)
def test_refused_before_anything_is_written(words: list[str], need: str, softlabel, files: None) -> None:
    outcome = softlabel("train", *words)
    assert outcome.code == 2
    assert need in outcome.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "reads"),
    [
        (["--method", "cross_entropy"], False),
        (["--method", "cross_entropy", "--sampler", "balanced"], True),
        (["--method", "crt"], True),
        (["--method", "crt", "--crt.classifier-sampler", "instance"], False),
        (["--method", "ncm"], False),
        (["--method", "own", "--own.method", "lws"], True),
        (["--method", "dasl_prior"], True),
    ],
)
def test_the_length_of_a_balanced_epoch_needs_a_stage_that_has_one(words: list[str], reads: bool) -> None:
    asked = [*words, "--balanced-epoch", "classes"]
    if reads:
        assert from_flags(RunConfig, *asked).training.balanced_epoch == "classes"
    else:
        with pytest.raises(ConfigError, match="--balanced-epoch would not be read"):
            from_flags(RunConfig, *asked)


@pytest.mark.parametrize(
    ("first", "then", "need"),
    [
        ("--dmue.no-uncertainty", "--dmue.bank", "bank would not be read: it needs uncertainty"),
        ("--dmue.no-uncertainty", "--dmue.no-knows-label", "knows-label would not be read: it needs uncertainty"),
        ("--dmue.latent-weight 0", "--dmue.temperature 2", "temperature would not be read: it needs latent_weight"),
        ("--dmue.no-knows-label", "--dmue.exclude-self", "exclude-self would not be read: it needs knows_label"),
        ("--dmue.similarity-weight 0", "--dmue.similarity-of logits", "similarity-of would not be read: it needs"),
    ],
)
def test_an_option_that_others_of_its_method_leave_unread_is_refused(first: str, then: str, need: str) -> None:
    for words in (first, then):
        from_flags(RunConfig, "--method", "dmue", *words.split())
    with pytest.raises(ConfigError, match=f"--dmue.{need}"):
        from_flags(RunConfig, "--method", "dmue", *first.split(), *then.split())


def test_an_option_of_a_recipe_that_one_by_hand_leaves_unread_is_passed_over(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("method = 'dmue'\n[methods.dmue]\nbank = true\n")
    methods = {"dmue": {"uncertainty": "false"}}
    assert assemble(RunConfig, recipe=recipe, given={}, methods=methods, spell=str).methods["dmue"]["bank"]


@pytest.mark.parametrize("option", ["learning-rate", "weight-decay"])
def test_a_rate_that_every_method_replaces_is_refused(option: str, softlabel: Softlabel) -> None:
    own = ["--cross-entropy." + option, "0.03"]
    outcome = softlabel("train", "--" + option, "0.5", *own)
    assert outcome.code == 2
    assert f"--{option} would not be read: cross_entropy has --cross-entropy.{option}" in outcome.err
    name = option.replace("-", "_")
    others = {"given": {name: "0.5"}, "methods": {"cross_entropy": {name: "0.03"}}, "spell": str}
    assert getattr(assemble(CompareConfig, **others).training, name) == 0.5  # two of three methods read it
