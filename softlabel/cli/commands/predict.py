"""`softlabel predict`: the calibrated label distribution of every input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from softlabel.cli.configuring.new_file import refuse_existing, refuse_folder
from softlabel.cli.configuring.parser import Bounded, Parser
from softlabel.cli.configuring.run_folders import model_folder
from softlabel.cli.screens.answers import (
    TABLE_ROWS,
    columns,
    flat,
    shortened,
    table,
    write_file,
    write_json,
    writer_for,
)
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.understood import worth_saying
from softlabel.errors import ConfigError
from softlabel.text.spreadsheet import write_csv

EXAMPLES = """\
Without --out the answers go to the screen: a short table on a terminal, CSV
through a pipe. CSV is safe to open in a spreadsheet.

examples:
  softlabel predict runs/digits-0001 image.png
  softlabel predict runs/digits-0001 photos/ --out answers.csv
  softlabel predict runs/faces-0003 new.csv --image-column file --top 3
  softlabel predict runs/digits-0001 photos/ --abstain-below 0.8
  softlabel predict runs/street-0002 photos/ --out answers/
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("predict", "RUN INPUT [options]", "Label distributions for a file, a folder or a table.", EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a comparison, a run or a model")
    parser.add_argument("input", metavar="INPUT", help="an image, a folder of images, or a table (csv, parquet)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write answers to a .csv, .json or .parquet file; masks: to a folder"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file that --out names")
    parser.add_argument(
        "--abstain-below",
        type=Bounded(float, 0, 1),
        default=0.0,
        metavar="P",
        help="no label where confidence is under P, 0 to 1",
    )
    parser.add_argument(
        "--top", type=Bounded(int, 1, 10**6), metavar="K", help="only the K most probable classes of each row"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON array; words go to stderr")
    parser.add_argument(
        "--image-column", metavar="TEXT", help="table: column with image paths or bytes (default: as in training)"
    )
    parser.add_argument(
        "--feature-columns", metavar="TEXT,...", help="table: feature columns (default: as in training)"
    )
    parser.add_argument(
        "--image-root", metavar="FOLDER", help="table: where image paths start (default: as in training)"
    )
    parser.add_argument("--resize", action="store_true", default=None, help="bring images to the model's size")
    parser.add_argument("--skip-bad", action="store_true", help="leave out inputs that cannot be used, and list them")
    return parser


def run(words: list[str]) -> int:
    """Predict, and write the answers where they were asked for."""
    arguments = parser().read(words)
    pictures = arguments.out is not None and not arguments.out.suffix
    if arguments.out and not pictures:
        writer_for(arguments.out)
        refuse_existing(arguments.out, arguments.overwrite)
    folder = model_folder(arguments.run)
    if not Path(arguments.input).exists():
        raise ConfigError(f"INPUT: there is no {arguments.input!r}")

    from softlabel.deployed.predict import predict

    predictions = predict(
        folder,
        arguments.input,
        image_column=arguments.image_column,
        feature_columns=[name.strip() for name in (arguments.feature_columns or "").split(",") if name.strip()],
        image_root=arguments.image_root,
        resize=arguments.resize,
        skip_bad=arguments.skip_bad,
        abstain_below=arguments.abstain_below,
    )
    if pictures:
        if not predictions.task.per_pixel:
            writer_for(arguments.out)
        refuse_folder(arguments.out, arguments.overwrite)
    console = Console(json_only=True)  # stdout is for answers; whatever else there is to say goes to stderr
    for note in worth_saying(predictions.inputs.notes):
        console.say(note)
    for refusal in predictions.inputs.refused:
        console.say(f"left out: {refusal}")
    class_names = predictions.model.class_names
    top = None if arguments.top is None else min(arguments.top, len(class_names))
    fields = predictions.task.answer_fields
    names = columns(class_names, predictions.places, list(fields), top)
    answers = Told(predictions)
    if pictures:
        from softlabel.deployed.predicted_masks import write_masks
        from softlabel.runs.publish import new_path

        with new_path(arguments.out, overwrite=arguments.overwrite) as folder:
            folder.mkdir()
            write_file(folder / "answers.csv", names, _rows(write_masks(predictions, folder), top, as_cells=True))
        console.say(f"{len(predictions):,} masks, uncertainty and answers.csv in {arguments.out.resolve()}")
    elif arguments.out:
        json_file = arguments.out.suffix.lower() == ".json"
        numbers = [name for name, kind in fields.items() if kind is float]
        cells = _rows(answers, top, as_cells=not json_file)
        write_file(arguments.out, names, cells, numbers=numbers, overwrite=arguments.overwrite)
        console.say(f"{len(predictions):,} answers in {arguments.out.resolve()}")
    elif arguments.json:
        write_json(sys.stdout, names, _rows(answers, top, as_cells=False))
    elif sys.stdout.isatty():
        print(table(islice(answers, TABLE_ROWS), predictions.task.tell, Console().width))
        if len(predictions) > TABLE_ROWS:
            console.say(f"… and {len(predictions) - TABLE_ROWS:,} more; --out FILE writes them all")
    else:
        write_csv(sys.stdout, names, _rows(answers, top, as_cells=True))
    if arguments.abstain_below:
        console.say(
            f"{answers.abstained:,} of {answers.told:,} answers abstain: under {arguments.abstain_below:g} sure"
        )
    return 0


class Told:
    """Answers on their way out, counted: how many were told, and how many of them abstain."""

    def __init__(self, answers: Iterable[Mapping[str, Any]]) -> None:
        self.answers = answers
        self.told = self.abstained = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        for answer in self.answers:
            self.told += 1
            self.abstained += answer.get("label", "") is None
            yield answer


def _rows(answers: Iterable[Mapping[str, Any]], top: int | None, *, as_cells: bool) -> Iterable[dict[str, Any]]:
    """Answers as cells of a table, or as JSON objects with the distribution inside."""
    return (flat(answer, top) if as_cells else shortened(answer, top) for answer in answers)
