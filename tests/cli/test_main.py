"""Exit codes, and what is said when something goes wrong that nobody foresaw."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from softlabel.cli.main import Terminated
from softlabel.errors import ConfigError, FailedRunError, RunError, SoftlabelError, UnsupportedError


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Replaces what `softlabel methods` does."""

    def replace(work: Callable[[], int]) -> None:
        fake = types.ModuleType("softlabel.cli.commands.methods")
        fake.run = lambda words: work()  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "softlabel.cli.commands.methods", fake)

    return replace


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def _noted(error: Exception) -> Exception:
    error.add_note("To go on: again")
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("no such thing"), 2, "softlabel methods: no such thing\n"),
        (RunError("the folder is in use"), 2, "softlabel methods: the folder is in use\n"),
        (UnsupportedError("not here"), 2, "softlabel methods: not here\n"),
        (FailedRunError("the loss is nan"), 1, "softlabel methods: the loss is nan\n"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), 1, "No space left on device (runs/x)"),
        (_noted(OSError(errno.ENOSPC, "No space left on device")), 1, "No space left on device\nTo go on: again\n"),
        (OSError(errno.EIO, "Input/output error", "out of memory.csv"), 1, "Input/output error (out of memory.csv)"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), 2, "not enough memory ("),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), 2, "File name too long (xxx"),
        (KeyboardInterrupt("To go on: again"), 130, "\nsoftlabel methods: stopped. To go on: again\n"),
        (KeyboardInterrupt(), 130, "\nsoftlabel methods: stopped.\n"),
        (Terminated(), 143, "\nsoftlabel methods: stopped.\n"),
        (ConfigError("training.learning_rate: too high"), 2, "softlabel methods: --learning-rate: too high\n"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_exit_codes(error: BaseException, code: int, words: str, command, softlabel) -> None:
    command(raising(error))
    outcome = softlabel("methods")
    assert outcome.code == code
    assert words in outcome.err
    assert "Traceback" not in outcome.err


def test_words_that_are_no_text_are_refused(command, softlabel) -> None:
    command(lambda: 0)
    outcome = softlabel("methods", "--name", "caf\udce9")
    assert outcome.code == 2
    assert outcome.err.endswith(" is not UTF-8, expected text\n")


@pytest.mark.parametrize(
    ("limit", "code", "words"),
    [
        (2 * 10**9, 2, "the address space is limited to 2.0 GB (ulimit -v); expected at least 4 GB, or no limit\n"),
        (5 * 10**9, 0, ""),
        (resource.RLIM_INFINITY, 0, ""),
    ],
)
def test_too_little_address_space_is_refused_before_torch_is_loaded(
    limit: int, code: int, words: str, command, softlabel, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(lambda: 0)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limit, resource.RLIM_INFINITY))
    outcome = softlabel("methods")
    assert (outcome.code, outcome.err) == (code, words and f"softlabel methods: {words}")


def test_a_fault_of_the_program_is_one_line_and_a_log(command, softlabel) -> None:
    command(raising(ZeroDivisionError("something\nlong")))
    outcome = softlabel("methods")
    assert outcome.code == 1
    first, second = outcome.err.splitlines()
    assert first == "softlabel methods: ZeroDivisionError: something"
    log = log_named_in(second)
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0 or log.parent.stat().st_mode & 0o077 == 0


def log_named_in(line: str) -> Path:
    return Path(line.partition("; ")[2].partition(" has the traceback")[0])


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def fault_at(place: int, text: str) -> Callable[[], int]:
    """A fault that comes up in another place for each number."""
    lines = ["def work():", *["    pass"] * place, f"    raise ZeroDivisionError({text!r})"]
    made: dict[str, Callable[[], int]] = {}
    exec("\n".join(lines), made)
    return made["work"]


def test_one_log_is_kept_of_each_fault_and_a_few_in_all(command, softlabel, temporary: Path) -> None:
    for text in ("one", "two", "three"):
        command(fault_at(0, text))
        softlabel("methods")
    (log,) = temporary.rglob("*.log")
    assert "three" in log.read_text()
    for place in range(1, 12):
        command(fault_at(place, "other"))
        said = softlabel("methods").err.splitlines()[-1]
        os.utime(log_named_in(said), (place, place))
    assert len(list(temporary.rglob("*.log"))) <= 5
    assert len(list(temporary.iterdir())) == 1


@pytest.mark.parametrize("obstacle", ["a link", "a file", "open to all", "no folder"])
def test_a_log_that_cannot_be_kept_is_no_second_fault(obstacle: str, command, softlabel, temporary: Path) -> None:
    folder = temporary / f"softlabel-faults-{os.getuid()}"
    if obstacle == "a link":
        folder.symlink_to(temporary.parent)
    elif obstacle == "a file":
        folder.touch()
    elif obstacle == "open to all":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        temporary.rmdir()
    command(raising(ZeroDivisionError("something")))
    assert softlabel("methods").err.endswith("This is a fault of the program; --traceback shows where.\n")
    assert not list(temporary.parent.rglob("*.log"))


@pytest.mark.parametrize("way", ["--traceback", "-v", "environment"])
def test_who_asks_gets_the_traceback(way: str, command, softlabel, monkeypatch: pytest.MonkeyPatch) -> None:
    command(raising(ZeroDivisionError("something")))
    if way == "environment":
        monkeypatch.setenv("SOFTLABEL_TRACEBACK", "1")
    outcome = softlabel("methods", *([] if way == "environment" else [way]))
    assert "Traceback" in outcome.err
    assert outcome.err.endswith("softlabel methods: ZeroDivisionError: something\n")
    assert outcome.code == 1


def test_sigterm_stops_what_is_running_and_the_handler_goes_away(command, softlabel) -> None:
    def work() -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("unreachable")

    before = signal.getsignal(signal.SIGTERM)
    command(work)
    assert softlabel("methods").code == 143
    assert signal.getsignal(signal.SIGTERM) is before


def test_warnings_of_libraries_are_one_line(command, softlabel) -> None:
    def work() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("mind\nthe step", UserWarning, stacklevel=1)
        return 0

    command(work)
    shown: list[str] = []
    original = warnings.showwarning
    warnings.showwarning = lambda *args, **kwargs: shown.append(warnings.formatwarning(*args[:4]))
    try:
        assert softlabel("methods").code == 0
    finally:
        warnings.showwarning = original
    assert shown == ["warning: mind the step\n"]


def test_every_error_of_ours_has_an_exit_code() -> None:
    from softlabel.cli.main import is_bad_input

    kinds = SoftlabelError.__subclasses__() + RunError.__subclasses__()
    assert {kind.__name__ for kind in kinds if not is_bad_input(kind("x"))} == {"FailedRunError"}


def test_methods_and_sources_as_json(softlabel) -> None:
    methods = {method["name"]: method for method in json.loads(softlabel("methods", "--json").out)}
    assert set(methods) >= {"cross_entropy", "label_smoothing", "online_label_smoothing"}
    (epsilon,) = [option for option in methods["label_smoothing"]["options"] if option["name"] == "epsilon"]
    assert (epsilon["flag"], epsilon["default"]) == ("--label-smoothing.epsilon", 0.1)
    sources = [source["name"] for source in json.loads(softlabel("sources", "--json").out)]
    from softlabel.data.reading.open_source import list_sources

    assert sources == list_sources()


@pytest.mark.parametrize("words", [["methods"], ["methods", "label-smoothing"], ["sources"], ["sources", "csv:x"]])
def test_lists_fit_80_columns(words: list[str], softlabel) -> None:
    outcome = softlabel(*words)
    assert outcome.code == 0
    assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize("error", [IsADirectoryError(21, "x"), NotADirectoryError(20, "x"), FileExistsError(17, "x")])
def test_a_folder_in_the_place_of_a_file_or_the_other_way_round_is_bad_input(error: OSError) -> None:
    from softlabel.cli.main import is_bad_input

    assert is_bad_input(error)
    assert not is_bad_input(OSError(28, "No space left on device"))
