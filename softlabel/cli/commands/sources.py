"""`softlabel sources`: which kinds of data can be read, and how they are named."""

from __future__ import annotations

from softlabel.cli.configuring.parser import Parser
from softlabel.cli.screens.console import Console, wrapped
from softlabel.data.reading.open_source import describe_source, list_sources
from softlabel.errors import ConfigError
from softlabel.text.words import nearest

EXAMPLES = """\
examples:
  softlabel sources
  softlabel sources csv
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("sources", "[NAME]", "List the kinds of data that --source can name.", EXAMPLES)
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this kind, with all that is known of it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(words: list[str]) -> int:
    """List every kind of source, or say all of one."""
    arguments = parser().read(words)
    name = (arguments.name or "").partition(":")[0]
    kinds = list_sources()
    if name and name not in kinds:
        near = nearest(name, kinds)
        hint = f"did you mean {near}?" if near else "the sources are " + ", ".join(kinds)
        raise ConfigError(f"NAME: there is no source {name!r}; {hint}")
    describe = describe_source if name else _described
    sources = [{"name": kind, "description": describe(kind)} for kind in kinds if not name or kind == name]
    console = Console(arguments.json)
    if arguments.json:
        console.document(sources)
    else:
        console.say("\n".join(_text(source["name"], source["description"], bool(name)) for source in sources))
    return 0


def _described(kind: str) -> str:
    """A source in the list of all, where one of another package that is broken must not hide the others."""
    try:
        return describe_source(kind)
    except ConfigError as error:
        return f"cannot be used: {error}"


def _text(name: str, text: str, detailed: bool) -> str:
    lines = text.splitlines() if detailed else text.splitlines()[:1]
    return "\n".join([name, *(part for line in lines for part in _wrapped_line(line))])


def _wrapped_line(line: str) -> list[str]:
    indent = " " * (2 + len(line) - len(line.lstrip()))
    return wrapped(line.strip(), indent) if line.strip() else [""]
