"""Which options are read only with others: said in the annotation of the option's field, and found there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ReadOnlyWith:
    """In the `Annotated` of a configuration's field: the option is read only where `reads` holds.

    need        what that takes, to follow the words "it needs" and "read only with"; of an option in braces, such as
                {noise}, the name is spelled as the reader would spell it
    reads       asked with the model that the field is of, and with the configuration of the whole run or comparison
    more        what a refusal says after that, from the comma on: ways to come by it, or why it is needed
    of_parts    `reads` is asked with the parts that the source brings along instead, for which it has to be opened
    """

    need: str
    reads: Callable[[Any, Any], bool]
    more: str = ""
    of_parts: bool = False

    def need_spelled(self, spell: Callable[[str], str]) -> str:
        """What it needs, with the options in braces spelled."""
        return re.sub(r"\{(\w+)\}", lambda found: spell(found[1]), self.need)

    def refusal(self, spell: Callable[[str], str]) -> str:
        """What it needs, where it was given in vain."""
        return self.need_spelled(spell) + self.more


def rules_of(model: type, name: str) -> tuple[ReadOnlyWith, ...]:
    """The rules of a field in their order; a model that states a field anew has those of the field that it replaces."""
    for kind in model.__mro__:
        field: Any = getattr(kind, "model_fields", {}).get(name)
        found = tuple(item for item in (field.metadata if field else ()) if isinstance(item, ReadOnlyWith))
        if found:
            return found
    return ()
