"""`--help` answers at once, fits 80 columns, and says all there is."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import softlabel.cli.commands
from softlabel.cli.configuring.options import iter_flags, options_of
from softlabel.cli.configuring.schema_words import optional
from softlabel.cli.help_pages import page
from softlabel.cli.main import COMMANDS, help_page
from softlabel.experiments.config import CompareConfig
from softlabel.training.config import RunConfig

PAGES = {"train": RunConfig, "compare": CompareConfig}


def test_every_command_has_a_module_and_every_module_is_a_command() -> None:
    assert {module.name for module in pkgutil.iter_modules(softlabel.cli.commands.__path__)} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_stored_help_is_what_the_parser_says(command: str) -> None:
    assert help_page(command) == page(command), "an option has changed: run `python -m softlabel.cli.help_pages`"


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns_and_shows_an_example(command: str, softlabel) -> None:
    outcome = softlabel(*command.split(), "--help")
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert f"softlabel {command}".rstrip() in outcome.out.partition("examples:")[2]


@pytest.mark.parametrize(("command", "model"), PAGES.items())
def test_every_option_is_in_the_help_with_what_it_does(command: str, model) -> None:
    words = help_page(command).split()
    assert [flag for flag in iter_flags(model) if flag not in {word.rstrip(",") for word in words}] == []
    assert [option.name for option in options_of(model) if not option.schema.get("description")] == []


@pytest.mark.parametrize("model", PAGES.values())
def test_flags_need_no_group_because_names_are_unique(model) -> None:
    names = [option.name for option in options_of(model)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("model", PAGES.values())
def test_none_can_be_left_out_of_a_recipe_because_it_is_the_default(model) -> None:
    options = [option for option in options_of(model) if optional(option.schema)]
    assert options
    assert [option.name for option in options if option.default is not None] == []


def test_help_does_not_wait_for_torch_or_pydantic() -> None:
    code = (
        "import sys; from softlabel.cli.main import main; code = main(['compare', '--help']);"
        "sys.exit(code or any(name in sys.modules for name in ('torch', 'numpy', 'pydantic')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--epoch", "3"],
        ["compare", "--seeds", "0"],
        ["predict"],
        ["evaluate", "--x"],
        ["review", "--x"],
        ["export", "--x"],
        ["--version"],
    ],
)
def test_mistakes_are_answered_without_torch(words: list[str]) -> None:
    code = (
        f"import sys; from softlabel.cli.main import main; main({words!r});"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_softlabel_alone_prints_the_short_help(softlabel) -> None:
    alone = softlabel()
    assert alone.code == 0
    assert alone.out == softlabel("--help").out
    assert all(f"\n  {command}" in alone.out for command in COMMANDS)


def test_version(softlabel) -> None:
    import softlabel as package

    assert softlabel("--version").out == f"softlabel {package.__version__}\n"


def test_help_pages_are_in_the_package() -> None:
    folder = Path(importlib.import_module("softlabel.cli").__path__[0]) / "help"
    assert {path.stem for path in folder.glob("*.txt")} == set(COMMANDS)
