"""The house stays one in which people find their way: rooms and files of a bounded size, and nothing that runs back."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "softlabel"
TESTS = ROOT / "tests"
LARGE_ROOMS = ("methods", "report/sections")
"""One file a method, one file a section."""

FOLDERS = sorted({file.parent for file in HOUSE.rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_a_folder_has_at_most_thirty_files(folder: Path) -> None:
    files = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]
    assert len(files) <= 30 or folder.relative_to(HOUSE).as_posix() in LARGE_ROOMS


def test_a_file_has_at_most_350_lines() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in HOUSE.rglob("*.py")}
    assert {file.name: lines for file, lines in lengths.items() if lines > 350} == {}


def test_no_file_looks_like_a_test_that_is_none() -> None:
    assert [
        file.name for file in HOUSE.rglob("*.py") if file.name.startswith("test_") or file.stem.endswith("_test")
    ] == []


def test_floors_and_no_circles() -> None:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def task_classes() -> dict[str, str | None]:
    """Every class in the folder of the tasks that has a name to be asked for by, with that name; of the base None."""
    found: dict[str, str | None] = {"Task": None}
    for file in (HOUSE / "tasks").glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            name = _name_of(node) if isinstance(node, ast.ClassDef) else None
            if isinstance(node, ast.ClassDef) and name is not None:
                found[node.name] = name
    return found


def _name_of(node: ast.ClassDef) -> str | None:
    """What a class sets as its `name`."""
    for line in node.body:
        targets = [line.target] if isinstance(line, ast.AnnAssign) else getattr(line, "targets", [])
        if [ast.unparse(target) for target in targets] == ["name"] and getattr(line, "value", None) is not None:
            return str(ast.literal_eval(line.value))  # type: ignore[attr-defined]
    return None


def asks_which_task(code: str, classes: dict[str, str | None]) -> Iterator[int]:
    """The lines where code asks which task it has, by its class or by its name, and not what it wants to know."""
    said = {*classes.values()} - {None, "distribution"}  # which is a part of an answer too
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass", "cast", "typing.cast"):
            asked: list[ast.AST] = [*node.args]
        elif isinstance(node, ast.Compare):
            asked = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchClass):
            asked = [node.cls]
        else:
            continue
        inside = [part for one in asked for part in ast.walk(one)]
        by_class = any(isinstance(part, ast.Name) and part.id in classes for part in inside)
        by_class |= any(isinstance(part, ast.Attribute) and part.attr in classes for part in inside)
        by_name = any(isinstance(part, ast.Constant) and part.value in said for part in inside)
        by_name |= any(ast.unparse(part).endswith(("task.name", "task['name']", "task_json['name']")) for part in asked)
        if by_class or by_name:
            yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        "isinstance(task, Ordinal)",
        "isinstance(self.task, MultiLabel | ordinal.Ordinal)",
        "issubclass(type(task), (str, Pose))",
        "cast(Segmentation, task)",
        "type(prepared.task) is Pose",
        "prepared.task.name not in TASKS",
        "results['task'] == 'multi-label'",
        "model.task_json['name'] != name",
        "match task:\n    case Ordinal(): pass",
    ],
)
def test_a_question_for_the_class_of_a_task_is_found(line: str) -> None:
    assert list(asks_which_task(line, task_classes()))


def test_no_floor_but_the_tasks_own_asks_which_task_it_is() -> None:
    """What another floor wants to know is a question that the task answers, so that a new task is one more file."""
    classes = task_classes()
    assert {"Classification", "Distribution", "Ordinal", "Pose", "MultiLabel", "Segmentation"} < {*classes}
    files = [file for file in HOUSE.rglob("*.py") if HOUSE / "tasks" not in file.parents]
    asking = {file: [*asks_which_task(file.read_text(encoding="utf-8"), classes)] for file in files}
    assert {file.relative_to(ROOT).as_posix(): lines for file, lines in asking.items() if lines} == {}


MIRRORED = ("methods",)
"""Rooms in which every file has its test file, and every test file its file."""
NOT_YET = {
    "labels": {"amounts", "checks", "distribution", "modes", "patched", "sparse"},
}
"""Rooms that nearly obey, and the files that the laws of tests/contract test, or the tests of their callers."""


def named(files: Iterable[Path], prefix: str = "") -> set[str]:
    return {file.stem.removeprefix(prefix) for file in files if file.stem != "__init__"}


@pytest.mark.parametrize("room", [*MIRRORED, *NOT_YET])
def test_each_file_has_its_test_file_and_the_other_way_round(room: str) -> None:
    files, tests = named((HOUSE / room).glob("*.py")), named((TESTS / room).glob("test_*.py"), "test_")
    assert tests - files == set()
    assert files - tests == NOT_YET.get(room, set())


PRIVATE = re.compile(r"_[a-zA-Z]\w*")
PRIVATE_PATH = re.compile(r"softlabel(\.\w+)*\._[a-zA-Z]\w*")


def private_uses(file: Path) -> list[str]:
    """Private names of softlabel that a test imports, reads from a module that it imports, or names in a string."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    own: set[str] = set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "softlabel":
            own |= {alias.asname or alias.name for alias in node.names}
            found += [(node.lineno, alias.name) for alias in node.names if PRIVATE.fullmatch(alias.name)]
        elif isinstance(node, ast.Import):
            own |= {alias.asname for alias in node.names if alias.asname and alias.name.startswith("softlabel")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PRIVATE_PATH.fullmatch(node.value):
            found.append((node.lineno, node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in own:
            found += [(node.lineno, node.attr)] if PRIVATE.fullmatch(node.attr) else []
    return [f"{file.relative_to(ROOT)}, line {line}: {name}" for line, name in found]


def test_tests_use_public_names() -> None:
    """What cannot be reached through a public name is either not worth a test, or public."""
    assert [use for file in sorted(TESTS.rglob("*.py")) for use in private_uses(file)] == []
