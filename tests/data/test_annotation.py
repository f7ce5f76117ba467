"""Laws of every kind of annotation, what each is called in messages, and that no other module switches on kinds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from softlabel.data import annotation as kinds
from softlabel.data.annotation import KINDS, LABEL, LEVELS, MASK, VALUE, VALUES, VOID, VOTES, AnnotationKind
from softlabel.data.config import DataConfig

ROOT = Path(__file__).parents[2]
K = 4
EXAMPLES: dict[AnnotationKind, Callable[[int, int, torch.Generator], Tensor]] = {
    LABEL: lambda n, K, g: torch.randint(0, K, (n,), generator=g),
    VOTES: lambda n, K, g: torch.rand(n, K, generator=g),
    VALUE: lambda n, K, g: torch.rand(n, 2, generator=g) * (K - 1) + 0.1,
    VALUES: lambda n, K, g: torch.rand(n, 2, generator=g) * torch.tensor([40.0, 100.0]) - torch.tensor([20.0, 50.0]),
    LEVELS: lambda n, K, g: torch.randint(0, 3, (n, K), generator=g, dtype=torch.uint8),
    MASK: lambda n, K, g: torch.randint(0, K, (n, 8, 8), generator=g, dtype=torch.uint8),
}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def example(kind: AnnotationKind, rows: int = 12, num_classes: int = K, g: torch.Generator | None = None) -> Tensor:
    """Annotations (rows, ...) of a kind."""
    return EXAMPLES[kind](rows, num_classes, torch.Generator().manual_seed(0) if g is None else g)


@every_kind
def test_a_kind_fits_its_own_annotations_alone(kind: AnnotationKind) -> None:
    annotation = example(kind).numpy()
    assert kind.fits(annotation)
    assert not kind.fits(annotation[None])
    assert not kind.fits(annotation.astype(np.float64))


@every_kind
def test_a_kind_is_found_in_tables_by_an_option_that_there_is(kind: AnnotationKind) -> None:
    assert kind.option is None or kind.option in DataConfig.model_fields
    assert [other for other in KINDS if other.name == kind.name] == [kind]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.numbers], ids=lambda kind: kind.name)
def test_classes_in_another_order_and_back(kind: AnnotationKind) -> None:
    annotation, place = example(kind), torch.tensor([2, 0, 3, 1])
    other = kind.renumbered(annotation, place, K)
    assert other.dtype == annotation.dtype
    assert not torch.equal(other, annotation)
    assert torch.equal(kind.renumbered(other, place.argsort(), K), annotation)
    assert torch.equal(kind.renumbered(annotation, torch.arange(K), K), annotation)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.numbers], ids=lambda kind: kind.name)
def test_a_class_that_no_row_has_is_not_seen(kind: AnnotationKind) -> None:
    annotation = example(kind, rows=40)
    assert kind.seen(annotation.numpy(), K).tolist() == [True] * K
    wider = kind.renumbered(annotation, torch.tensor([0, 2, 3, 4]), K + 1)
    assert kind.seen(wider.numpy(), K + 1).tolist() == [True, False, True, True, True]


def test_void_pixels_stay_void() -> None:
    mask = torch.tensor([[[0, VOID], [1, 1]]], dtype=torch.uint8)
    assert MASK.renumbered(mask, torch.tensor([3, 0]), K).tolist() == [[[3, VOID], [0, 0]]]
    assert MASK.seen(mask.numpy(), K).tolist() == [True, True, False, False]


def test_a_difficult_class_is_no_positive_one() -> None:
    assert LEVELS.seen(np.array([[2, 1, 0]], np.uint8), 3).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("kind", "given", "instead_of_class", "described"),
    [
        (LABEL, "one class label per row", None, "3 classes"),
        (VOTES, "votes or probabilities per row", None, "3 classes, votes or probabilities"),
        (VALUE, "a number per row", "a number per row", "values from 1 to 3"),
        (VALUES, "two numbers per row", "two numbers per row", "pitch from 1 to 3, yaw from -2 to 0"),
        (
            LEVELS,
            "any number of labels per row",
            "any number of classes per row",
            "3 classes, any number of them a row",
        ),
        (MASK, "a class per pixel", "a class per pixel", "3 classes of pixels"),
    ],
    ids=lambda value: value.name if isinstance(value, AnnotationKind) else "",
)
def test_what_a_kind_is_called(kind: AnnotationKind, given: str, instead_of_class: str | None, described: str) -> None:
    names = {VALUE: [], VALUES: ["pitch", "yaw"]}.get(kind, ["a", "b", "c"])
    assert kind.given == given
    assert kind.strata_are_classes == (instead_of_class is None)
    assert instead_of_class in (None, kind.instead_of_class)
    assert kind.describe(torch.tensor([[1.0, 0.0], [3.0, -2.0]]), names) == described


SWITCHES = [
    "source.annotation_kind == 'label'",
    "kind = LABEL if draft.kind is kinds.LABEL else None",
    "prepared.task.annotation_kind in ('value', 'values')",
    "x = own not in (VALUE, VALUES)",
    "task.annotation_kind.name == 'mask'",
    "match source.annotation_kind:\n    case kinds.MASK: pass",
    "isinstance(kind, type(MASK))",
    "from softlabel.data.annotation import _Label",
]
FACTS = [
    "source.annotation_kind.is_index",
    "own is not given",
    "task.annotation_kind is source.annotation_kind",
    "Draft(kind=MASK)",
    "asked == 'value'",
]


@pytest.mark.parametrize("text", SWITCHES)
def test_a_switch_is_found(text: str) -> None:
    assert list(_switches(ast.parse(text)))


@pytest.mark.parametrize("text", FACTS)
def test_a_question_is_no_switch(text: str) -> None:
    assert not list(_switches(ast.parse(text)))


def test_no_other_module_switches_on_kinds() -> None:
    modules = [file for house in ("softlabel", "softlabel_packed") for file in (ROOT / house).rglob("*.py")]
    others = [file for file in modules if file != Path(kinds.__file__)]
    found = {file.name: list(_switches(ast.parse(file.read_bytes()))) for file in others}
    assert {name: lines for name, lines in found.items() if lines} == {}


def _switches(tree: ast.AST) -> Iterator[int]:
    """Lines that compare with a kind, or a kind with something written out, or import what only annotation.py needs."""
    objects = {name for name, value in vars(kinds).items() if isinstance(value, AnnotationKind)}
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
            case ast.Match(subject=subject, cases=cases):
                sides = [subject, *(case.pattern for case in cases)]
            case ast.Call(func=ast.Name(id="isinstance" | "type"), args=arguments):
                sides = arguments
            case ast.ImportFrom(module="softlabel.data.annotation", names=names):
                if any(alias.name.startswith("_") for alias in names):
                    yield node.lineno
                continue
            case _:
                continue
        names = {name for side in sides for name in _names(side)}
        written = any(isinstance(part, ast.Constant) for side in sides for part in ast.walk(side))
        if names & objects or ("annotation_kind" in names and written):
            yield node.lineno


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr
