"""Decoded images on the disk: made once, mapped into memory, shared by all runs that read them in one size.

They lie in the user's cache folder, under a name made of everything that decides their pixels. What was not used for a
month is removed when something new is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray

from softlabel.data.fitting import Fitting
from softlabel.data.images import BadImageError, Colour
from softlabel.data.reading.decoded import Bad, decode_into
from softlabel.data.samples import EncodedImages

FORMAT = "1"
VARIABLE = "SOFTLABEL_CACHE"
"""The environment variable that names another folder."""
PIXELS, BAD = "pixels.npy", "bad.json"
UNUSED_SECONDS = 30 * 24 * 3600.0
SPARE = 2**30
"""Bytes that are left free on the disk."""


@dataclass(frozen=True)
class Kept:
    """Images uint8 (N, C, H, W), mapped, and those of the asked positions that could not be decoded."""

    pixels: NDArray[np.uint8]
    bad: Bad


def cache_folder() -> Path:
    """Where decoded images are kept: SOFTLABEL_CACHE, or else softlabel in the user's cache folder."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "softlabel"


def kept_images(
    encoded: EncodedImages,
    positions: Sequence[int],
    shape: tuple[int, int, int],
    colour: Colour,
    fitting: Fitting | None,
) -> Kept:
    """The images, decoded now or before. Raises OSError where the disk does not take them."""
    folder = cache_folder() / "images"
    place = folder / _key(encoded, positions, shape, colour, fitting)
    kept = _opened(place, (len(encoded), *shape))
    if kept is None:
        _make(folder, place, encoded, positions, shape, colour, fitting)
        kept = _opened(place, (len(encoded), *shape))
    if kept is None:
        raise OSError(f"{place} cannot be read again")
    return kept


def _key(
    encoded: EncodedImages,
    positions: Sequence[int],
    shape: tuple[int, int, int],
    colour: Colour,
    fitting: Fitting | None,
) -> str:
    digest = hashlib.blake2b(digest_size=16)
    settings = (FORMAT, PIL.__version__, shape, colour, fitting, encoded.max_pixels, encoded.white_level, len(encoded))
    digest.update(repr(settings).encode())
    for position in positions:
        one = encoded[position]
        if isinstance(one, bytes):
            digest.update(f"{position}\x1f".encode() + hashlib.blake2b(one, digest_size=16).digest())
        else:
            digest.update(f"{position}\x1f{os.path.realpath(one)}\x1f{_version(one)}\x1e".encode())
    return digest.hexdigest()


def _version(path: str) -> str:
    """What changes when a file does, be it to another of the same size and time."""
    found = os.stat(path)
    return f"{found.st_size}\x1f{found.st_mtime_ns}\x1f{found.st_ctime_ns}"


def _opened(place: Path, shape: tuple[int, ...]) -> Kept | None:
    try:
        pixels = np.lib.format.open_memmap(place / PIXELS, "c")
        bad = json.loads((place / BAD).read_bytes())
        if pixels.shape != shape or pixels.dtype != np.uint8:
            return None
        os.utime(place)  # it was used
        found = [(int(position), BadImageError(str(problem), str(expected))) for position, problem, expected in bad]
    except (OSError, ValueError, TypeError):  # not there, or damaged: it is made again
        return None
    return Kept(pixels, found)


def _make(
    folder: Path,
    place: Path,
    encoded: EncodedImages,
    positions: Sequence[int],
    shape: tuple[int, int, int],
    colour: Colour,
    fitting: Fitting | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove_unused(folder)
    size = len(encoded) * int(np.prod(shape))
    if shutil.disk_usage(folder).free < size + SPARE:
        raise OSError(f"{folder} has no room for {size / 1e9:.1f} GB")
    making = Path(tempfile.mkdtemp(prefix="making-", dir=folder))
    try:
        pixels = np.lib.format.open_memmap(making / PIXELS, "w+", np.uint8, (len(encoded), *shape))
        with (making / PIXELS).open("r+b") as file:  # a full disk is an error here, not the end of the process later
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        bad = decode_into(pixels, encoded, positions, colour, fitting)
        del pixels
        (making / BAD).write_text(json.dumps([(position, error.problem, error.expected) for position, error in bad]))
        shutil.rmtree(place, ignore_errors=True)  # a damaged one
        with contextlib.suppress(OSError):  # another process may have made the same
            making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - UNUSED_SECONDS
    for place in folder.iterdir():
        with contextlib.suppress(OSError):
            if place.stat().st_mtime < oldest:
                shutil.rmtree(place)
