"""What people type by mistake, and the words they get back: `bad_inputs.txt` holds both."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

RECIPES = {
    "epoch.toml": "[training]\nepoch = 3\n",
    "several.toml": '[training]\nepochs = "many"\noptimiser = "sdg"\n',
    "table.toml": "[trainin]\nepochs = 3\n",
    "top.toml": "epochs = 3\n",
    "syntax.toml": "[training\nepochs = 3\n",
    "number.toml": "data = 3\n",
    "elsewhere.toml": "[data]\nlearning_rate = 0.1\nresize = [1, 2, 3]\n",
    "infinite.toml": "[training]\nlearning_rate = inf\n",
    "text.toml": '[methods.label_smoothing]\nepsilon = "0.1"\n',
    "method.toml": "[methods.label_smoothin]\nepsilon = 0.1\n",
    "plain.toml": "[methods]\nlabel_smoothing = 0.1\n",
    "option.toml": "[methods.label_smoothing]\nepsilom = 0.1\n",
    "types.toml": 'seed = true\n[training]\nmilestones = [0.1, "x"]\nepochs = 3.0\n',
    "date.toml": "[training]\nepochs = 2026-01-01\n",
    "unknown.toml": "[comparison]\nmethods = ['label_smothing']\n",
}


def golden() -> list[tuple[str, str]]:
    """Command lines and the words they are answered with."""
    blocks = (Path(__file__).parent / "bad_inputs.txt").read_text(encoding="utf-8").strip().split("\n\n")
    pairs = [block.partition("\n") for block in blocks]
    return [(command.removeprefix("$ "), words) for command, _, words in pairs]


@pytest.fixture
def files(tmp_path: Path) -> None:
    for name, text in RECIPES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "a-file").write_text("nothing")
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "started").mkdir()
    (tmp_path / "started" / "config.toml").write_text("")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "results.json").write_text('{"format": 1, ')
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "table.csv").write_text("a,b,label\n1,2,x\n3,four,y\n5,6,x\n")
    (tmp_path / "poses.csv").write_text(
        "x,pitch,yaw,age\n" + "".join(f"{k},{k - 9},{2 * k - 9},{k}\n" for k in range(30))
    )
    (tmp_path / "model-folder").mkdir()
    (tmp_path / "model-folder" / "model.json").write_text("{}")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "results.json").write_text('{"format": 9, "summary": []}')


@pytest.mark.parametrize(("command", "words"), golden(), ids=[command for command, _ in golden()])
def test_one_clear_line(command: str, words: str, files: None, softlabel) -> None:
    outcome = softlabel(*shlex.split(command))
    assert outcome.err.rstrip("\n") == words
    assert outcome.code == 2
    assert outcome.out == ""


def test_the_collection_is_large_and_never_shows_the_program() -> None:
    assert len(golden()) >= 60
    for _, words in golden():
        assert "Traceback" not in words
        assert "pydantic" not in words
        assert len(words.splitlines()) <= 8
