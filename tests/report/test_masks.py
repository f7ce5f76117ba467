"""Masks in the report: the stored pictures and numbers, void as void, nothing that is damaged, a bounded size."""

from __future__ import annotations

import base64
import copy
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from softlabel.deployed.predicted_masks import palette
from softlabel.report.card import model_card
from softlabel.report.comparison import Comparison
from softlabel.report.drawing.mask_pictures import VOID_TONES, glow, overlay
from softlabel.report.html import render_report
from softlabel.report.sections import masks
from softlabel.report.sections.masks import MaskSection, mask_section
from softlabel.text.visible import visible
from tests.report.mask_results import VOID, mask_results
from tests.report.page import URL_ATTRIBUTES, parse
from tests.report.payloads import PAYLOADS
from tests.report.results import Json, comparison_results
from tests.report.test_hostile import ALLOWED_TAGS


def section_of(results: Json) -> MaskSection:
    found = mask_section(Comparison(results))
    assert found is not None
    return found


def pixels(uri: str) -> np.ndarray[Any, Any]:
    raw = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")).astype(int)


def test_all_methods_answer_the_same_images() -> None:
    results = mask_results(3)
    section = section_of(results)
    assert [scene.name for scene in section.scenes] == ["10", "11", "12"]
    order = Comparison(results).methods
    assert all([answer.method for answer in scene.answers] == order for scene in section.scenes)


def test_the_numbers_are_those_that_were_stored(no_drawing: None) -> None:
    results = mask_results(2)
    cell = results["cells"][0]
    cell["details"]["borders"]["near"] |= {"uncertainty": 0.4321, "accuracy": 0.61}
    cell["details"]["borders"]["elsewhere"] |= {"uncertainty": 0.1234, "accuracy": 0.93, "pixels": 71_236}
    cell["masks"][0] |= {"accuracy": 0.77}
    cell["masks"][0]["borders"]["near"]["uncertainty"] = 0.567
    page = parse(render_report(results))
    said = " ".join(page.text.split())
    assert f"{cell['method']}, seed 0, has a mean uncertainty of 0.43 within 3 pixels of a true border" in said
    assert "0.12 elsewhere, and the right class for 61 % of pixels there and for 93 % elsewhere" in said
    assert "77 % of pixels right" in said
    assert "0.57 near borders" in said
    table = next(table for table in page.tables if "uncertainty near borders" in table[0][1])
    assert table[1] == [cell["method"], "0.432", "0.123", "0.610", "0.930"]
    assert "71,236 px" in table[0][2]


def test_classes_and_bins_of_confidence_count_pixels(no_drawing: None) -> None:
    results = mask_results(2)
    page = parse(render_report(results))
    table = next(table for table in page.tables if table[0][:3] == ["class", "training", "test"])
    assert table[1:] == [["ground", "9,000", "800", "0.812", "0.812"], ["disc", "8,999", "799", "0.406", "0.406"]]
    assert "IoU by class, most training pixels first" in page.text
    assert "Answering only when sure" not in page.text  # predict knows no such answer of a mask
    assert not [table for table in page.tables if "rows" in table[0] and "confidence" in table[0]]
    card = model_card(results)
    assert "- disc: IoU 0.406 on 799 test pixels, from 8,999 training pixels" in card
    assert "--abstain-below" not in card


def test_softness_at_borders_is_bright_in_the_picture() -> None:
    results = mask_results(1)
    scene = section_of(results).scenes[0]
    light = pixels(scene.answers[0].uncertainty).sum(-1)[4:]
    assert light[:, 11:13].mean() > 2 * light[:, 5:7].mean()  # a border of stripes lies at 12, none at 6


def test_a_class_has_the_colour_that_predict_writes_and_void_is_striped() -> None:
    mask = np.zeros((20, 30), dtype=np.uint8)
    mask[:, 10:], mask[:, 20:] = 1, VOID
    drawn = pixels(overlay(Image.new("L", (30, 20), 128), mask, 192))
    for name, columns in ((0, slice(0, 10)), (1, slice(10, 20))):
        shown = drawn[:, columns].reshape(-1, 3)
        assert (shown == shown[0]).all()
        assert np.corrcoef(shown[0], palette()[name])[0, 1] > 0.99
    void = {tuple(colour) for colour in drawn[:, 20:].reshape(-1, 3).tolist()}
    assert void == set(VOID_TONES)
    unsure = pixels(glow(np.full((20, 30), 200, dtype=np.uint8), 1.0, mask, 192))
    assert {tuple(colour) for colour in unsure[:, 20:].reshape(-1, 3).tolist()} == set(VOID_TONES)
    assert len({tuple(colour) for colour in unsure[:, :20].reshape(-1, 3).tolist()}) == 1


def test_the_legend_names_what_is_there() -> None:
    named = [name for _, name in section_of(mask_results(1)).colours]
    assert sorted(named) == ["disc", "ground", "void"]
    many = [name for _, name in section_of(mask_results(1, names=tuple(map(str, range(60))), side=180)).colours]
    assert len(many) == masks.CLASSES_NAMED + 2
    assert many[-2:] == [f"and {60 - masks.CLASSES_NAMED} more", "void"]


@pytest.mark.parametrize("make", [{"channels": 1}, {"names": ("only",)}, {"rows": 1}, {"side": 8}], ids=str)
def test_grey_images_one_class_one_row_and_tiny_ones(make: dict[str, Any], no_drawing: None) -> None:
    results = mask_results(2, **make)
    assert len(section_of(results).scenes) == make.get("rows", 3)
    html = render_report(results)
    assert "Masks of test images" in html
    assert " nan" not in html


def test_an_image_that_is_all_void_is_drawn_and_said(no_drawing: None) -> None:
    results = mask_results(1, rows=1)
    void = np.full((36, 48), VOID, dtype=np.uint8)
    results["mask_images"][0]["truth"] = _grey(void)
    nothing = {"pixels": 0, "accuracy": None, "uncertainty": None}
    results["cells"][0]["masks"][0] |= {"accuracy": None, "borders": {"near": nothing, "elsewhere": nothing}}
    results["cells"][0]["details"]["borders"] = {"distance": 3, "near": nothing, "elsewhere": nothing}
    (scene,) = section_of(results).scenes
    assert scene.known == "all void"
    assert scene.answers[0].right == scene.answers[0].unsure == ""
    assert {tuple(colour) for colour in pixels(scene.truth).reshape(-1, 3).tolist()} == set(VOID_TONES)
    assert "mean uncertainty of" not in parse(render_report(results)).text


def test_unequal_sizes_stand_side_by_side() -> None:
    results, wide = mask_results(1), mask_results(1, side=96)
    results["mask_images"][1] = wide["mask_images"][1]
    results["cells"][0]["masks"][1] = wide["cells"][0]["masks"][1]
    assert [pixels(scene.truth).shape[1] for scene in section_of(results).scenes] == [48, 96, 48]


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        (("mask_images", 0, "image"), "javascript:alert(1)"),
        (("mask_images", 0, "truth"), "data:image/png;base64,AAAA"),
        (("mask_images", 0, "truth"), None),
        (("cells", 0, "masks", 0, "prediction"), 7),
        (("cells", 0, "masks", 0, "uncertainty"), "data:text/html,x"),
        (("cells", 0, "masks", 0, "sample_id"), "another"),
    ],
    ids=str,
)
def test_what_is_damaged_is_left_out(place: tuple[str | int, ...], damage: Any, no_drawing: None) -> None:
    results = mask_results(1)
    part = results
    for key in place[:-1]:
        part = part[key]  # type: ignore[index]
    part[place[-1]] = damage  # type: ignore[index]
    assert [scene.name for scene in section_of(results).scenes] == ["11", "12"]
    render_report(results)


@pytest.mark.parametrize("size", [(36, 47), (200, 300)], ids=str)
def test_pictures_of_another_size_are_left_out(size: tuple[int, int]) -> None:
    results = mask_results(1)
    results["cells"][0]["masks"][0]["prediction"] = _grey(np.zeros(size, dtype=np.uint8))
    assert len(section_of(results).scenes) == 2


def test_an_index_that_is_no_class_is_left_out() -> None:
    results = mask_results(1)
    results["mask_images"][0]["truth"] = _grey(np.full((36, 48), 2, dtype=np.uint8))
    assert len(section_of(results).scenes) == 2


def test_other_tasks_have_no_such_section() -> None:
    assert mask_section(Comparison(comparison_results(1, 1))) is None


@pytest.mark.slow
def test_the_size_is_bounded_for_large_noisy_images_many_classes_and_methods(no_drawing: None) -> None:
    names = tuple(f"class {k}" for k in range(40))
    results = mask_results(1, names=names, side=1000, rows=5)
    noisy = np.random.default_rng(0)
    for image in results["mask_images"]:
        image["truth"] = _grey(noisy.integers(0, 40, (144, 192)).astype(np.uint8))
    for answer in results["cells"][0]["masks"]:
        answer["prediction"] = _grey(noisy.integers(0, 40, (144, 192)).astype(np.uint8))
        answer["uncertainty"] = _grey(noisy.integers(0, 256, (144, 192)).astype(np.uint8))
    (cell,), (entry,) = results["cells"], results["summary"]
    results["cells"] = [copy.deepcopy(cell) | {"method": f"method {k}"} for k in range(9)]
    results["summary"] = [copy.deepcopy(entry) | {"method": f"method {k}"} for k in range(9)]
    section = section_of(results)
    assert all(len(scene.answers) == masks.METHODS for scene in section.scenes)
    shown = [uri for scene in section.scenes for uri in (scene.image, scene.truth)]
    shown += [uri for s in section.scenes for a in s.answers for uri in (a.prediction, a.uncertainty)]
    assert 100_000 < sum(map(len, shown)) <= masks.PICTURES_AT_MOST
    assert len({pixels(uri).shape for uri in shown}) == 1


def test_the_page_of_many_rows_is_that_of_few(no_drawing: None) -> None:
    few, many = (render_report(mask_results(2, rows=rows)) for rows in (3, 60))
    assert len(many) <= 1.2 * len(few)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_names_of_classes_methods_and_rows_stay_text(payload: str, no_drawing: None) -> None:
    results = mask_results(1, names=(payload, f"{payload}b"))
    (cell,), (entry,) = results["cells"], results["summary"]
    cell["method"] = entry["method"] = results["baseline"] = results["verdict"]["kept"]["method"] = payload
    for one in (*results["mask_images"], *cell["masks"]):
        one["sample_id"] = payload
    page = parse(render_report(results))
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS
    assert len(page.tags("img")) == 3 * 4
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith(("data:image/png;base64,", "#"))
    assert " ".join(page.text.split()).count(" ".join(visible(payload).split())) >= 5


def _grey(values: np.ndarray[Any, Any]) -> str:
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
