"""Formats of phones that not every machine can read: AVIF needs a recent Pillow, HEIC (HEIF) a plug-in."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import BinaryIO

from PIL import features

PHONE_FORMATS = ("AVIF", "HEIF")
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
}
_READER = {"AVIF": "Pillow 11.3 or newer: pip install -U pillow", "HEIC": "its reader: pip install 'softlabel[heic]'"}


@cache
def phone_formats() -> tuple[str, ...]:
    """Those that can be read here, by Pillow's names."""
    found = ["AVIF"] if features.check("avif") else []
    if importlib.util.find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


def missing_format(stream: BinaryIO) -> tuple[str, str] | None:
    """What an unread file is and what it needs, as parts of a sentence; None where it is of no such format."""
    stream.seek(0)
    start = stream.read(12)
    name = _BRANDS.get(start[8:12]) if start[4:8] == b"ftyp" else None
    if name is None or {"AVIF": "AVIF", "HEIC": "HEIF"}[name] in phone_formats():
        return None
    return f"is a photo in {name}, which cannot be read here", _READER[name]


def boxes_are_whole(stream: BinaryIO) -> bool:
    """Whether the boxes of an ISO base media file end where the file ends."""
    size, position = stream.seek(0, os.SEEK_END), 0
    while position < size:
        stream.seek(position)
        head = stream.read(16)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8:
            return False
        if length == 0:  # to the end of the file
            return True
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return False
        position += length
    return position == size
