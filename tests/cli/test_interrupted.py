"""What Ctrl-C says of a run is what going on with it does: so many epochs are saved, and these are trained again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softlabel.cli.screens.train_screen import TrainScreen

WORDS = "train --json --source csv:table.csv --feature-columns a --label-column kind --epochs 3 --batch-size 16"
METHOD = "--method crt --crt.classifier-epochs 2"
EPOCHS = 5
"""Of both stages; each epoch has three steps."""

SAVED_OFTEN = {
    1: "Saved: 0 of 5 epochs; epoch 1 is trained again",
    3: "Saved: 0 of 5 epochs; epoch 1 is trained again",
    4: "Saved: 1 of 5 epochs; epoch 2 is trained again",
    13: "Saved: 4 of 5 epochs; epoch 5 is trained again",
}
SAVED_AT_ENDS_OF_STAGES = {
    4: "Saved: 0 of 5 epochs; epochs 1 to 2 are trained again",
    9: "Saved: 0 of 5 epochs; epochs 1 to 3 are trained again",
    10: "Saved: 3 of 5 epochs; epoch 4 is trained again",
    13: "Saved: 3 of 5 epochs; epochs 4 to 5 are trained again",
}
TRAINED = "All 5 epochs are saved; calibration and test are left"


class CtrlC:
    """Raises in the n-th step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def __call__(self, *given: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def epochs(out: str) -> list[tuple[str, int]]:
    """The epochs that a command told to have trained."""
    events = [json.loads(line) for line in out.splitlines()]
    return [(event["stage"], event["epoch"]) for event in events if event["event"] == "epoch"]


@pytest.fixture
def table(tmp_path: Path) -> None:
    rows = [f"{i % 7},{'xy'[i % 2]}" for i in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["a,kind", *rows]), encoding="utf-8")


@pytest.mark.parametrize(
    ("seconds", "step", "words"),
    [(0.0, *case) for case in SAVED_OFTEN.items()] + [(1e9, *case) for case in SAVED_AT_ENDS_OF_STAGES.items()],
)
def test_the_words_are_true(
    seconds: float, step: int, words: str, softlabel: Any, table: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("softlabel.training.observer.SAVE_SECONDS", seconds)
        patch.setattr(TrainScreen, "step", CtrlC(step))
        stopped = softlabel(*WORDS.split(), *METHOD.split())
    assert stopped.code == 130
    go_on, said = stopped.err.splitlines()[-2:]
    assert go_on == "softlabel train: stopped. To go on: softlabel train --resume runs/table-0001"
    assert said == words
    before, after = epochs(stopped.out), epochs(softlabel("train", "--resume", "--json").out)
    saved = int(said.split()[1])
    assert len(after) == EPOCHS - saved
    assert before[saved:] == after[: len(before) - saved]
    last = int(words.split(" trained")[0].split()[-2])
    assert last == len(before) + 1


def test_a_trained_run_has_only_its_test_left(softlabel: Any, table: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("softlabel.training.train.finish", CtrlC(1))
        stopped = softlabel(*WORDS.split(), *METHOD.split())
    assert stopped.err.splitlines()[-1] == TRAINED
    assert epochs(softlabel("train", "--resume", "--json").out) == []
