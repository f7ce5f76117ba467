"""`softlabel report`: the HTML report of a comparison, made again from its results.json."""

from __future__ import annotations

from pathlib import Path

from softlabel.cli.configuring.new_file import refuse_existing
from softlabel.cli.configuring.parser import Parser
from softlabel.cli.configuring.run_folders import existing
from softlabel.cli.screens.console import Console
from softlabel.errors import RunError
from softlabel.runs.atomic import write_bytes
from softlabel.runs.folder_lock import FolderLock
from softlabel.runs.publish import new_file

EXAMPLES = """\
examples:
  softlabel report runs/digits-0001
  softlabel report runs/digits-0001 --out /tmp/report.html
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("report", "RUN [options]", "Make the HTML report of a comparison again.", EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a comparison, or its results.json")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: RUN/report.html)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file that --out names")
    return parser


def run(words: list[str]) -> int:
    """Write the report and say where it is."""
    arguments = parser().read(words)
    path = existing(arguments.run)
    results = path if path.is_file() else path / "results.json"
    content = read_results(results)
    out = arguments.out or results.parent / "report.html"
    if arguments.out:
        refuse_existing(out, arguments.overwrite)

    from jinja2 import TemplateError

    from softlabel.report.html import render_report
    from softlabel.runs.openings import refuse_mixed_results

    try:
        refuse_mixed_results(content, str(results))
        page = render_report(content).encode()
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, TemplateError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise RunError(f"{results} is damaged: it lacks what a report needs ({reason})") from error
    if arguments.out:
        with new_file(out, binary=True, overwrite=arguments.overwrite) as stream:
            stream.write(page)
    else:
        with FolderLock(out.parent).held():
            write_bytes(out, page)
    Console().say(str(out.resolve()))
    return 0


def read_results(path: Path) -> dict[str, object]:
    """The results of a comparison. Raises RunError when they are missing, damaged, or of something else."""
    if not path.is_file():
        hint = (
            ": the comparison is not finished, or it is a single run" if (path.parent / "config.toml").is_file() else ""
        )
        raise RunError(f"{path.parent} has no results.json{hint}")
    from softlabel.bounded_files import content_of, json_of
    from softlabel.runs.result_records import ComparisonResults, Format

    content = content_of(path)
    version = json_of(content, Format, path)["format"]
    if version != 1:
        raise RunError(f"{path} has format {version}; this version reads format 1: use a newer softlabel")
    return json_of(content, ComparisonResults, path)
