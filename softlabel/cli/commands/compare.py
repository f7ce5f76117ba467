"""`softlabel compare`: methods × seeds on the same data, with statistics, a report, and a kept model."""

from __future__ import annotations

from softlabel.cli.configuring.configuration import read_settings, settings_parser, settled
from softlabel.cli.configuring.parser import Parser
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.limits import add_require, exit_code, of_comparison, read_limits
from softlabel.experiments.config import CompareConfig, default_compare_config

EXAMPLES = """\
Without --source, the digits are split first and their training part is made
long-tailed (imbalance 20). The same command goes on with a stopped comparison.

examples:
  softlabel compare
  softlabel compare --methods cross_entropy,label_smoothing --seeds 5
  softlabel compare --source folder:photos --backbone resnet20 --epochs 60
  softlabel compare --seeds 0,1 --label-smoothing.epsilon 0.2
"""


def parser() -> Parser:
    """What the command takes."""
    parser = settings_parser(
        "compare", "Train methods with several seeds on the same data, and compare them.", EXAMPLES, CompareConfig
    )
    add_require(parser)
    return parser


def run(words: list[str]) -> int:
    """Compare methods, or go on with a comparison of the same configuration that was stopped."""
    arguments, methods = read_settings(parser(), words)
    limits = read_limits(arguments.require)
    defaults = default_compare_config().model_dump(exclude_unset=True)
    config = settled(CompareConfig, arguments, methods, recipe=arguments.recipe, defaults=defaults)

    from softlabel.cli.screens.compare_screen import CompareScreen
    from softlabel.experiments.compare import compare
    from softlabel.experiments.results import results_of

    console = Console(arguments.json)
    screen = CompareScreen(console, config)
    with screen:
        folder = compare(config, progress=screen, command=" ".join(["softlabel compare", *words]))
        results = results_of(folder)
        screen.finished(folder, results)
    return exit_code(limits, *of_comparison(results), console) if limits else 0
