"""Decoded images that are kept: once made, shared, made again where something else would come out."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from softlabel.data.fitting import Fitting
from softlabel.data.images import MAX_PIXELS, BadImageError
from softlabel.data.reading import image_cache, image_table
from softlabel.data.reading.image_cache import Kept, cache_folder, kept_images
from softlabel.data.reading.image_table import check_images, struct_column
from softlabel.data.reading.told import told_to
from softlabel.data.refusals import Refusals
from softlabel.data.samples import EncodedImages

SHAPE = (3, 8, 8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTLABEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{number}.png") for number in range(5)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (12, 10, 3), np.uint8)).save(path)
    return paths


def column(photos: list[str]) -> pa.ChunkedArray:
    return struct_column(None, pa.chunked_array([pa.array(photos, pa.string())]))


def kept(photos: list[str], size: tuple[int, int] = (8, 8), fit: Any = "crop") -> Kept:
    encoded = EncodedImages(column(photos), MAX_PIXELS)
    return kept_images(encoded, range(len(photos)), (3, *size), "rgb", Fitting(size, fit))


def decoded(photos: list[str], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call decodes from now on."""
    counts: list[int] = []
    original = image_cache.decode_into

    def counting(pixels: Any, encoded: Any, positions: Any, *rest: Any) -> Any:
        counts.append(len(positions))
        return original(pixels, encoded, positions, *rest)

    monkeypatch.setattr(image_cache, "decode_into", counting)
    return counts


def test_they_are_decoded_once(photos: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = decoded(photos, monkeypatch)
    first, second = kept(photos), kept(photos)
    assert counts == [5]
    assert np.array_equal(first.pixels, second.pixels)
    assert first.pixels.shape == (5, *SHAPE)
    assert sorted(path.name for path in next(cache.iterdir()).iterdir()) == ["bad.json", "pixels.npy"]
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("change", ["size", "fit", "file", "files"])
def test_anything_that_changes_the_pixels_makes_them_anew(
    change: str, photos: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(photos)
    counts = decoded(photos, monkeypatch)
    if change == "size":
        kept(photos, (9, 8))
    elif change == "fit":
        kept(photos, fit="pad")
    elif change == "file":
        Image.new("RGB", (12, 10)).save(photos[2])
        assert not kept(photos).pixels[2].any()
    else:
        kept(photos[:4])
    assert len(counts) == 1


def test_images_in_a_table_are_known_by_their_bytes(photos: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [Path(photo).read_bytes() for photo in photos]

    def of(contents: list[bytes]) -> Kept:
        table = struct_column(pa.chunked_array([pa.array(contents, pa.binary())]))
        return kept_images(EncodedImages(table, MAX_PIXELS), range(5), SHAPE, "rgb", Fitting((8, 8)))

    assert np.array_equal(of(contents).pixels, kept(photos).pixels)
    counts = decoded(photos, monkeypatch)
    of(contents)
    assert counts == []
    of(contents[::-1])
    assert counts == [5]


def test_an_image_of_a_table_is_known_by_its_row(photos: list[str]) -> None:
    content = Path(photos[0]).read_bytes()
    for cells, row in (([content, None], 0), ([None, content], 1)):
        table = struct_column(pa.chunked_array([pa.array(cells, pa.binary())]))
        found = kept_images(EncodedImages(table, MAX_PIXELS), [row], SHAPE, "rgb", Fitting((8, 8)))
        assert found.pixels[row].any()
        assert not found.pixels[1 - row].any()


def test_a_file_that_is_replaced_at_the_same_time_and_size_is_another(photos: list[str]) -> None:
    before = os.stat(photos[0])
    kept(photos)
    content = bytearray(Path(photos[1]).read_bytes())
    other = bytes(content) + bytes(max(0, before.st_size - len(content)))
    if len(other) != before.st_size:
        Path(photos[0]).write_bytes(bytes(before.st_size))
        other = Path(photos[1]).read_bytes()
    Path(photos[0]).write_bytes(other)
    os.utime(photos[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    found = kept(photos).pixels
    assert np.array_equal(found[0], found[1])


def test_what_is_damaged_is_made_again(photos: list[str], cache: Path) -> None:
    expected = np.array(kept(photos).pixels)
    for file, content in (
        ("pixels.npy", b"\x93NUMPY"),
        ("bad.json", b"["),
        ("bad.json", b"[[1]]"),
        ("pixels.npy", b""),
    ):
        (next(cache.iterdir()) / file).write_bytes(content)
        assert np.array_equal(kept(photos).pixels, expected)


def test_images_that_cannot_be_decoded_are_remembered(photos: list[str]) -> None:
    whole = Path(photos[1]).read_bytes()
    Path(photos[1]).write_bytes(whole[:60] + b"\0" * 40 + whole[100:])
    for _ in range(2):
        ((position, error),) = kept(photos).bad
        assert position == 1
        assert isinstance(error, BadImageError)
        assert "cannot be decoded" in error.problem


def test_changing_what_was_mapped_changes_nothing_kept(photos: list[str]) -> None:
    pixels = kept(photos).pixels
    before = np.array(pixels)
    pixels[:] = 0
    assert np.array_equal(kept(photos).pixels, before)


def test_what_was_not_used_for_a_month_goes(photos: list[str], cache: Path) -> None:
    kept(photos)
    old = next(cache.iterdir())
    month_ago = time.time() - image_cache.UNUSED_SECONDS - 60
    os.utime(old, (month_ago, month_ago))
    kept(photos, (9, 9))
    assert not old.exists()
    kept(photos)
    os.utime(next(cache.iterdir()), (month_ago, month_ago))
    kept(photos)
    kept(photos, (9, 9))
    kept(photos, (7, 7))
    assert len(list(cache.iterdir())) == 3


def test_a_full_disk_keeps_nothing_and_is_said(photos: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_table, "SMALL", 0)
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    refusals = Refusals("photos", 5, lambda position: (photos[position], None))
    table = check_images(column(photos), refusals, column_name=None, subject=lambda _: "", fit="crop", keep=True)
    assert table.pixels is not None
    assert any(note.startswith("decoded images are not kept for other runs: ") for note in table.notes)


def test_a_table_of_images_is_kept_or_not(photos: list[str], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_table, "SMALL", 0)
    for keep, memory in ((False, "auto"), (True, "hold"), (True, "stream"), (True, "auto")):
        refusals = Refusals("photos", 5, lambda position: (photos[position], None))
        arguments: Any = {"memory": memory, "keep": keep, "fitting": Fitting((8, 8))}
        table = check_images(column(photos), refusals, column_name=None, subject=lambda _: "", **arguments)
        assert cache.exists() is (keep and memory == "auto")
        assert (table.pixels is None) is (memory == "stream")
    assert f"decoded images are kept in {cache_folder()} for all runs (0.0 MB)" in table.notes


def test_whoever_listens_is_told_how_far_it_is(photos: list[str]) -> None:
    told: list[tuple[str, int, int]] = []
    with told_to(lambda *what: told.append(what)):
        kept(photos)
    kept(photos, (9, 9))
    assert told == [("images", 5, 5)]
