"""Text that a spreadsheet would run as a formula, marked as text, and given back whole.

Text that begins with = + - @, a tab, a carriage return or a line feed gets an apostrophe in front, which spreadsheets
take as "this is text". A text that already begins with apostrophes and then one of these gets one more, so that
`restore` takes away exactly what `neutralise` added.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")


def neutralise(text: str) -> str:
    """The text as a spreadsheet may see it."""
    return "'" + text if _FORMULA.match(text) else text


def restore(text: str) -> str:
    """What `neutralise` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
