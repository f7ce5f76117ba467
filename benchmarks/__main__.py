"""Runs a benchmark by its name.

python -m benchmarks                          what there is, and against which rival
python -m benchmarks NAME --help              its options
python -m benchmarks NAME --quick             a smoke run, whose numbers say nothing
python -m benchmarks NAME --out benchmarks/results/NAME
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.benchmark import Benchmark, Entry, entries, load
from benchmarks.options import whole
from softlabel.errors import SoftlabelError

PROBLEMS = (AssertionError, OSError, SoftlabelError, ValueError, subprocess.CalledProcessError)


def listed() -> str:
    """All benchmarks, a line each, and below it the rival."""
    width = max(map(len, entries()))
    lines = [f"{entry.name:{width}}  {entry.line}\n{'':{width}}  beside: {entry.rival}" for entry in entries().values()]
    return "\n".join(
        [*lines, "", "python -m benchmarks NAME --help says more; --out PATH stores PATH.json and PATH.txt"]
    )


def main(words: Sequence[str]) -> int:
    """Exit code."""
    if not words or words[0] in ("-h", "--help"):
        print(listed())
        return 0
    name, *rest = words
    entry = entries().get(name)
    if entry is None:
        return failed(f"there is no benchmark {name!r}; there are {', '.join(entries())}")
    missing = [package for package in entry.packages if not _installed(package)]
    if missing:
        return failed(f"{name} needs: pip install {' '.join(missing)}")
    try:
        run(entry, rest)
    except KeyboardInterrupt:
        return failed(f"{name}: stopped; nothing is stored", 130)
    except PROBLEMS as problem:
        return failed(f"{name}: {_in_a_line(problem)}")
    return 0


def run(entry: Entry, words: Sequence[str]) -> None:
    """Measure, tell, and store if that is asked for."""
    import torch

    from benchmarks.stored import circumstances, write

    benchmark = load(entry.name)
    options = parsed(entry.name, benchmark, words)
    torch.set_num_threads(options.threads)
    stored = circumstances(entry.name, words, entry.packages, getattr(options, "device", "cpu"))
    measured = benchmark.measure(options)
    told = benchmark.told(measured)
    print(told.rstrip("\n"))
    if options.out:
        write(options.out, stored.model_copy(update={"measured": measured}), told)


def parsed(name: str, benchmark: Benchmark, words: Sequence[str]) -> argparse.Namespace:
    """The options of a benchmark; those of a smoke run come first, so that words of one's own still count."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=sys.modules[f"benchmarks.{name}"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, help="write PATH.json and PATH.txt")
    parser.add_argument("--threads", type=whole, default=1, help="threads of this process (default: 1)")
    parser.add_argument("--quick", action="store_true", help="a smoke run, whose numbers say nothing")
    benchmark.add_options(parser)
    if "--quick" in words:
        if benchmark.QUICK is None:
            parser.error("there is no quick form")
        words = [*benchmark.QUICK, *words]
    return parser.parse_args(words)


def failed(message: str, code: int = 2) -> int:
    print(f"benchmarks: {message}", file=sys.stderr)
    return code


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _in_a_line(problem: BaseException) -> str:
    if isinstance(problem, subprocess.CalledProcessError):
        said = problem.stderr.decode() if isinstance(problem.stderr, bytes) else problem.stderr
        last = (said or "").strip().splitlines()[-1:]
        return f"a process ended with {problem.returncode}{': ' if last else ''}{''.join(last)}"
    return " ".join(str(problem).split()) or type(problem).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
