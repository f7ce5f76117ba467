"""No option of `softlabel evaluate` is dead: on each kind of source it counts, or it is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
from PIL import Image

import softlabel as package
from softlabel.cli.configuring.other_data import READING
from softlabel.cli.main import main
from softlabel.errors import ConfigError

TABLE = "--source csv:table.csv --feature-columns a,b --label-column kind"
VOTES = "--source csv:votes.csv --feature-columns a,b --vote-columns v_*"
HUB = "--source hub:hub --feature-columns a,b --label-column kind"
IMAGES = "--source folder:photos"
IMAGE_TABLE = "--source csv:images.csv --image-column file --label-column kind"

Evaluate = Callable[[str], tuple[int, str]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, the same with votes and as a dataset of the hub, and images in two sizes."""
    folder = tmp_path_factory.mktemp("files")
    draw = random.Random(0)
    rows = [
        (draw.random() + i % 2, draw.random(), "xy"[i % 2], "xyy"[i % 3], "test" if i % 4 < 2 else "train")
        for i in range(60)
    ]
    names = ["a", "b", "kind", "other", "part"]
    table = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    (folder / "table.csv").write_text("\n".join(table), encoding="utf-8")
    (folder / "bad.csv").write_text("\n".join([*table, "nothing,1,x,y,test"]), encoding="utf-8")
    votes = [f"{a},{b},{'0.9,0.3,0,1' if kind == 'x' else '0.3,0.9,1,1'}" for a, b, kind, _, _ in rows]
    (folder / "votes.csv").write_text("\n".join(["a,b,v_x,v_y,w_x,w_y", *votes]), encoding="utf-8")
    whole = datasets.Dataset.from_dict({name: [row[i] for row in rows] for i, name in enumerate(names)})
    parts = {"train": whole.select(range(37)), "test": whole.select(range(37, 60))}
    datasets.DatasetDict(parts).save_to_disk(folder / "hub")
    images = []
    for i in range(24):
        kind, colour = "xy"[i % 2], (draw.randrange(255), 100 * (i % 2), i)
        for place, size in (("photos", (8, 8)), ("large", (16, 16)), ("wide", (16, 8))):
            path = folder / place / kind / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, colour).save(path)
        images.append(f"photos/{kind}/{i}.png,large/{kind}/{i}.png,{kind},{'xyy'[i % 3]}")
    (folder / "images.csv").write_text("\n".join(["file,large,kind,other", *images]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def models(files: Path) -> Path:
    """Runs with a model of features and one of images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(files)
        for name, source in (("features", TABLE), ("images", IMAGES)):
            words = ["train", *source.split(), "--epochs", "1", "--backbone", "mlp", "--name", name]
            assert main(words) == 0
    return files / "runs"


@pytest.fixture
def evaluate(files: Path, models: Path, softlabel, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """Exit code, and either the scores and their number of rows, or what is wrong."""
    monkeypatch.chdir(files)

    def call(words: str) -> tuple[int, str]:
        images = "folder:" in words or "images.csv" in words
        run = models / ("images-0001" if images else "features-0001")
        outcome = softlabel("evaluate", str(run), *words.split(), "--json")
        if outcome.code:
            return outcome.code, outcome.err
        scored = json.loads(outcome.out)
        return 0, json.dumps([scored["rows"], scored["before"]])

    return call


COUNTS: dict[str, list[tuple[str, str]]] = {
    "source": [(TABLE, HUB + " --split test")],
    "image_column": [(IMAGE_TABLE, IMAGE_TABLE.replace("file", "large"))],
    "image_root": [(IMAGE_TABLE, IMAGE_TABLE + " --image-root large")],
    "feature_columns": [(source, source.replace("a,b", "a")) for source in (TABLE, VOTES + " --normalise", HUB)],
    "label_column": [(source, source.replace("kind", "other")) for source in (TABLE, HUB, IMAGE_TABLE)],
    "vote_columns": [(VOTES + " --normalise", VOTES.replace("v_*", "w_*") + " --normalise")],
    "normalise": [(VOTES, VOTES + " --normalise")],
    "split_column": [
        (TABLE, TABLE + " --split-column part --split test"),
        (HUB + " --split test", HUB + " --split-column part --split test"),
    ],
    "resize": [("--source folder:large --resize 9,9", "--source folder:large --resize 8,8")],
    "fit": [("--source folder:wide --resize 8,8", "--source folder:wide --resize 8,8 --fit pad")],
    "colour": [(IMAGES, IMAGES + " --colour grey"), (IMAGE_TABLE, IMAGE_TABLE + " --colour grey")],
    "skip_bad": [(TABLE.replace("table", "bad"), TABLE.replace("table", "bad") + " --skip-bad")],
}
"""What each option changes: of two command lines, the scores differ, or one is refused for what the data are."""

REFUSED: dict[str, list[str]] = {
    "image_column": [IMAGES + " --image-column file", "--source digits --image-column file"],
    "image_root": [TABLE + " --image-root large", IMAGES + " --image-root large"],
    "feature_columns": [IMAGES + " --feature-columns a"],
    "label_column": [IMAGES + " --label-column kind", "--source digits --label-column kind"],
    "vote_columns": [IMAGES + " --vote-columns v_*"],
    "normalise": [TABLE + " --normalise", HUB + " --normalise", IMAGES + " --normalise"],
    "split_column": [
        IMAGES + " --split-column part",
        TABLE + " --split-column part",
        HUB + " --split-column part --split all",
    ],
    "resize": [TABLE + " --resize 8,8", HUB + " --resize 8,8"],
    "fit": [TABLE + " --fit pad", HUB + " --fit pad"],
    "colour": [TABLE + " --colour grey", HUB + " --colour grey"],
    "accept_void": [TABLE + " --accept-void", IMAGES + " --accept-void"],
}
"""Where each option would not be read."""


OF_OTHER_TASKS = ("value_column", "sigma_column", "value_columns", "level_columns", "level_codes")
"""What only tables of numbers and of several labels have; with images they are refused."""


@pytest.mark.parametrize("name", OF_OTHER_TASKS)
def test_columns_of_other_tasks_are_refused_with_images(name: str, evaluate: Evaluate) -> None:
    value = "pdn" if name == "level_codes" else "a"
    code, words = evaluate(f"{IMAGES} --{name.replace('_', '-')} {value}")
    assert code == 2
    assert "would not be read" in words


def test_every_option_is_in_both_tables() -> None:
    assert sorted([*COUNTS, *OF_OTHER_TASKS, "accept_void"]) == sorted(READING)
    assert sorted([*REFUSED, *OF_OTHER_TASKS, "source", "skip_bad"]) == sorted(READING)


@pytest.mark.parametrize(("plain", "changed"), [pair for pairs in COUNTS.values() for pair in pairs])
def test_an_option_counts(plain: str, changed: str, evaluate: Evaluate) -> None:
    one, other = evaluate(plain), evaluate(changed)
    assert one != other
    assert {one[0], other[0]} <= {0, 2}
    assert 0 in (one[0], other[0])
    assert "would not be read" not in one[1] + other[1]


@pytest.mark.parametrize(("name", "words"), [(name, words) for name, lines in REFUSED.items() for words in lines])
def test_an_option_that_is_not_read_is_refused(name: str, words: str, evaluate: Evaluate) -> None:
    code, said = evaluate(words)
    assert code == 2
    assert f"--{name.replace('_', '-')} would not be read: " in said


def test_the_function_refuses_them_too(files: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(ConfigError, match=r"^normalise would not be read: it needs"):
        package.evaluate(models / "images-0001", source="folder:photos", normalise=True)
