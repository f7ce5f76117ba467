"""Where code may come from: never the current folder, whatever lies in it. Imports nothing that could lie there."""

from __future__ import annotations

import os
import sys

SAFE_PATH = "PYTHONSAFEPATH"


def leave_current_folder() -> None:
    """Take the current folder out of this program's search path; to be called before it imports anything."""
    sys.path[:] = without_current_folder(sys.path)


def without_current_folder(path: list[str]) -> list[str]:
    """The places of a search path that do not depend on where the program was started.

    Places that PYTHONPATH names in full stay, even where one of them is the current folder.
    """
    here = current_folder()
    named = [entry for entry in _python_path() if os.path.isabs(entry)]
    moving = {os.path.abspath(entry) for entry in _python_path() if not os.path.isabs(entry)} if here else set()
    moving |= {here} if here else set()
    return [
        place for place in path if os.path.isabs(place) and (place in named or os.path.abspath(place) not in moving)
    ]


def current_folder() -> str | None:
    """The current folder; None where it is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None


def child_path() -> list[str]:
    """The search path of a child: this process's without the current folder, and at its end where this package is."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = without_current_folder(sys.path)
    return path if home in path else [*path, home]


def child_environment() -> dict[str, str]:
    """What a Python child inherits: only full places in PYTHONPATH, and no current folder in front of them."""
    kept = [entry for entry in _python_path() if os.path.isabs(entry)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return environment | {SAFE_PATH: "1"} | ({"PYTHONPATH": os.pathsep.join(kept)} if kept else {})


def _python_path() -> list[str]:
    """The entries of PYTHONPATH; an empty one means the current folder."""
    given = os.environ.get("PYTHONPATH", "")
    return given.split(os.pathsep) if given and not sys.flags.ignore_environment else []


class IsolatedChildren:
    """A `with` block: processes that multiprocessing starts inside know no current folder as a place of code.

    They inherit the environment of this process and are sent its search path, so both are others inside.
    """

    def __enter__(self) -> None:
        self._path, self._environment = sys.path[:], dict(os.environ)
        sys.path[:] = child_path()
        _set_environment(child_environment())

    def __exit__(self, *error: object) -> None:
        sys.path[:] = self._path
        _set_environment(self._environment)


def _set_environment(environment: dict[str, str]) -> None:
    for name in ("PYTHONPATH", SAFE_PATH):
        if name in environment:
            os.environ[name] = environment[name]
        else:
            os.environ.pop(name, None)
