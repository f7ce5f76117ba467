"""Every public name shows its source and an example that anybody can paste, and the example prints what it says."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import softlabel
from softlabel.metrics.ranking import StreamingRanking
from softlabel.running_state import RunningState
from softlabel.statistic import Tally

FOLDERS = ("softlabel.labels", "softlabel.losses", "softlabel.calibration", "softlabel.metrics")
COMMANDS = ("train", "evaluate", "predict", "export", "review", "compare")
ALONE = (
    "boundary.near_boundary",
    "decoding.central_interval",
    "decoding.decode",
    "groups.class_groups",
    "groups.group_accuracies",
    "pose.PoseGrid",
    "pose.pose_scores",
    "ranking.stream",
    "vote_agreement.jensen_shannon",
    "vote_agreement.rank_agreement",
)
"""What docs/ tell of in `softlabel.metrics` beside its scores; other functions there serve these."""
SOURCE = re.compile(r"\b(19|20)\d\d\b|^ *Source: ", re.M)


def modules_of(folder: str) -> list[str]:
    package = import_module(folder)
    return [folder, *(found.name for found in pkgutil.walk_packages(package.__path__, f"{folder}."))]


def exported(folder: str) -> dict[str, object]:
    module = import_module(folder)
    return {f"{folder}.{name}": getattr(module, name) for name in getattr(module, "__all__", ())}


def scores(module: str) -> dict[str, object]:
    """The classes of a module that sum or stream something by themselves."""
    classes = {
        name: member
        for name, member in vars(import_module(module)).items()
        if inspect.isclass(member) and member.__module__ == module and not name.startswith("_")
    }
    usable = (Tally, RunningState, StreamingRanking)
    return {
        f"{module}.{name}": member
        for name, member in classes.items()
        if issubclass(member, usable) and not inspect.isabstract(member)
    }


def public() -> dict[str, object]:
    names = {f"softlabel.{name}": getattr(softlabel, name) for name in COMMANDS}
    for folder in FOLDERS:
        names |= exported(folder)
    for module in (*modules_of("softlabel.calibration"), *modules_of("softlabel.metrics")):
        names |= scores(module)
    for place in ALONE:
        module, name = place.split(".")
        names[f"softlabel.metrics.{place}"] = getattr(import_module(f"softlabel.metrics.{module}"), name)
    return names


PUBLIC = public()
MODULES = {name for folder in FOLDERS for name in modules_of(folder)} | {
    str(member.__module__) for member in PUBLIC.values()
}


def run(test: doctest.DocTest) -> None:
    """Fails with what doctest says, which is on the captured output as well."""
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_names_show_a_source_and_an_example(name: str) -> None:
    text = PUBLIC[name].__doc__ or ""  # not inspect.getdoc, which would take that of a base class
    examples = doctest.DocTestParser().get_examples(text)
    assert any(example.want for example in examples), f"{name} has no example in its docstring that shows an output"
    assert SOURCE.search(text.partition(">>> ")[0]), (
        f"{name} names no source in its docstring: a paper with its year, or 'Source: ...'"
    )


@pytest.mark.parametrize("module", sorted(MODULES - {"softlabel.cli.functions"}))
def test_examples_print_what_they_say(module: str) -> None:
    # Without the module's own names: what a reader pastes has to import what it uses.
    for test in doctest.DocTestFinder().find(import_module(module), globs={}):
        run(test)


def test_examples_of_the_commands_print_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one folder, as the run that the example of `train` leaves is what the others are about."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((8, 8), 128, dtype=np.uint8)).save("digit.png")
    for name in COMMANDS:
        (test,) = doctest.DocTestFinder().find(getattr(softlabel, name), name, globs={})
        skipped = [example for example in test.examples if doctest.SKIP in example.options]
        # Skipped by `python -m doctest` because they train: train, review, compare. Here the first two run all the
        # same, for a second each; compare starts processes of its own, which tests/cli/test_functions.py does.
        assert bool(skipped) == (name in ("train", "review", "compare"))
        for example in skipped if name != "compare" else ():
            del example.options[doctest.SKIP]
        run(test)
