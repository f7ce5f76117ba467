"""`softlabel evaluate`: scores of a trained model on labelled data, before and after its temperature."""

from __future__ import annotations

from pathlib import Path

from softlabel.cli.configuring.options import add_options, given_options
from softlabel.cli.configuring.other_data import READING, other_data
from softlabel.cli.configuring.parser import Parser, spell_flag
from softlabel.cli.configuring.run_folders import model_folder
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.limits import add_require, exit_code, read_limits
from softlabel.cli.screens.scores import scores_table, temperature_title
from softlabel.cli.screens.understood import line, worth_saying
from softlabel.data.config import DataConfig

EXAMPLES = """\
Without --source the run's own test split is scored, after a check that it is
still the same.

examples:
  softlabel evaluate runs/digits-0001
  softlabel evaluate runs/digits-0001 --split validation --json
  softlabel evaluate runs/faces-0003 --source folder:other-photos --resize 32,32
  softlabel evaluate runs/faces-0003 --source csv:a.csv --vote-columns 'v_*' \\
      --image-column file --votes
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("evaluate", "RUN [options]", "Score a trained model on labelled data.", EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a comparison, a run or a model")
    parser.add_argument(
        "--split",
        choices=("training", "validation", "test", "all"),
        help="rows to score (default: test; all rows of another source)",
    )
    parser.add_argument(
        "--votes", action="store_true", help="compare distributions with the votes that the rows have, and these halved"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document; words go to stderr")
    add_require(parser)
    group = parser.add_argument_group("other data, and how they are read")
    add_options(group, DataConfig, only=READING)
    return parser


def run(words: list[str]) -> int:
    """Score, and print the table or the JSON document."""
    arguments = parser().read(words)
    limits = read_limits(arguments.require)
    folder = model_folder(arguments.run)
    other = other_data(given_options(arguments, DataConfig), arguments.split, spell_flag)

    from softlabel.analysis.agreement import ScoredAgainstVotes, evaluate_against_votes
    from softlabel.deployed.rescore import evaluate

    scored = (evaluate_against_votes if arguments.votes else evaluate)(folder, other, arguments.split)
    console = Console(arguments.json)
    if arguments.json:
        console.document(scored.to_json())
    else:
        console.say(line("data", f"{scored.source}, {scored.split} rows ({scored.rows:,})"))
        for note in worth_saying(scored.notes):
            console.say(line("note", note))
        console.say("")
        heading = temperature_title(scored.temperature, None, scored.temperature_flag)
        console.say(scores_table(scored.before, scored.after, scored.titles, heading, f"{scored.split} rows"))
        if isinstance(scored, ScoredAgainstVotes):
            from softlabel.cli.screens.agreement_table import agreement_table

            console.say("\n" + agreement_table(scored.votes))
    return exit_code(limits, scored.after, f"{scored.split} rows", console, events=False)
