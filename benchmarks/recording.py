"""Records what `softlabel compare` shows on a terminal of 80 columns, for the README.

    python -m benchmarks.recording            # runs it, and writes the block of README.md anew
    python -m benchmarks.recording --print    # runs it, and only prints the block

A terminal shows one bar that moves; the recording has it three times, and then the screen as it stays.
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import subprocess
import tempfile
import termios
from pathlib import Path

from benchmarks.benchmark import ROOT
from benchmarks.child import SOFTLABEL

BEGIN, END = "<!-- compare-output -->", "<!-- /compare-output -->"
HOME = "/home/me"
FRAMES = (0.25, 0.5, 0.75)


def recorded(words: list[str]) -> str:
    """The screen of `softlabel compare` with these words: its lines, and the bar at three moments."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        return screen(typed(["compare", *words], folder)).replace(str(folder), HOME)


def typed(words: list[str], folder: Path) -> str:
    """All that a terminal gets from a command."""
    first, second = pty.openpty()
    termios.tcsetwinsize(second, (24, 80))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen([*SOFTLABEL, *words], cwd=folder, env=environment, stdout=second, stderr=second)
    os.close(second)
    output = b""
    while chunk := _read(first):
        output += chunk
    os.close(first)
    if process.wait() != 0:
        raise SystemExit(output.decode())
    return output.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the command has left
        return b""


def screen(output: str) -> str:
    """Lines as they stay, with a few of the states that the bar went through before its last."""
    lines: list[str] = []
    for line in output.replace("\r\n", "\n").split("\n"):
        states = [state.rstrip() for state in line.split("\r") if state.strip()]
        bars = [state for state in states if state.startswith("[") and "%" in state]
        lines += [*_some(bars), *states[-1:]] if bars else states[-1:] or [""]
    return "\n".join(lines).strip("\n")


def _some(bars: list[str]) -> list[str]:
    """The bar when it was about a quarter, a half and three quarters full."""
    shares = [int(share) / 100 for bar in bars for share in re.findall(r"(\d+)%", bar)[:1]]
    places = [min(range(len(bars)), key=lambda place: abs(shares[place] - share)) for share in FRAMES]
    return [bars[place] for place in sorted({*places} - {len(bars) - 1})]


def block(text: str) -> str:
    """The recording as a code block of the README."""
    indented = "\n".join(f"    {line}".rstrip() for line in text.splitlines())
    return f"{BEGIN}\n{indented}\n{END}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    new = block(recorded([]))
    print(new)
    if not options.print:
        page = ROOT / "README.md"
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        page.write_text(before + new + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
