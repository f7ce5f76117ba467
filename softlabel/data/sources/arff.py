"""Multi-label tables of Mulan (Tsoumakas et al., JMLR 2011): .arff or .arff.gz, with the label names in an .xml file.

    arff:PATH/emotions-train.arff.gz,emotions-test.arff.gz     the official parts
    arff:PATH/emotions.arff                                    one file, split like any source without parts

Files of one folder. The .xml file is called like the first, without '-train' (emotions.xml). Its labels are the
attributes with values 0 and 1; all other attributes are features, and numbers. Sparse rows ({3 1, 7 1}) are not read.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa

from softlabel.data.annotation_columns import level_table
from softlabel.data.columns import one_column, settled
from softlabel.data.config import DataConfig, settled_columns
from softlabel.data.draft import Draft, complete
from softlabel.data.refusals import Place, Refusal, Refusals, among, shown
from softlabel.data.source import TEST, TRAIN, Source
from softlabel.data.table_draft import feature_table
from softlabel.data.tables import existing_file
from softlabel.errors import DataError

_ATTRIBUTE = re.compile(r"@attribute\s+(?:'([^']+)'|\"([^\"]+)\"|(\S+))\s+\S", re.IGNORECASE)


@dataclass(frozen=True)
class Relation:
    """One file: its attributes, and the values of every row as text. lines (N,) is where each row stands."""

    file: str
    attributes: list[str]
    rows: list[list[str]]
    lines: list[int]
    ragged: list[Refusal]


def read(config: DataConfig, argument: str) -> Source:
    """The rows of one file, or of a training and a test file. Refusals name file and line."""
    first, _, second = argument.partition(",")
    path = existing_file(first, "arff")
    paths = [path, existing_file(os.path.join(os.path.dirname(path), second), "arff")] if second else [path]
    relations = [_read(each) for each in paths]
    label_names = _label_names(path)
    attributes = relations[0].attributes
    for name in label_names:
        one_column(name, attributes, relations[0].file)
    trained = settled_columns(config).features
    features = list(trained) or [name for name in attributes if name not in label_names]
    for each in relations:
        settled([*features, *label_names], each.attributes, each.file, "" if trained else f" as in {relations[0].file}")
    places: list[Place] = [(f"{each.file}, line {line}", None) for each in relations for line in each.lines]
    refusals = Refusals(relations[0].file, len(places), places.__getitem__)
    for refusal in (refusal for each in relations for refusal in each.ragged):
        refusals.add_outside(refusal)
    table = _table(relations, [*features, *label_names])
    if not features:
        raise DataError(f"{relations[0].file}: every attribute is a label, expected features too")
    columns = [table.column(name) for name in label_names]
    draft = Draft(
        name=_stem(path),
        refusals=refusals,
        sample_id=np.arange(len(places)),
        features=feature_table(table, features, refusals),
        feature_names=features,
        kind="levels",
        annotation=level_table(columns, label_names, False, refusals, "0 or 1"),
        annotation_columns=label_names,
        classes=label_names,
    )
    if second:
        draft.split = np.repeat(np.array([TRAIN, TEST], dtype=np.int8), [len(each.rows) for each in relations])
    return complete(draft, config)


def _read(path: str) -> Relation:
    """The header's attributes, and the rows behind @data: values between commas, quotes taken off."""
    file = os.path.basename(path)
    relation = Relation(file, [], [], [], [])
    in_data = False
    for number, line in enumerate(_lines(path, file), 1):
        if not line or line.startswith("%"):
            continue
        if in_data:
            _add_row(relation, number, line)
        elif line.lower().startswith("@attribute"):
            found = _ATTRIBUTE.match(line)
            if not found:
                raise DataError(f"{file}, line {number}: {shown(line)}, expected @attribute NAME TYPE")
            relation.attributes.append(found[1] or found[2] or found[3])
        elif line.lower().startswith("@data"):
            in_data = True
        elif not line.lower().startswith("@relation"):
            raise DataError(f"{file}, line {number}: {shown(line)}, expected @relation, @attribute or @data")
    if not in_data or not relation.attributes:
        raise DataError(f"{file}: has no attributes or no @data, expected an ARFF file")
    twice = [name for name in dict.fromkeys(relation.attributes) if relation.attributes.count(name) > 1]
    if twice:
        raise DataError(f"{file}: attributes that occur twice: {among(twice)}, expected each once")
    return relation


def _lines(path: str, file: str) -> list[str]:
    try:
        opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")  # noqa: SIM115 (closed below)
        with opened:
            text = opened.read().decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{file}: cannot be read as ARFF ({reason}), expected UTF-8 text, or that in gzip") from None
    return [line.strip() for line in text.split("\n")]


def _add_row(relation: Relation, number: int, line: str) -> None:
    width = len(relation.attributes)
    values = [value.strip().strip("'\"") for value in line.split(",")]
    where = f"{relation.file}, line {number}"
    if line.startswith("{"):
        raise DataError(f"{where}: {shown(line)} is a sparse row, expected {width:,} values between commas")
    if len(values) != width:
        relation.ragged.append(Refusal(where, None, None, f"{len(values):,} values", f"{width:,} like the attributes"))
        return
    relation.rows.append(values)
    relation.lines.append(number)


def _table(relations: list[Relation], names: list[str]) -> pa.Table:
    """The rows of all files, attributes by name: each file may have them in an order of its own."""
    parts = []
    for each in relations:
        columns = np.array(each.rows, dtype=object).reshape(-1, len(each.attributes)).T
        chosen = [pa.array(columns[each.attributes.index(name)], pa.string()) for name in names]
        parts.append(pa.table(chosen, names=names))
    return pa.concat_tables(parts).combine_chunks()


def _stem(path: str) -> str:
    name = re.sub(r"\.arff(\.gz)?$", "", os.path.basename(path), flags=re.IGNORECASE)
    return re.sub(r"-(train|test)$", "", name)


def _label_names(path: str) -> list[str]:
    """The labels of the .xml file beside the table, at least two."""
    file = f"{_stem(path)}.xml"
    described = os.path.join(os.path.dirname(path), file)
    if not os.path.isfile(described):
        raise DataError(f"{described}: does not exist, expected the names of the labels of {os.path.basename(path)}")
    try:
        root = ElementTree.parse(described).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read as XML ({error})") from None
    names = [element.get("name") or "" for element in root.iter() if element.tag.rpartition("}")[2] == "label"]
    if len(names) < 2 or not all(names):
        raise DataError(f"{file}: labels {among(names) or 'none'}, expected <label name=...> at least twice")
    return list(dict.fromkeys(names))
