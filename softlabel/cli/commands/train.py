"""`softlabel train`: one training run, from a source to a calibrated model."""

from __future__ import annotations

from pathlib import Path

from softlabel.cli.configuring.configuration import read_settings, settings_parser, settled
from softlabel.cli.configuring.parser import Parser
from softlabel.cli.configuring.run_folders import folder_to_resume
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.limits import add_require, exit_code, read_limits
from softlabel.errors import ConfigError
from softlabel.training.config import RunConfig

EXAMPLES = """\
examples:
  softlabel train
  softlabel train --source folder:photos --method online_label_smoothing
  softlabel train --source csv:a.csv --image-column file --vote-columns 'v_*'
  softlabel train --recipe recipes/finetune.toml --epochs 5
  softlabel train --resume
"""


def parser() -> Parser:
    """What the command takes."""
    parser = settings_parser("train", "Train one method once; the folder holds all of it.", EXAMPLES, RunConfig)
    parser.add_argument(
        "--resume", nargs="?", const="", metavar="FOLDER", help="go on with this run; without FOLDER with the latest"
    )
    add_require(parser)
    return parser


def run(words: list[str]) -> int:
    """Train one method once, or go on with a run that was stopped."""
    arguments, methods = read_settings(parser(), words)
    limits = read_limits(arguments.require)
    if arguments.resume is not None and arguments.recipe:
        raise ConfigError("--resume reads the run's own configuration; leave out --recipe")
    folder = folder_to_resume(arguments.resume, _runs(arguments)) if arguments.resume is not None else None
    recipe = folder / "config.toml" if folder else arguments.recipe
    config = settled(RunConfig, arguments, methods, recipe=recipe)

    from softlabel.cli.screens.train_screen import TrainScreen
    from softlabel.experiments.results import shipped_scores
    from softlabel.training.train import train

    console = Console(arguments.json)
    screen = TrainScreen(console, config)
    with screen:
        result = train(config, folder=folder, resume=folder is not None, progress=screen)
        screen.finished(result)
    return exit_code(limits, shipped_scores(result.cell), "test split", console)


def _runs(arguments: object) -> Path:
    given = getattr(arguments, "runs", None)
    return Path(given[-1] if given else RunConfig().output.runs)
