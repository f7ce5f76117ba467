"""The watch over the test session bites, and whole commands pass under it, with their workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.audit import CANARY

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "pickle": "import io, pickle; pickle.loads(pickle.dumps(io.BytesIO))",
    "pickle of a queue": "import multiprocessing.reduction as r, queue; r.pickle.loads(r.pickle.dumps(queue.Queue))",
    "torch.load": "import io, torch; b = io.BytesIO(); torch.save(print, b); b.seek(0); torch.load(b, weights_only=0)",
    "eval": f"eval('{CANARY}')",
    "exec": f"exec('{CANARY} = 1')",
    "connect": "import socket; socket.socket().connect(('192.0.2.1', 80))",
    "connect v6": "import socket; socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "look up": "import urllib.request; urllib.request.urlopen('http://example.invalid')",
    "pip": "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', '--version'])",
    "shell pip": "import subprocess; subprocess.run('pip --version', shell=True)",
    "spawn": "import os; os.posix_spawn('/usr/bin/pip', ['pip', '--version'], {})",
    "system": "import os; os.system('true')",
    "exec pip": "import os; os.execvp('pip', ['pip', '--version'])",
}


def watched(code: str) -> str:
    return f"from tests.security import audit\naudit.install()\n{code}"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_watch_stops(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", watched(FORBIDDEN[name])], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "tests.security.audit.ForbiddenError: " in done.stderr


def test_the_watch_lets_pass_what_every_program_does() -> None:
    code = (
        "import socket, subprocess, sys, dataclasses, copy, collections\n"
        "collections.namedtuple('Point', 'x y'); eval('1 + 1')\n"
        "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname()).close()\n"
        "subprocess.run([sys.executable, '-c', 'pass'], check=True)\n"
    )
    subprocess.run([sys.executable, "-c", watched(code)], cwd=ROOT, check=True)


@pytest.mark.slow
def test_comparing_and_predicting_pass_under_the_watch(tmp_path: Path) -> None:
    """In processes of their own, watched from their first line through a sitecustomize that their children inherit."""
    (tmp_path / "site").mkdir()
    log = tmp_path / "attempts"
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "from pathlib import Path\n"
        "from tests.security import audit\n"
        f"audit.install(Path({str(log)!r}))\n"
        f"open({str(tmp_path / 'watched')!r}, 'a').write('one\\n')\n"
    )
    table = tmp_path / "points.csv"
    rows = [f"{place % 7},{place % 5},{'ab'[place % 2]}" for place in range(80)]
    table.write_text("\n".join(["x,y,label", *rows]) + "\n")

    def command(*words: str) -> str:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
        line = [sys.executable, "-m", "softlabel.cli.main", *words]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    data = ["--source", f"csv:{table}", "--feature-columns", "x,y", "--label-column", "label"]
    command(
        "compare",
        *data,
        "--methods",
        "cross_entropy,label_smoothing",
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--runs",
        "runs",
    )
    run = str(next((tmp_path / "runs").iterdir()))
    assert len(json.loads(command("predict", run, str(table), "--json"))) == 80
    assert not log.exists(), log.read_text()
    assert len((tmp_path / "watched").read_text().splitlines()) >= 3
