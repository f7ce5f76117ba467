"""Turns the words typed after a command into values; argparse splits them, our own words say what is wrong."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import Any, NoReturn

from softlabel.cli.configuring.other_words import meant
from softlabel.errors import ConfigError

_METHOD_OPTION = re.compile(r"--(?P<method>[\w-]+)\.(?P<option>[\w-]+)(?:=(?P<value>.*))?", re.DOTALL)

METHOD_OPTIONS_HELP = (
    "options of methods:\n"
    "  --METHOD.OPTION VALUE   for instance --online-label-smoothing.hard-weight 0.7;\n"
    "                          `softlabel methods NAME` tells what there is"
)


class Format(argparse.RawDescriptionHelpFormatter):
    """Help of 80 columns, whatever the terminal, as it is stored."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=80)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)  # a flag stays one word


class Bounded:
    """The type of an argument that is a number from `low` to `high`."""

    def __init__(self, kind: type[int] | type[float], low: float, high: float) -> None:
        self.kind, self.low, self.high = kind, low, high

    def __call__(self, text: str) -> float:
        try:
            number = self.kind(text)
        except ValueError:
            number = None
        if number is None or not self.low <= number <= self.high:
            noun = "a whole number" if self.kind is int else "a number"
            raise argparse.ArgumentTypeError(f"must be {noun} from {self.low:,} to {self.high:,}, not {text[:60]!r}")
        return number


class Parser(argparse.ArgumentParser):
    """An argument parser that raises ConfigError, takes no abbreviations, and names the nearest option."""

    def __init__(self, command: str, usage: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"softlabel {command}",
            usage=f"softlabel {command} {usage}".rstrip(),
            description=description,
            epilog=examples,
            formatter_class=Format,
            allow_abbrev=False,
            add_help=False,
        )
        self._positionals.title = "arguments"
        self.add_argument("-h", "--help", action="help", help="show this help and leave")
        self.add_argument("-v", "--traceback", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(_own_words(message, self.usage or ""))

    def read(self, words: list[str]) -> argparse.Namespace:
        """The namespace of these words. Raises ConfigError for a word that has no meaning here."""
        namespace, others = self.read_with_others(words)
        if others:
            raise ConfigError(self.unknown(others[0]))
        return namespace

    def read_with_others(self, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
        """The namespace of these words, and the words that have no meaning in it."""
        return self.parse_known_args(_with_whole_sizes(words))

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        """Python before 3.13 takes the value of --FLAG=-- for the end of the options, and hands on an empty list."""
        if action.option_strings and arg_strings == ["--"]:
            value = self._get_value(action, "--")
            self._check_value(action, value)
            return value
        return super()._get_values(action, arg_strings)

    def unknown(self, word: str) -> str:
        """The message about a word that has no meaning here."""
        if not word.startswith("-"):
            return f"unexpected argument {word!r}; usage: {self.usage}"
        flag = word.partition("=")[0]
        if word.startswith("--no-") and "--" + flag[5:] in self._option_string_actions:
            return f"--{flag[5:]} takes a value; it has no {flag}"
        names = {string[2:]: string for string in self._option_string_actions if string.startswith("--")}
        found = meant(flag.lstrip("-"), [name.replace("-", "_") for name in names] + list(names))
        near = None if found is None else names.get(found) or names.get(found.replace("_", "-"))
        if near is None:
            return f"there is no option {flag}; see `{self.prog} --help`"
        return f"there is no option {flag}; did you mean {near}{_default_of(self._option_string_actions[near])}?"


def _with_whole_sizes(words: list[str]) -> list[str]:
    """`--resize 64 48` as `--resize 64,48`: two numbers after it can only be height and width."""
    joined: list[str] = []
    for word in words:
        if joined[-2:-1] == ["--resize"] and joined[-1].isdecimal() and word.isdecimal():
            joined[-1] += f",{word}"
        else:
            joined.append(word)
    return joined


def _default_of(action: argparse.Action) -> str:
    found = re.search(r"\(default: [^()]*\)$", action.help or "")
    return f" {found[0]}" if found else ""


def _own_words(message: str, usage: str) -> str:
    """argparse's complaint in the tone of the others."""
    one = re.fullmatch(r"argument ([^:]*): expected (one|at least one) argument", message)
    if one:
        flag = one[1].split("/")[0]
        return f"{flag} needs a value (one that starts with - is written {flag}=-…)"
    missing = re.fullmatch(r"the following arguments are required: (.*)", message)
    if missing:
        return f"missing: {missing[1]}; usage: {usage}"
    switch = re.fullmatch(r"argument ([^:]*): ignored explicit argument (.*)", message)
    if switch:
        return f"{switch[1].split(', ')[0].split('/')[0]} takes no value, not {switch[2]}"
    choice = re.fullmatch(r"argument ([^:]*): invalid choice: (.*) \(choose from (.*)\)", message)
    if choice:
        return f"{choice[1]} must be one of {choice[3].replace(chr(39), '')}, not {choice[2]}"
    bounded = re.fullmatch(r"argument ([^:]*): (must be .*)", message, re.DOTALL)
    if bounded:
        return f"{bounded[1]} {bounded[2]}"
    number = re.fullmatch(r"argument ([^:]*): invalid (\w+) value: (.*)", message)
    if number:
        kind = {"int": "a whole number", "float": "a number"}.get(number[2], "a " + number[2].replace("_", " "))
        return f"{number[1]} must be {kind}, not {number[3]}"
    return message


def take_method_options(words: list[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
    """Splits off --METHOD.OPTION VALUE: the other words, and the options by method.

    Without a value the option is switched on; --METHOD.no-OPTION switches it off.
    """
    rest: list[str] = []
    options: dict[str, dict[str, Any]] = {}
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        found = _METHOD_OPTION.fullmatch(word)
        if not found:
            rest.append(word)
            continue
        value: Any = found["value"]
        if value is None and remaining and not remaining[0].startswith("--"):
            value = remaining.pop(0)
        name = found["option"].replace("-", "_")
        if value is None:
            name, value = (name[3:], False) if name.startswith("no_") else (name, True)
        options.setdefault(found["method"].replace("-", "_"), {})[name] = value
    return rest, options


def spell_flag(name: str) -> str:
    """How a field, or METHOD.OPTION, is written on the command line."""
    return "--" + name.replace("_", "-")
