"""Watches a process through Python's own audit hook: nothing unpickles, runs data, leaves the machine or installs.

What is not allowed is recorded and stopped on the spot; recorded, because a library may swallow the error. There is one
exception: processes that train cells get their work from their own parent, through a pipe of multiprocessing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

CANARY = "_".join(["softlabel", "canary"])  # in two parts, as this file is compiled too
"""A word that hostile data carry: no source with it may ever be compiled."""

UNPICKLERS = frozenset({"multiprocessing.spawn", "multiprocessing.connection", "multiprocessing.forkserver"})
INSTALLERS = frozenset({"pip", "pip3", "uv", "conda", "mamba", "ensurepip", "easy_install", "apt", "apt-get"})
LOCAL = frozenset({"127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None})

attempts: list[str] = []


class ForbiddenError(RuntimeError):
    """The process tried something that no run may do."""


def install(log: Path | None = None) -> None:
    """Begin to watch, and write attempts to a file too; there is no way to end it, for the program neither."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        offence = watch(event, arguments)
        if offence:
            attempts.append(f"{event}: {offence}")
            if log is not None:
                log.open("a").write(attempts[-1] + "\n")
            raise ForbiddenError(attempts[-1])

    sys.addaudithook(hook)


def watch(event: str, arguments: tuple[Any, ...]) -> str:
    """What is wrong with an event; empty where nothing is."""
    rule = RULES.get(event)
    return rule(*arguments) if rule else ""


def unpickled(module: str, name: str) -> str:
    """A class looked up for a pickle by anything but multiprocessing."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    reader = str(frame.f_globals.get("__name__"))
    return "" if reader in UNPICKLERS else f"{module}.{name}, read by {reader}"


def compiled(source: Any, filename: Any) -> str:
    """Source text that came with the data."""
    text = source.decode("utf-8", "replace") if isinstance(source, (bytes, bytearray)) else source
    if not isinstance(text, str) or CANARY not in text:
        return ""
    return f"{text[:80]!r}"


def connected(socket: Any, address: Any) -> str:
    """A connection to anything but this machine; addresses that are no tuples are files."""
    host = address[0] if isinstance(address, tuple) else None
    return "" if host in LOCAL else f"to {address!r}"


def looked_up(host: Any, *rest: Any) -> str:
    """A name or address asked of the network."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    return "" if name in LOCAL else f"of {host!r}"


def started(executable: Any, arguments: Any, *rest: Any) -> str:
    """A process that installs packages."""
    words = [arguments] if isinstance(arguments, (str, bytes)) else list(arguments or [])
    named = [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in [executable, *words]]
    programs = {PurePath(word).name for text in named for word in text.split()}
    return f"{named[1:]}" if programs & INSTALLERS else ""


def shelled(command: Any) -> str:
    """A command line for a shell."""
    return f"{command!r}"


RULES: dict[str, Callable[..., str]] = {
    "pickle.find_class": unpickled,
    "compile": compiled,
    "socket.connect": connected,
    "socket.sendto": connected,
    "socket.getaddrinfo": looked_up,
    "socket.gethostbyname": looked_up,
    "subprocess.Popen": started,
    "os.exec": started,
    "os.posix_spawn": started,
    "os.system": shelled,
}
