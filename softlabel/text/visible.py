"""Text from data, made safe to show: control characters become visible signs, half characters a replacement sign."""

from __future__ import annotations

from typing import Any

_CONTROL_PICTURES = 0x2400
_KEPT = "\n\t"


def visible(text: str) -> str:
    """The text without characters that a page, a drawing or a terminal would obey rather than show."""
    return "".join(map(_visible_character, text))


def visible_tree(value: Any) -> Any:
    """A copy of a JSON value in which every text, keys too, is visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): visible_tree(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [visible_tree(part) for part in value]
    return value


def one_line(text: str) -> str:
    """Visible text in which every run of white space is one space."""
    return " ".join(visible(text).split())


def shortened(text: str, length: int) -> str:
    """One line of at most `length` characters, cut with an ellipsis."""
    line = one_line(text)
    return line if len(line) <= length else line[: length - 1] + "…"


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 0x20 and character not in _KEPT:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return "\u2421"
    if 0x80 <= code < 0xA0 or 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE:
        return "\ufffd"
    return character
