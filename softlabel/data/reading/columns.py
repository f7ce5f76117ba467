"""Columns of a table: found by name or pattern, and turned into checked numbers or labels."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from softlabel.data.refusals import Refusals
from softlabel.errors import DataError
from softlabel.text.words import among

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
LONGEST_LABEL = 200
_LARGEST_WHOLE = 2.0**53
"""Floats above it skip whole numbers, so that two labels could have become one."""
SMALLEST, LARGEST = 1e-37, 1e37
"""Numbers are kept and standardised in float32, which is exact from 1.2e-38 to 3.4e38."""
MOST_VOTES = 1e9
_SEPARATORS = "_-.:/ "


def one_column(name: str, columns: Sequence[str], file: str) -> str:
    """The column of this name. Raises DataError with the nearest name, or when the name occurs twice."""
    if name not in columns:
        raise DataError(f"{file}: no column {name!r}{nearest(name, columns)}")
    if columns.count(name) > 1:
        raise DataError(f"{file}: column {name!r} occurs {columns.count(name)} times, expected once")
    return name


def settled(
    names: Sequence[str], columns: Sequence[str], file: str, why: str = ", which the model was trained on"
) -> list[str]:
    """The columns that a model was trained on, in its order; others are passed over.

    Raises DataError naming the first that is missing, with the nearest name, or one that occurs twice.
    """
    missing = [name for name in names if name not in columns]
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        others = [column for column in columns if column not in names]
        near = nearest(missing[0], others) if others else "; there are no others"
        raise DataError(f"{file}: no column {missing[0]!r}{more}{why}{near}")
    return [one_column(name, columns, file) for name in names]


def matching_columns(patterns: Sequence[str], columns: Sequence[str], file: str) -> list[str]:
    """The columns that names or patterns such as 'votes_*' stand for; a pattern's in the order of the table.

    Raises DataError when a name or pattern fits no column, or a column occurs twice.
    """
    found: list[str] = []
    for pattern in patterns:
        named = fitting(pattern, columns)
        if not named:
            raise DataError(f"{file}: no column fits {pattern!r}; the columns are {among(columns)}")
        found += [one_column(column, columns, file) for column in named]
    return list(dict.fromkeys(found))


def fitting(pattern: str, columns: Sequence[str]) -> list[str]:
    """What a pattern stands for, in the order of the table; a name stands for itself, whether it is there or not."""
    if pattern in columns or not any(mark in pattern for mark in "*?["):
        return [pattern]
    return [column for column in columns if fnmatchcase(column, pattern)]


def settled_features(names: Sequence[str], patterns: Sequence[str], columns: Sequence[str], file: str) -> list[str]:
    """The features of a trained model, by name; patterns, where they are given, must leave none of them out."""
    found = settled(names, columns, file)
    if patterns:
        allowed = {column for pattern in patterns for column in fitting(pattern, columns)}
        settled(names, [column for column in columns if column in allowed], f"{file}, in {among(patterns)}")
    return found


def nearest(name: str, names: Sequence[str]) -> str:
    """The end of a sentence that names what was probably meant."""
    folded = {other.strip().casefold(): other for other in names}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else f"; there are {among(names)}"


def numbers(column: pa.ChunkedArray, name: str, refusals: Refusals, expected: str) -> NDArray[np.float64]:
    """A column as float64 (N,). Text that is no number, empty values, NaN and infinities are refused and become 0."""
    column = _plain(column)
    if not _is_text(column.type) and not _is_number(column.type):
        raise DataError(f"{refusals.name}: column {name!r} holds values of type {column.type}, expected numbers")
    values = _parsed(column)
    wrong = ~np.isfinite(values)
    if wrong.any():
        with_commas = wrong & _has_commas(column)
        refusals.add_where(wrong & ~with_commas, name, _Values(column), expected)
        refusals.add_where(with_commas, name, _Values(column), f"{expected}, with a decimal point and no other marks")
        values = np.where(wrong, 0.0, values)
    return values


def float32_numbers(
    column: pa.ChunkedArray, name: str, refusals: Refusals, expected: str = "a finite number"
) -> NDArray[np.float32]:
    """As `numbers`, in float32 (N,); what float32 cannot hold, as it is too large or too small, is refused."""
    values = numbers(column, name, refusals, expected)
    size = np.abs(values)
    outside = (size > LARGEST) | ((size > 0) & (size < SMALLEST))
    refusals.add_where(outside, name, values, f"0, or a number of a size from {SMALLEST:g} to {LARGEST:g}")
    return np.where(outside, 0, values).astype(np.float32)


def labels(column: pa.ChunkedArray, name: str, refusals: Refusals, what: str = "a class label") -> pa.Array:
    """A column as text, exactly as written; whole numbers as digits. Empty and endless values are refused."""
    column = _plain(column)
    if pa.types.is_floating(column.type):  # whole numbers with gaps are often stored as floats
        values = column.to_numpy()
        finite = np.isfinite(values)
        wrong = finite & ((values != np.floor(values)) | (np.abs(values) > _LARGEST_WHOLE))
        refusals.add_where(wrong, name, values, f"{what} (text or a whole number)")
        column = pa.chunked_array([pa.array(np.where(finite & ~wrong, values, 0).astype(np.int64), mask=~finite)])
    try:
        text = column.cast(pa.string()).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise DataError(
            f"{refusals.name}: column {name!r} holds values of type {column.type}, expected labels"
        ) from None
    empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(text), ""), True).to_numpy(zero_copy_only=False)
    refusals.add_where(empty, name, _Values(column), what)
    nul = pc.fill_null(pc.match_substring(text, "\0"), False).to_numpy(zero_copy_only=False)
    refusals.add_where(nul, name, _Values(column), f"{what} without NUL characters")
    long = pc.fill_null(pc.greater(pc.utf8_length(text), LONGEST_LABEL), False).to_numpy(zero_copy_only=False)
    refusals.add_where(long, name, _Values(column), f"{what} of at most {LONGEST_LABEL} characters")
    return text


def vote_table(
    columns: Sequence[pa.ChunkedArray], names: Sequence[str], normalise: bool, refusals: Refusals
) -> NDArray[np.float64]:
    """Votes or probabilities, one column per class, as float64 (N, K).

    A table of whole numbers holds counts; any other holds probabilities, whose rows sum to 1 (to 0.001), unless
    `normalise` divides every row by its sum. Refused: NaN, negative values, rows of zeros, other sums.
    """
    votes = np.stack(
        [numbers(c, n, refusals, "votes or a probability") for c, n in zip(columns, names, strict=True)], 1
    )
    fractional = votes != np.floor(votes)
    sums = np.clip(votes, None, MOST_VOTES).sum(1)
    counted = ~fractional.any(1) & (sums != 1)
    counts = bool(counted.sum() > fractional.any(1).sum()) or not fractional.any()
    expected = "a count of votes (a whole number from 0)" if counts else "a probability (from 0)"
    for k, name in enumerate(names):
        refusals.add_where(votes[:, k] > MOST_VOTES, name, votes[:, k], f"at most {MOST_VOTES:,.0f} votes")
        wrong = (votes[:, k] < 0) | (fractional[:, k] & counts & (not normalise))
        refusals.add_where(wrong, name, votes[:, k], expected)
    _check_sums(np.clip(votes, 0, MOST_VOTES).sum(1), names, counts or normalise, refusals)
    return votes / np.where(sums > 0, sums, 1)[:, None] if normalise else votes


def class_names_of(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Classes named after their vote columns, without what all names begin with ('votes_happy' -> 'happy').

    A lone pattern 'p*' says what to take off; otherwise it is the common beginning up to its last separator.
    """
    if (
        len(patterns) == 1
        and len(patterns[0]) > 1
        and patterns[0].endswith("*")
        and not any(mark in patterns[0][:-1] for mark in "*?[")
    ):
        prefix = patterns[0][:-1]
    else:
        prefix = _common_start(names)
        prefix = prefix[: max((prefix.rfind(mark) for mark in _SEPARATORS), default=-1) + 1]
    short = [name.removeprefix(prefix) for name in names]
    return short if all(short) else list(names)


def _common_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]


def in_order(names: Sequence[str]) -> list[str]:
    """Distinct names, sorted: as numbers where all are whole numbers ('2' before '10'), otherwise as text."""
    distinct = set(names)
    if all(re.fullmatch(r"-?\d{1,18}", name) for name in distinct):
        return sorted(distinct, key=lambda name: (int(name), name))
    return sorted(distinct)


def _check_sums(sums: NDArray[np.float64], names: Sequence[str], any_sum: bool, refusals: Refusals) -> None:
    column = names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"
    open_ = ~refusals.bad
    for position in np.flatnonzero(open_ & (sums == 0)).tolist():
        refusals.add(position, column, "no votes at all", "at least one")
    if not any_sum:
        off = open_ & (sums != 0) & (np.abs(sums - 1) > 1e-3)
        for position in np.flatnonzero(off).tolist():
            refusals.add(position, column, f"a row that sums to {sums[position]:g}", "a sum of 1 (or pass --normalise)")


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    is_number = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean, pa.types.is_null)
    return any(check(kind) for check in is_number)


def _parsed(column: pa.ChunkedArray) -> NDArray[np.float64]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if not _is_text(column.type):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:  # something is no number: leave it out, then the rest can be read
        trimmed = pc.utf8_trim_whitespace(column)
        if is_truths(trimmed):
            return np.asarray(_truths(trimmed).to_numpy(), dtype=np.float64)
        known = pc.if_else(pc.match_substring_regex(trimmed, _NUMBER), trimmed, pa.scalar(None, trimmed.type))
        return np.asarray(known.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _has_commas(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where text is a number with commas: decimal ones, or thousands set apart."""
    if not _is_text(column.type):
        return np.zeros(len(column), bool)
    found = pc.match_substring_regex(column, r"^\s*[+-]?[\d.,]*\d,\d[\d.,]*\s*$")
    return np.asarray(pc.fill_null(found, False).to_numpy(), dtype=bool)


def is_truths(column: pa.ChunkedArray) -> bool:
    """Whether a column holds True and False: as booleans, or written out in any case, and nothing but blanks beside."""
    if pa.types.is_boolean(column.type):
        return True
    if not _is_text(column.type):
        return False
    words = {(word or "").strip().lower() for word in pc.unique(column).to_pylist()} - {""}
    return bool(words) and words <= {"true", "false"}


def _truths(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """1 for true, 0 for false, null for blanks."""
    word = pc.utf8_lower(text)
    truth = pc.if_else(pc.equal(word, ""), pa.scalar(None, pa.bool_()), pc.equal(word, "true"))
    return truth.cast(pa.float64())


class _Values:
    """The values of an Arrow column by position, as Python objects."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __getitem__(self, position: int) -> Any:
        return self._column[position].as_py()
