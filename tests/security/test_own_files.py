"""Every kind of file of ours, mutated thousands of times: read as it stands, or refused in one line that names it."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import BaseModel
from safetensors.torch import save

from softlabel.bounded_files import Record, append_line, count_lines, json_of, read_json
from softlabel.cli.configuring.configuration import read_recipe
from softlabel.errors import ConfigError, RunError
from softlabel.methods.base.stage import Stage
from softlabel.runs.checkpoint import Checkpoint, CheckpointFolder
from softlabel.runs.records import SCHEMAS, BestRecord, CheckpointBody, Holder, Position
from softlabel.runs.run_folder import RunFolder, read_settings
from softlabel.runs.tensor_files import metadata_of, tensors_of
from softlabel.runs.toml import to_toml
from softlabel.training.config import RunConfig
from softlabel.training.position import refuse_other_best, refuse_other_position
from softlabel.training.state import Best, best_from_checkpoint, best_to_checkpoint
from tests.report.mask_results import mask_results
from tests.report.results import comparison_results
from tests.security.mutations import HOSTILE, damaged

COUNT = int(os.environ.get("SOFTLABEL_MUTATIONS", "120"))
"""Of each kind of file."""

STAGES = (Stage("representation"), Stage("classifier", epochs=2), Stage("solved", gradients=False))
RECORDS = [
    {
        "stage": stage.name,
        "epoch": epoch + 1,
        "epochs": stage.epochs_of(3),
        "learning_rate": 0.1,
        "loss": 1.5,
        "terms": {"cross_entropy": 1.5},
        "validation": {"nll": 1.4, "few": None},
        "seconds": 0.5,
        "images_per_second": 90.0,
    }
    for stage in STAGES
    for epoch in range(stage.epochs_of(3))
]
POSITION = {"stage": 1, "epoch": 1, "steps": 40, "images": 400, "seconds": 2.0, "total_seconds": 3.0}
POSITION |= {"records": RECORDS[:4]}
BEST = {"score": 0.5, "stage": "solved", "epoch": 1}
RESULTS = json.loads(json.dumps(mask_results(2)))
RUN = json.loads(json.dumps(comparison_results(1, 1, classes=3, epochs=4)["cells"][0]))
EXAMPLES: dict[str, tuple[type[BaseModel], Any]] = {
    "environment.json": (
        SCHEMAS["environment.json"],
        {"torch": "2.9", "threads": 2, "test_hash": "ab", "precision": {"name": "fp32", "channels_last": False}},
    ),
    "seconds.json": (SCHEMAS["seconds.json"], {"seconds": 1.5}),
    "precision.json": (SCHEMAS["precision.json"], {"setting": "bf16", "images_per_second": {"bf16": 3.0}}),
    "result.json": (SCHEMAS["result.json"], RUN),
    "results.json": (SCHEMAS["results.json"], RESULTS),
    "details.json": (SCHEMAS["details.json"], RUN["details"]),
    "features.json": (SCHEMAS["features.json"], {"points": "1 2 0", "explained": [0.5, 0.25]}),
    "masks.json": (
        SCHEMAS["masks.json"],
        {"images": RESULTS["mask_images"], "answers": RESULTS["cells"][0]["masks"]},
    ),
    "last.json": (Position, POSITION),
    "best.json": (BestRecord, BEST),
    "lock": (Holder, {"pid": 3, "host": "here", "since": "2026-01-01 10:00:00"}),
    "body.json": (
        CheckpointBody,
        {"digest": "a" * 64, "format": 1, "tensors": "last-ab.safetensors", "sha256": "b" * 64, "values": POSITION},
    ),
}
DEEP = "[" * 3000 + "]" * 3000


def refused(read: Callable[[], Any], path: Path) -> bool:
    """Whether it is refused: by one of our errors, in one line of no great length that names the file."""
    try:
        read()
    except (RunError, ConfigError) as error:
        told = str(error)
    else:
        return False
    assert str(path) in told
    assert "\n" not in told
    assert len(told) < len(str(path)) + 400
    return True


def mutated(values: Any, dice: random.Random) -> Any:
    """One to three places replaced, dropped, renamed or doubled."""
    values = copy.deepcopy(values)
    for _ in range(dice.choice([1, 1, 2, 3])):
        holders = list(places(values))
        if not holders:
            return dice.choice(HOSTILE)
        holder, key = dice.choice(holders)
        match dice.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, list):
                holder.append(copy.deepcopy(dice.choice(HOSTILE)))
            case 2 if isinstance(holder, dict):
                holder[f"{key}x"] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(dice.choice(HOSTILE))
    return values


def places(values: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(values) if isinstance(values, dict) else range(len(values)) if isinstance(values, list) else []:
        yield values, key
        yield from places(values[key])


@pytest.mark.parametrize("name", EXAMPLES)
def test_forged_json_fits_its_schema_or_is_refused(name: str) -> None:
    schema, values = EXAMPLES[name]
    path = Path("runs") / name
    assert json_of(json.dumps(values).encode(), schema, path) == values
    outcomes = []
    for place in range(COUNT):
        dice = random.Random(f"{name} {place}")
        content = json.dumps(mutated(values, dice)).encode()
        if place % 3 == 0:
            content = damaged(json.dumps(values).encode(), dice)
        outcomes.append(refused(lambda content=content: json_of(content, schema, path), path))
        if not outcomes[-1]:
            assert schema.model_validate(json.loads(content)) is not None
    assert sum(outcomes) > COUNT / 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"\xff\xfe",
        b'\xef\xbb\xbf{"seconds": 1.0}',
        b'{"seconds": NaN}',
        b'{"seconds": Infinity}',
        b'{"seconds": 1e999}',
        b'{"seconds": -1.0}',
        b'{"seconds": "1.0"}',
        b'{"seconds": true}',
        b'{"seconds": ' + b"9" * 400 + b"}",
        b'{"seconds": ' + b"9" * 5000 + b"}",
        b'{"seconds": 1.0, "seconds": 2.0}',
        b'{"seconds": 1.0, "more": {"a": 1, "a": 2}}',
        b'{"seconds": 1.0, "more": ' + DEEP.encode() + b"}",
        b'{"seconds": 1.0, "more": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}",
        b'{"seconds": 1.0, "more": "\\ud800"}',
        b'{"seconds": 1.0, "more": [1e400]}',
        b'{"seconds": 1.0}}',
        b'{"seconds": 1.0',
        b'{"seconds": 1.0, "open',
        b"{'seconds': 1.0}",
    ],
)
def test_damaged_json_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "seconds.json").write_bytes(content)
    assert refused(lambda: read_json(tmp_path / "seconds.json", SCHEMAS["seconds.json"]), tmp_path / "seconds.json")


def test_brackets_and_escapes_inside_texts_are_no_depth(tmp_path: Path) -> None:
    values = {"seconds": 1.0, "more": "[" * 900 + '\\"' + "{" * 900 + "😀", "numbers": "9" * 90}
    (tmp_path / "seconds.json").write_text(json.dumps(values))
    assert read_json(tmp_path / "seconds.json", SCHEMAS["seconds.json"]) == values


def put(kind: str, path: Path) -> None:
    """Something else than a file."""
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if kind == "link to a device" else "nowhere")


@pytest.mark.parametrize("kind", ["folder", "fifo", "link to a device", "dangling link"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    put(kind, path)
    assert refused(lambda: read_json(path, Record), path)
    assert refused(lambda: append_line(path, "text"), path)
    assert refused(lambda: read_settings(tmp_path, RunConfig), tmp_path)
    assert count_lines(path) == 0
    put(kind, tmp_path / "lock")
    assert refused(lambda: RunFolder.at(tmp_path, RunConfig(), resume=True), tmp_path)


def test_a_longer_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "result.json", "wb") as file:
        file.truncate(2**40)  # no disk is taken
    assert refused(lambda: read_json(tmp_path / "result.json", Record), tmp_path / "result.json")


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a = " + DEEP,
        "a = " + "{b = " * 40 + "1" + "}" * 40,
        "a." * 3000 + "b = 1",
        '"a" . ' * 3000 + "b = 1",
        "[" + "a." * 100 + "b]",
        "seed = " + "9" * 5000,
        "seed = 0x" + "f" * 4000,
        "seed = 1\nseed = 2",
        "[training]\n[training]",
        "seed = -1",
        "seed = 99999999999999999999",
        "seed = 1.5",
        "seed = 2026-01-01",
        "[training]\nlearning_rate = nan",
        "[training]\nepochs = 1e3",
        "[training]\nwarmup_epochs = inf",
        'method = """',
        "[output]\nname = '../x'",
        "x = 1",
        "data = 3",
        "methods = 3",
    ],
)
def test_damaged_toml_is_refused_as_configuration_and_as_recipe(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert refused(lambda: read_settings(tmp_path, RunConfig), path)
    assert refused(lambda: read_recipe(path, RunConfig), path)


def test_mutated_recipes_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    whole = to_toml(RunConfig()).encode()
    for place in range(COUNT):
        path.write_bytes(damaged(whole, random.Random(f"recipe {place}")))
        refused(lambda: read_settings(tmp_path, RunConfig), path)
        with contextlib.suppress(ConfigError):  # with a line for each key
            read_recipe(path, RunConfig)


FORGED: list[tuple[dict[str, Any], str]] = [
    ({"stage": 99}, "values.stage: 99"),
    ({"stage": -1}, "values.stage"),
    ({"stage": 2**70}, "values.stage"),
    ({"stage": "1"}, "values.stage"),
    ({"stage": 1.5}, "values.stage"),
    ({"stage": True}, "values.stage"),
    ({"epoch": -5}, "values.epoch"),
    ({"epoch": 0}, "values.epoch: 0"),
    ({"epoch": 3}, "values.epoch: 3"),
    ({"records": [1, 2]}, "values.records.0"),
    ({"records": []}, "values.records: 0 records"),
    ({"records": RECORDS}, "values.records: 6 records"),
    ({"records": [*RECORDS[1:4], RECORDS[0]]}, "values.records.0"),
    ({"records": [*RECORDS[:3], RECORDS[3] | {"stage": "../../x"}]}, "values.records.3"),
    ({"records": [*RECORDS[:3], RECORDS[3] | {"terms": [1]}]}, "values.records.3.terms"),
    ({"records": [*RECORDS[:3], RECORDS[3] | {"validation": {"nll": "x"}}]}, "values.records.3.validation.nll"),
    ({"seconds": "long"}, "values.seconds"),
    ({"seconds": -1.0}, "values.seconds"),
    ({"steps": None}, "values.steps"),
]


@pytest.mark.parametrize(("change", "told"), FORGED, ids=[told for _, told in FORGED])
def test_a_sealed_checkpoint_of_another_place_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save("last", Checkpoint({"a": torch.ones(2)}, POSITION))
    refuse_other_position(folder.load("last").values, STAGES, 3, folder.index("last"))
    folder.save("last", Checkpoint({"a": torch.ones(2)}, POSITION | change))
    with pytest.raises(RunError) as error:
        refuse_other_position(folder.load("last").values, STAGES, 3, folder.index("last"))
    assert told in str(error.value)
    assert str(folder.index("last")) in str(error.value)


@pytest.mark.parametrize(
    "change", [{"stage": "classifier"}, {"epoch": 2}, {"epoch": 0}, {"score": "x"}, {"more": 1}, {"stage": "../x"}]
)
def test_selected_weights_of_another_place_are_refused(change: dict[str, Any]) -> None:
    refuse_other_best(BEST, STAGES, 3, Path("best.json"))
    assert refused(lambda: refuse_other_best(BEST | change, STAGES, 3, Path("best.json")), Path("best.json"))


def test_a_score_that_is_not_finite_is_stored_as_none_and_comes_back_as_such(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save("best", best_to_checkpoint(Best(float("inf"), "train", 1, {})))
    best = folder.load("best")
    assert best.values["score"] is None
    assert best_from_checkpoint(best).score != best_from_checkpoint(best).score


def test_mutated_checkpoints_are_read_or_refused(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save("last", Checkpoint({"a": torch.ones(2)}, POSITION))
    index = folder.index("last")
    whole = index.read_bytes()
    for place in range(COUNT):
        index.write_bytes(damaged(whole, random.Random(f"checkpoint {place}")))
        assert index.read_bytes() == whole or refused(lambda: folder.load("last"), index)


def test_mutated_tensors_are_read_or_refused() -> None:
    whole = save({"a": torch.ones(3), "b": torch.arange(4)}, metadata={"format": "1"})
    path = Path("rows.safetensors")
    length = 8 + int.from_bytes(whole[:8], "little")
    for place in range(COUNT):
        dice = random.Random(f"tensors {place}")
        content = damaged(whole[:length], dice) + whole[length:]
        refused(lambda content=content: tensors_of(content, path), path)
        refused(lambda content=content: metadata_of(content, path), path)
