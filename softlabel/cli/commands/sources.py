"""`softlabel sources`: which kinds of data can be read, and how they are named."""

from __future__ import annotations

from softlabel.cli.console import Console, wrapped
from softlabel.cli.parser import Parser
from softlabel.cli.wording import nearest
from softlabel.errors import ConfigError

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

    from softlabel.data.open_source import list_sources

    sources = {source.name: source for source in list_sources()}
    name = (arguments.name or "").partition(":")[0]
    if name and name not in sources:
        near = nearest(name, sources)
        raise ConfigError(f"there is no source {name!r}; " + (f"did you mean {near}?" if near else "the sources are " + ", ".join(sources)))
    console = Console(arguments.json)
    ...
    return 0
