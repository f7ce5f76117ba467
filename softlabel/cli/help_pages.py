"""Stores the help of every command: `python -m softlabel.cli.help_pages` after an option has changed."""

from __future__ import annotations

import importlib
from pathlib import Path

from softlabel.cli.configuring.parser import Parser
from softlabel.cli.main import COMMANDS

FOLDER = Path(__file__).parent / "help"


def page(command: str) -> str:
    """The help of one command, made from its parser, 80 columns wide."""
    parser: Parser = importlib.import_module(f"softlabel.cli.commands.{command}").parser()
    return parser.format_help()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in COMMANDS:
        (FOLDER / f"{name}.txt").write_text(page(name), encoding="utf-8")
