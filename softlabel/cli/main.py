"""The command `softlabel`: finds the command's module, runs it, and turns errors into one line and an exit code.

0 done · 1 the run failed · 2 the input cannot be used · 3 a limit of --require does not hold · 130 Ctrl-C · 143 SIGTERM
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType

from softlabel.cli.fault_log import write_fault_log
from softlabel.cli.standard_streams import drop_output, open_closed_streams, refuse_no_folder
from softlabel.errors import ConfigError, FailedRunError, SoftlabelError
from softlabel.isolation import leave_current_folder
from softlabel.text.visible import visible
from softlabel.text.words import nearest
from softlabel.version import __version__

COMMANDS = {
    "compare": "train several methods with several seeds, and compare them",
    "train": "train one method once",
    "evaluate": "score a trained model on labelled data",
    "predict": "label distributions for a file, a folder or a table",
    "review": "find wrong labels and ambiguous rows of a training run",
    "export": "write a trained model as safetensors, torch.export or ONNX",
    "report": "make the HTML report of a comparison again",
    "methods": "list the methods, or the options of one",
    "sources": "list the kinds of data that can be read",
}

HELP = """\
usage: softlabel COMMAND [options]

Compare ways of softening labels on your data, and keep a calibrated model.

commands:
{commands}

  softlabel COMMAND --help   says what a command takes
  softlabel --version        prints the version

examples:
  softlabel compare
  softlabel compare --source folder:photos --seeds 5
  softlabel train --source csv:faces.csv --vote-columns 'votes_*'
  softlabel predict runs/digits-0001 photos/ --out answers.csv
"""

ADDRESS_SPACE = 4 * 10**9
"""More than training the digits on a CPU reserves; where torch gets too little while it is imported, it may hang."""
DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED, PIPE_CLOSED = 0, 1, 2, 130, 143, 141


_CONFIG_KEY = re.compile(r"^(?:data|network|training|output|comparison)\.(\w+)(?=:)")
"""How errors name an option that may come from a file or from Python; here it is a flag."""

_WRONG_PLACE = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
"""A name that no file can have, and a file where a folder is expected, or the other way round."""


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; everything that saves on Ctrl-C saves on this too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = next((word for word in words if not word.startswith("-")), "")
    title = f"softlabel {command}" if command in COMMANDS else "softlabel"
    if arguments is None:
        leave_current_folder()
        try:
            open_closed_streams()
        except ConfigError as error:
            _say(f"{title}: {error}")
            return BAD_INPUT
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without arrows and dashes still gets its numbers
    try:
        with _signals_raise(restore=arguments is not None), _short_warnings():
            code = run_command(words)
            sys.stdout.flush()  # so that a reader who has left is noticed here
            return code
    except Terminated as stop:
        return _stopped(title, stop, TERMINATED)
    except KeyboardInterrupt as stop:
        return _stopped(title, stop, INTERRUPTED)
    except BrokenPipeError:
        drop_output()  # the reader has left; there is no one to tell
        return PIPE_CLOSED
    except Exception as error:
        if _wants_traceback(words):
            _print_traceback()
        _say(f"{title}: {_in_words(error, words)}")
        _flush_or_drop()
        return BAD_INPUT if is_bad_input(error) else FAILED


def is_bad_input(error: Exception) -> bool:
    """True for mistakes in the input, False for runs that failed."""
    if out_of_memory(error) or (isinstance(error, OSError) and error.errno in _WRONG_PLACE):
        return True
    return isinstance(error, SoftlabelError) and not isinstance(error, FailedRunError)


def run_command(words: list[str]) -> int:
    for word in words:
        if word.encode("utf-8", "surrogateescape") != word.encode("utf-8", "replace"):
            raise ConfigError(f"{word[:60]!r} is not UTF-8, expected text")
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP.format(commands="\n".join(f"  {name:<10}{line}" for name, line in COMMANDS.items())), end="")
        return DONE
    if words[0] in ("-V", "--version"):
        print(f"softlabel {__version__}")
        return DONE
    if words[0] not in COMMANDS:
        near = nearest(words[0], COMMANDS)
        hint = f"did you mean `softlabel {near}`?" if near else "the commands are " + ", ".join(COMMANDS)
        if words[0].startswith("-"):
            hint = "options follow a command: see `softlabel --help`"
        raise ConfigError(f"there is no {'option' if words[0].startswith('-') else 'command'} {words[0]!r}; {hint}")
    if "-h" in words or "--help" in words:
        print(help_page(words[0]), end="")
        return DONE
    refuse_no_folder()
    _refuse_little_room()
    command = importlib.import_module(f"softlabel.cli.commands.{words[0]}")
    code: int = command.run(words[1:])
    return code


def help_page(command: str) -> str:
    """The stored help of a command: making it takes pydantic, which would take most of the time."""
    return (Path(__file__).parent / "help" / f"{command}.txt").read_text(encoding="utf-8")


def out_of_memory(error: BaseException | None) -> bool:
    """True where memory or address space was refused: by Python, by torch, or to a library that is loaded."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        # what the system says, without the name of a file, which may be anything
        text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error))[:2000]
        if isinstance(error, (ImportError, OSError, RuntimeError)) and any(words in text for words in _NO_MEMORY):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


_NO_MEMORY = (
    *("failed to map segment", "cannot allocate memory", "Cannot allocate memory", "can't allocate memory"),
    *("not enough memory", "out of memory", "can't start new thread", "bad_alloc"),
)
"""What the loader of libraries, torch and threads say."""


def _refuse_little_room() -> None:
    """Raise ConfigError where the address space is limited below what torch takes: it would end in a crash."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise ConfigError(
            f"the address space is limited to {limit / 1e9:.1f} GB (ulimit -v); "
            f"expected at least {ADDRESS_SPACE / 1e9:.0f} GB, or no limit"
        )


def _in_words(error: Exception, words: Sequence[str]) -> str:
    if out_of_memory(error) and not isinstance(error, SoftlabelError):
        return f"not enough memory ({_first_line(error)}); smaller batches, images or networks take less"
    if isinstance(error, SoftlabelError):
        return _CONFIG_KEY.sub(lambda key: "--" + key[1].replace("_", "-"), str(error))
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return "\n".join([f"{error.strerror}{place}", *getattr(error, "__notes__", [])])
    if _wants_traceback(words):
        return f"{type(error).__name__}: {error}"
    log = write_fault_log(error)
    where = f"{log} has the traceback" if log else "--traceback shows where"
    return f"{type(error).__name__}: {_first_line(error)}\nThis is a fault of the program; {where}."


def _print_traceback() -> None:
    import traceback

    traceback.print_exc()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["(no message)"])[0][:300]


def _flush_or_drop() -> None:
    """What is left in the buffer would be tried again at the very end, where a full disk cannot be told of."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()


def _wants_traceback(words: Sequence[str]) -> bool:
    return "--traceback" in words or "-v" in words or os.environ.get("SOFTLABEL_TRACEBACK", "") not in ("", "0")


def _stopped(title: str, stop: KeyboardInterrupt, code: int) -> int:
    """`stop` carries the line that says how to go on, where there is anything to go on with."""
    _say(f"\n{title}: stopped. {stop}".rstrip())
    return code


def _say(text: str) -> None:
    print(visible(text), file=sys.stderr, flush=True)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Warnings of libraries as one line, without a line of their code."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *place: f"warning: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


@contextmanager
def _signals_raise(*, restore: bool) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM raises, so that the run ends in order; the next one ends the process at once.

    A program does not restore the handlers, as it is still on its way out when this is left.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in _STOPS:
            signal.signal(each, leave)
        raise _STOPS[number]

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(TERMINATED if number == signal.SIGTERM else INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if restore:
                signal.signal(number, handler)


_STOPS: dict[int, type[KeyboardInterrupt]] = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


if __name__ == "__main__":
    sys.exit(main())
