"""Work in a process of its own: a function of a benchmark, or the `softlabel` command.

python -m benchmarks.child MODULE FUNCTION ARGUMENTS      as `called` does it; arguments and answer are JSON
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.benchmark import ROOT

SOFTLABEL = (sys.executable, "-m", "softlabel")


def called(
    module: str, function: str, *arguments: Any, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Any:
    """What a function answers in a new process. Raises CalledProcessError where that fails."""
    words = [sys.executable, "-m", "benchmarks.child", module, function, json.dumps(arguments)]
    surroundings = os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
    done = subprocess.run(words, cwd=folder, env=surroundings, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    module, function, arguments = sys.argv[1:]
    print(json.dumps(getattr(importlib.import_module(module), function)(*json.loads(arguments))))


if __name__ == "__main__":
    main()
