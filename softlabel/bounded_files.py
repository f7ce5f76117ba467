"""Files that the program itself wrote, read as if a stranger had: regular, of bounded size and depth, by a schema.

What is refused is refused in one line that names the file and the field. Nothing here follows a link in a file's place.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from softlabel.errors import RunError

MEBIBYTE = 2**20
MOST_JSON = 512 * MEBIBYTE
MOST_TOML = MEBIBYTE
MOST_DEPTH = 32
"""Results nest eight levels, the configuration of a pretrained backbone a few more."""
MOST_DIGITS = 24
"""Numbers of 64 bits have 20."""
SHOWN = 80

_JSON_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_TOML_TEXT = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]++|\\.)*+"|\'[^\'\n]*+\'|#[^\n]*+', re.DOTALL
)
_BRACKET = re.compile(r"[\[\]{}]")
_LONG_NUMBER = re.compile(rf"[0-9]{{{MOST_DIGITS + 1},}}")
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{MOST_DEPTH}}}")
_LARGE_EXPONENT = re.compile(r"[-+0-9.]++[eE]\+?[0-9]{3,}")
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")

Schema = TypeVar("Schema", bound=BaseModel)


class Record(BaseModel):
    """What a file, or a part of one, must hold; of what else is in it nothing is read.

    Values are not converted: a text is no number.
    """

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False, extra="allow")


def read_bytes(path: Path, most: int = MOST_JSON, *, links: bool = False) -> bytes:
    """A regular file of at most `most` bytes; a link in its place is followed only with `links`.

    Raises FileNotFoundError where there is none, RunError for a folder, a link, a fifo, a device, a longer file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW))
    except FileNotFoundError:
        raise
    except OSError as error:
        kind = "is a link, expected a file" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise RunError(f"{path} {kind}") from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
        raise RunError(f"{path} is {kind}, expected a file")
    with open(handle, "rb") as file:
        try:
            content = file.read(found.st_size + 1) if found.st_size <= most else b""
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}") from None
    if found.st_size > most or len(content) > most:
        raise RunError(f"{path} has {found.st_size:,} bytes, of such a file at most {most:,} are read")
    return content


def read_json(path: Path, schema: type[BaseModel], most: int = MOST_JSON) -> dict[str, Any]:
    """A JSON file that fits the schema, as plain values. Raises RunError when it is missing or damaged."""
    return json_of(content_of(path, most), schema, path)


def json_of(content: bytes, schema: type[BaseModel], path: Path) -> dict[str, Any]:
    """The plain values of the content of a file, which `path` names in errors."""
    try:
        values = parse_json(content)
    except ValueError as error:
        raise RunError(damaged(path, error)) from None
    checked(values, schema, path)
    found: dict[str, Any] = values
    return found


def content_of(path: Path, most: int = MOST_JSON) -> bytes:
    """`read_bytes`; a missing file too raises RunError."""
    try:
        return read_bytes(path, most)
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None


def parse_json(content: bytes) -> Any:
    """JSON as this program writes it. Raises ValueError for anything else.

    Refused: other encodings than UTF-8, a key that occurs twice, NaN and infinity, numbers longer than 64 bits, values
    nested deeper than MOST_DEPTH, texts that are no characters.
    """
    text = content.decode("utf-8")
    bare = _JSON_STRING.sub('""', text)
    _refuse_extremes(bare)
    values = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    if _HALF_CHARACTER.search(text):
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text has half of a character (such as \\ud800)") from None
    return values


def parse_toml(content: bytes, *, marked: bool = False) -> dict[str, Any]:
    """TOML that is not nested deeper than MOST_DEPTH. Raises ValueError for anything else.

    marked   whether a byte order mark may stand at the beginning, as some editors write it
    """
    text = content.decode("utf-8-sig" if marked else "utf-8")
    bare = _TOML_TEXT.sub('""', text)
    _refuse_depth(bare)
    if _DEEP_KEY.search(bare.replace('""', "s")):
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels")
    if _LONG_NUMBER.search(bare) or re.search(r"0[xob][0-9A-Fa-f_]{65,}", bare):
        raise ValueError(f"it has a number of more than {MOST_DIGITS} digits")
    return tomllib.loads(text)


def checked(values: Any, schema: type[Schema], path: Path, within: str = "") -> Schema:
    """The values by their schema. Raises RunError with the first field that does not fit it.

    within   the place of the values in the file, such as 'values'
    """
    try:
        if issubclass(schema, Record):
            return schema.model_validate(values)
        # a configuration: by way of JSON, where a list may stand for a pair, and a text for no number
        return schema.model_validate_json(json.dumps(values, default=str), strict=True)
    except ValidationError as error:
        raise RunError(damaged(path, in_words(error, within))) from None


def in_words(error: ValidationError, within: str = "") -> str:
    """The first field that does not fit, what was expected, and what was found."""
    first = error.errors(include_url=False)[0]
    place = ".".join(filter(None, [within, *(str(part) for part in first["loc"])]))
    found = "" if first["type"] == "missing" else f", not {one_line(repr(first['input']))}"
    return f"{one_line(place)}: {first['msg'].removeprefix('Value error, ')}{found}" if place else first["msg"]


def damaged(path: Path, reason: object) -> str:
    """The line that says that a file is damaged, and how it shows."""
    return f"{path} is damaged: {one_line(str(reason), 240) or 'it cannot be read'}"


def one_line(text: str, most: int = SHOWN) -> str:
    """A text on one line, cut when it is long."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def append_line(path: Path, line: str, *, sync: bool = False) -> None:
    """Add a line to a log. Raises RunError where something else than a file is in its place, OSError from the disk."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o644)
    except OSError as error:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise RunError(f"{path} is not a regular file, expected a log") from None
        raise error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise RunError(f"{path} is not a regular file, expected a log")
    with open(handle, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")
        if sync:
            file.flush()
            os.fsync(handle)


def count_lines(path: Path) -> int:
    """Ends of lines in a log; 0 where there is none that can be read."""
    try:
        return read_bytes(path).count(b"\n")
    except (FileNotFoundError, RunError):
        return 0


def _refuse_extremes(bare: str) -> None:
    _refuse_depth(bare)
    if _LONG_NUMBER.search(bare):
        raise ValueError(f"it has a number of more than {MOST_DIGITS} digits")
    for number in _LARGE_EXPONENT.findall(bare):
        if float(number) in (float("inf"), -float("inf")):
            raise ValueError(f"{number[:SHOWN]} is not a finite number")


def _refuse_depth(bare: str) -> None:
    steps = (1 if bracket in "[{" else -1 for bracket in _BRACKET.findall(bare))
    if max(accumulate(steps), default=0) > MOST_DEPTH:
        raise ValueError(f"it is nested deeper than {MOST_DEPTH} levels")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {one_line(repr(twice))} occurs twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a finite number")


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its name."""
    return one_line(str(error), 200) or type(error).__name__
