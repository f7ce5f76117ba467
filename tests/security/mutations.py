"""Model folders as an attacker would send them: damaged, or forged so that every hash fits again."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from softlabel.deployed.model_files import digest_of
from tests.security.audit import CANARY

CODE = f"__import__('os').system('{CANARY}')"
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**63, 10**30, 0.0, -0.5, 1e308, 1e-320, float("nan"), float("inf")),
    *(
        "",
        "a",
        "\x00",
        "\ud800",
        "../../etc/passwd",
        "/etc/passwd",
        "hf:evil/model",
        CODE,
        "a" * 5000,
        "mlp",
        "resnet56",
    ),
    *([], {}, [[]], [[[]]], [0], [-1, -1], [1] * 500, ["a", "a", "a"], [2**40, 2**40], {"a": {"b": [None]}}),
)
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "C64", "Q9", "", None, 7)


class Files(NamedTuple):
    """The two files of a model folder."""

    description: bytes
    weights: bytes

    def write(self, folder: Path) -> None:
        (folder / "model.json").write_bytes(self.description)
        (folder / "model.safetensors").write_bytes(self.weights)


Mutation = Callable[[Files, random.Random], Files]


def mutated(files: Files, count: int, seed: int) -> Iterator[tuple[str, Files]]:
    """So many files, each with the name of what was done to it; the same for the same seed."""
    names = list(MUTATIONS)
    for place in range(count):
        dice = random.Random(f"{seed} {place}")
        name = names[place % len(names)]
        yield name, MUTATIONS[name](files, dice)


def sealed(description: Any, weights: bytes) -> Files:
    """The files with hashes that fit, as far as the description has a place for them."""
    if isinstance(description, dict):
        if isinstance(description.get("weights"), dict):
            description["weights"] |= {"bytes": len(weights), "sha256": hashlib.sha256(weights).hexdigest()}
        description.pop("sha256", None)
        description["sha256"] = digest_of(description)
    return Files(json.dumps(description).encode(), weights)


def damaged(content: bytes, dice: random.Random) -> bytes:
    """A few bytes changed, cut, repeated, moved, filled or put in."""
    a, b = sorted(dice.randrange(len(content) + 1) for _ in range(2))
    match dice.randrange(7):
        case 0:
            return content[:a]
        case 1:
            return content[:a] + dice.randbytes(dice.randrange(1, 64)) + content[a:]
        case 2:
            return content[:a] + content[b:]
        case 3:
            return content[:b] + content[a:]
        case 4:
            return content[:a] + bytes([dice.choice([0, 0xFF, 0x22, 0x7B])]) * (b - a) + content[b:]
        case 5:
            return content + dice.randbytes(dice.randrange(1, 2000))
    changed = bytearray(content)
    for _ in range(dice.choice([1, 1, 2, 8])):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def damage_description(files: Files, dice: random.Random) -> Files:
    """model.json damaged, its hash left as it was."""
    return Files(damaged(files.description, dice), files.weights)


def damage_weights(files: Files, dice: random.Random) -> Files:
    """model.safetensors damaged, its hash left as it was."""
    return Files(files.description, damaged(files.weights, dice))


def forge_weights(files: Files, dice: random.Random) -> Files:
    """model.safetensors damaged, with hashes that fit."""
    return sealed(json.loads(files.description), damaged(files.weights, dice))


def forge_head(files: Files, dice: random.Random) -> Files:
    """The beginning of model.safetensors damaged, where its own lengths and names lie, with hashes that fit."""
    place = 8 + int.from_bytes(files.weights[:8], "little") if dice.random() < 0.8 else 8
    return sealed(json.loads(files.description), damaged(files.weights[:place], dice) + files.weights[place:])


def forge_header(files: Files, dice: random.Random) -> Files:
    """One entry of the header of model.safetensors replaced, doubled, moved or dropped, with hashes that fit."""
    length = int.from_bytes(files.weights[:8], "little")
    entries = list(json.loads(files.weights[8 : 8 + length]).items())
    at = dice.randrange(len(entries))
    name, entry = entries[at]
    entry = copy.deepcopy(entry)
    match dice.randrange(7):
        case 0:
            entry["dtype"] = dice.choice(DTYPES)
        case 1:
            entry["shape"] = dice.choice([*HOSTILE, [*entry["shape"], 1], entry["shape"][::-1], [2**32, 2**32]])
        case 2:
            begin, end = entry["data_offsets"]
            far = [[begin - 4, end], [begin, end + 4], [end, begin], [0, 0], [begin, 2**63], [-4, end]]
            entry["data_offsets"] = dice.choice([*HOSTILE, *far])
        case 3:
            name = dice.choice([name + ".x", "", "\x00", entries[at - 1][0], "__metadata__", CODE, "adjust_bias"])
        case 4:
            entries.append(dice.choice(entries))
        case 5:
            entries.append(("__metadata__", dice.choice(HOSTILE)))
        case 6:
            entry = dice.choice(HOSTILE)
    entries[at] = (name, entry)
    text = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in entries) + "}"
    weights = struct.pack("<Q", len(text)) + text.encode() + files.weights[8 + length :]
    return sealed(json.loads(files.description), weights)


def forge_values(files: Files, dice: random.Random) -> Files:
    """Numbers in the tensors replaced by any bits, NaN and infinity among them, with hashes that fit."""
    start = 8 + int.from_bytes(files.weights[:8], "little")
    weights = bytearray(files.weights)
    for _ in range(dice.choice([1, 3, 50])):
        place = start + 4 * dice.randrange((len(weights) - start) // 4)
        special = dice.choice([float("nan"), float("inf"), -float("inf"), 3.4e38, 1e-45])
        weights[place : place + 4] = dice.randbytes(4) if dice.random() < 0.6 else struct.pack("<f", special)
    return sealed(json.loads(files.description), bytes(weights))


def forge_description(files: Files, dice: random.Random) -> Files:
    """One to three values anywhere in model.json replaced, renamed, dropped or added, with hashes that fit."""
    description = json.loads(files.description)
    for _ in range(dice.choice([1, 1, 2, 3])):
        holder, key = dice.choice(list(_places(description)))
        match dice.randrange(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[dice.choice(["", "x", CODE, "origin", "shape", "auto_map"])] = dice.choice(HOSTILE)
            case _:
                holder[key] = copy.deepcopy(dice.choice(HOSTILE))
        if not description:
            break
    return sealed(description, files.weights)


MUTATIONS: dict[str, Mutation] = {
    "damaged model.json": damage_description,
    "damaged weights": damage_weights,
    "forged weights": forge_weights,
    "forged head": forge_head,
    "forged header": forge_header,
    "forged values": forge_values,
    "forged model.json": forge_description,
    "forged model.json again": forge_description,
}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key or index in a JSON value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, key
        if isinstance(part, (dict, list)) and part:
            yield from _places(part)
