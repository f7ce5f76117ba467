"""`softlabel methods`: which methods there are, where they come from, and what can be set."""

from __future__ import annotations

from collections.abc import Sequence

from softlabel.cli.configuring.configuration import check_method_name
from softlabel.cli.configuring.options import options_of
from softlabel.cli.configuring.parser import Parser
from softlabel.cli.screens.console import Console, wrapped
from softlabel.errors import ConfigError
from softlabel.methods.base.discovery import find_method, method_names, summary

EXAMPLES = """\
examples:
  softlabel methods
  softlabel methods online_label_smoothing
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("methods", "[NAME]", "List the methods, or tell the options of one.", EXAMPLES)
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this method, with its description")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(words: list[str]) -> int:
    """List every method, or say all of one."""
    arguments = parser().read(words)
    names = [arguments.name.replace("-", "_")] if arguments.name else method_names()
    for name in names:
        check_method_name(name, "NAME")
    console = Console(arguments.json)
    if arguments.json:
        console.document([describe(name) if arguments.name else _described(name) for name in names])
    else:
        console.say(_text(describe(names[0])) if arguments.name else _overview(names))
    return 0


def describe(name: str) -> dict[str, object]:
    """Name, paper, what it does, and its options with defaults and limits."""
    from softlabel.methods.base.method import OF_EVERY_METHOD

    kind = find_method(name)
    options = [
        {
            "name": option.name,
            "flag": f"--{name}.{option.name}".replace("_", "-"),
            "default": option.default,
            "description": option.schema.get("description", ""),
            "read_only_with": option.read_only_with or None,
            "takes": option.expectation,
        }
        for option in sorted(options_of(kind.Config), key=lambda option: option.name in OF_EVERY_METHOD)
    ]
    return {"name": name, "source": summary(name), "description": kind.__doc__ or "", "options": options}


def _described(name: str) -> dict[str, object]:
    """A method in the list of all, where one of another package that is broken must not hide the others."""
    try:
        return describe(name)
    except ConfigError as error:
        return {"name": name, "fault": str(error)}


def _summary(name: str) -> str:
    try:
        return summary(name)
    except ConfigError as error:
        return f"cannot be used: {error}"


def _overview(names: Sequence[str]) -> str:
    """Every method with its source, and where its options are."""
    lines = [line for name in names for line in [name, *wrapped(_summary(name), "  ")]]
    last = [
        "softlabel methods NAME tells what can be set; --NAME.learning-rate and",
        "--NAME.weight-decay give any of them its own.",
    ]
    return "\n".join([*lines, "", *last])


def _text(method: dict[str, object]) -> str:
    """All that there is to say of a method."""
    lines = [str(method["name"]), *wrapped(str(method["source"]), "  ")]
    lines += wrapped(" ".join(str(method["description"]).split()), "  ")
    for option in method["options"]:  # type: ignore[attr-defined]
        lines.append(f"  {option['flag']}")
        needs = f"; read only with {option['read_only_with']}" if option["read_only_with"] else ""
        lines += wrapped(f"{option['description']}: {option['takes']}{needs} (default: {option['default']})", " " * 6)
    return "\n".join(lines)
