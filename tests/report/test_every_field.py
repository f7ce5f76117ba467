"""Whatever text of results.json is hostile, and whatever part of it is damaged: a safe page, or a refusal in a line."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from softlabel.cli.main import main
from softlabel.text.visible import visible
from tests.report.fields import changed, kinds
from tests.report.page import URL_ATTRIBUTES, parse
from tests.report.payloads import PAYLOADS
from tests.report.results import Json, comparison_results
from tests.report.test_hostile import ALLOWED_TAGS
from tests.security.mutations import HOSTILE

BASE = comparison_results(2, 1, classes=3, epochs=2)
ALL = " ¦ ".join(text for text in PAYLOADS if text == text.encode("utf-8", "replace").decode())
KINDS = kinds(BASE)
REFERRED = {"method", "baseline", "primary", "better", "name", "verdict", "status", "folder"}
"""What other parts of results.json refer to, or what has a meaning: another text may be refused."""

UNSHOWN = REFERRED | {"stage"}
"""What may not be on the page."""


def reported(results: Json, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code of `softlabel report`, and the page or the message."""
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "report.html").unlink(missing_ok=True)
    code = main(["report", str(folder)])
    message = capsys.readouterr().err
    return code, message if code else (folder / "report.html").read_text(encoding="utf-8")


def test_there_are_many_kinds_of_text() -> None:
    assert len(KINDS) >= 40


@pytest.mark.parametrize("place", KINDS, ids=lambda place: ".".join(map(str, place)))
def test_any_one_text_may_be_hostile(
    place: tuple[str | int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], no_drawing: None
) -> None:
    code, told = reported(changed(BASE, place, ALL), tmp_path, capsys)
    if code:
        assert code == 2
        assert "results.json" in told
        assert len(told) < 500
        assert place[-1] in REFERRED
        return
    page = parse(told)
    assert place[-1] in UNSHOWN or visible(PAYLOADS[0]) in page.text
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith(("data:image/png;base64,", "#"))


@pytest.mark.parametrize("seed", range(15))
def test_damaged_results_are_reported_or_refused(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], no_drawing: None
) -> None:
    dice = random.Random(seed)
    results = copy.deepcopy(BASE)
    for _ in range(dice.choice([1, 1, 2, 4])):
        holders = [holder for holder in _holders(results) if holder]
        name = dice.choice(sorted({str(key) for holder in holders for key in holder}))
        holder = dice.choice([holder for holder in holders if name in holder])
        holder[name] = copy.deepcopy(dice.choice(HOSTILE))
        if dice.random() < 0.2:
            del holder[name]
    code, told = reported(results, tmp_path, capsys)
    assert code in (0, 2), told
    assert code == 0 or "results.json" in told


def _holders(value: Json) -> list[Json]:
    found = [value] if isinstance(value, dict) else []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        found += _holders(part)
    return found
