"""`softlabel review`: the labels of a run that are suspected, and the rows that are ambiguous."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from softlabel.bounds import MOST_FOLDS
from softlabel.cli.configuring.new_file import refuse_existing
from softlabel.cli.configuring.parser import Bounded, Parser
from softlabel.cli.configuring.run_folders import training_run
from softlabel.cli.screens.answers import write_file, writer_for
from softlabel.cli.screens.console import Console
from softlabel.cli.screens.understood import INDENT, folder_line, line
from softlabel.text.numbers import bytes_of

if TYPE_CHECKING:
    from softlabel.analysis.review import Filters, Review

LISTED_IN_JSON = 48

EXAMPLES = """\
The run's own recipe is trained once for each fold, without the rows of that
fold, and every row is judged by the model that did not see it. That is done
once: with the same --folds the stored answers are used again. The page lies in
RUN/review; corrected labels are given back with `train --corrections FILE`.

examples:
  softlabel review runs/cats-0001
  softlabel review runs/cats-0001 --kind mislabelled --class cat --rows 20
  softlabel review runs/cats-0001 --out reviewed.csv
  softlabel train --recipe runs/cats-0001/config.toml --corrections reviewed.csv
"""


def parser() -> Parser:
    """What the command takes."""
    parser = Parser("review", "RUN [options]", "Find wrong labels and ambiguous rows among what a run saw.", EXAMPLES)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a training run, or of a comparison")
    parser.add_argument(
        "--folds",
        type=Bounded(int, 2, MOST_FOLDS),
        default=5,
        metavar="K",
        help="train K times, each without a K-th (default: 5)",
    )
    parser.add_argument("--kind", choices=("mislabelled", "ambiguous"), help="only rows of this kind (default: both)")
    parser.add_argument(
        "--class",
        action="append",
        default=[],
        dest="classes",
        metavar="NAME",
        help="only rows with this label, given or suggested; may be given again",
    )
    parser.add_argument(
        "--min-ambiguity",
        type=Bounded(float, 0, 1),
        default=0.0,
        metavar="X",
        help="only rows at least so ambiguous, 0 to 1",
    )
    parser.add_argument(
        "--rows",
        type=Bounded(int, 1, 10**9),
        metavar="N",
        help="at most N rows of a kind (default: 48 on the page, all in FILE)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the rows to a .csv, .parquet or .json file, to be corrected"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file that --out names")
    parser.add_argument("--json", action="store_true", help="print one JSON document; words go to stderr")
    return parser


def run(words: list[str]) -> int:
    """Review, and write page and table."""
    arguments = parser().read(words)
    if arguments.out:
        writer_for(arguments.out)
        refuse_existing(arguments.out, arguments.overwrite)
    folder = training_run(arguments.run)

    from softlabel.analysis.review import KINDS, NUMBERS, Filters, review
    from softlabel.cli.screens.review_screen import ReviewScreen, kind_title, suspects_table, verdict_lines
    from softlabel.report.review_page import agreed, write_review_page

    console = Console(arguments.json)
    filters = Filters(arguments.kind, tuple(arguments.classes), arguments.min_ambiguity)
    with ReviewScreen(console, folder) as screen:
        found = review(folder, arguments.folds, screen)
    chosen = {kind: found.select(filters, kind).tolist() for kind in KINDS}
    page = write_review_page(found, filters, arguments.rows, folder / "review" / "review.html")
    if arguments.out:
        extra = (*NUMBERS, *found.extra)
        rows = [position for kind in KINDS for position in chosen[kind][: arguments.rows]]
        write_file(arguments.out, found.columns(), map(found.cells, rows), numbers=extra, overwrite=arguments.overwrite)
    if arguments.json:
        console.document(_document(found, filters, chosen, arguments.rows))
        return 0
    summary = found.summary()
    console.say(verdict_lines(summary, agreed(summary)))
    for note in found.notes:
        console.say(line("note", note))
    for kind in KINDS:
        if chosen[kind]:
            console.say("\n" + kind_title(found, kind, len(chosen[kind])))
            console.say(suspects_table(found, chosen[kind][: arguments.rows]))
    console.say("")
    console.say(line("page", f"{page} ({bytes_of(page.stat().st_size)}, offline)"))
    if arguments.out:
        console.say(line("table", str(arguments.out.resolve())))
        if found.correctable:
            console.say(line("next", "edit its column label, then"))
            recipe, table = (shlex.quote(str(path)) for path in (folder / "config.toml", arguments.out))
            console.say(f"         softlabel train --recipe {recipe} --corrections {table}")
    else:
        console.say(f"{'next':<{INDENT}}softlabel review {shlex.join(words)} --out reviewed.csv")
    console.say(folder_line(folder))
    return 0


def _counted(found: Review, kind: str, rows: int) -> int | None:
    return None if kind == "mislabelled" and found.too_weak else rows


def _document(found: Review, filters: Filters, chosen: dict[Any, list[int]], rows: int | None) -> dict[str, Any]:
    """The summary, and of each kind the number of rows and the first of them."""
    shown = LISTED_IN_JSON if rows is None else rows
    kinds = {
        kind: {
            "rows": _counted(found, kind, len(positions)),
            "first": [found.cells(position) for position in positions[:shown]],
        }
        for kind, positions in chosen.items()
        if filters.kind in (None, kind)
    }
    return {"folder": str(found.fitted.folder.resolve()), **found.summary(), "kinds": kinds}
