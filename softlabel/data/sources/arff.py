"""Multi-label tables of Mulan (Tsoumakas et al., JMLR 2011): .arff or .arff.gz, with the label names in an .xml file.

    arff:PATH/emotions-train.arff.gz,emotions-test.arff.gz     the official parts
    arff:PATH/emotions.arff                                    one file, split like any source without parts

Each file is named as from the working folder; the second may also be one beside the first. The .xml file stands beside
the first and is called like it, without '-train' (emotions.xml). Its labels are the attributes with values 0 and 1; all
other attributes are features, and numbers. Sparse rows ({3 1, 7 1}) are not read.
"""

from __future__ import annotations

import os
import re
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa

from softlabel.data.annotation import LEVELS
from softlabel.data.config import DataConfig, settled_columns
from softlabel.data.reading.annotation_columns import level_table
from softlabel.data.reading.arff_format import Relation, read_relation, unescaped
from softlabel.data.reading.columns import one_column, settled
from softlabel.data.reading.complete import complete
from softlabel.data.reading.draft import Draft
from softlabel.data.reading.split_names import ANY_WORD, part_named
from softlabel.data.reading.table_draft import feature_table
from softlabel.data.reading.tables import existing_file
from softlabel.data.refusals import Place, Refusals
from softlabel.data.source import SPLIT_NAMES, TEST, TRAIN, Source
from softlabel.errors import DataError
from softlabel.text.words import among

_PART = re.compile(rf"[-_]({ANY_WORD})$", re.IGNORECASE)


def read(config: DataConfig, argument: str) -> Source:
    """The rows of one file, or of a training and a test file. Refusals name file and line."""
    paths = _existing_files(argument)
    path = paths[0]
    parts = _parts_of(paths) if len(paths) == 2 else []
    relations = [read_relation(each) for each in paths]
    attributes = relations[0].attributes
    label_names = _as_attributes(_label_names(path), attributes)
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
        kind=LEVELS,
        annotation=level_table(columns, label_names, False, refusals, "0 or 1"),
        annotation_columns=label_names,
        classes=label_names,
    )
    if parts:
        draft.split = np.repeat(np.array(parts, dtype=np.int8), [len(each.rows) for each in relations])
    return complete(draft, config)


def _existing_files(argument: str) -> list[str]:
    """The one or two files of an argument, each as it is named; a second one may also stand beside the first."""
    first, _, second = argument.partition(",")
    if not second or os.path.isfile(argument):
        return [existing_file(argument.removesuffix(",") if not os.path.isfile(argument) else argument, "arff")]
    path = existing_file(first, "arff")
    named = os.path.expanduser(second)
    beside = os.path.join(os.path.dirname(path), named)
    found = [place for place in (named, beside) if os.path.isfile(place)]
    if len(found) == 2 and not os.path.samefile(named, beside):
        raise DataError(f"{second}: is in the working folder and beside {first}, expected one file; give a whole path")
    return [path, found[0] if found else existing_file(named, "arff")]


def _parts_of(paths: list[str]) -> list[int]:
    """The part of each file: as its name says, otherwise the first is for training and the second the test part."""
    named = [_PART.search(_stem_of(path)) for path in paths]
    parts = [
        default if found is None else part_named(found[1]) or TRAIN
        for found, default in zip(named, (TRAIN, TEST), strict=True)
    ]
    if parts[0] != TRAIN or parts[1] == TRAIN:
        names = " and ".join(os.path.basename(path) for path in paths)
        raise DataError(
            f"{names}: the names say {' and '.join(SPLIT_NAMES[part] for part in parts)}, "
            "expected the training file first and another part behind it"
        )
    return parts


def _table(relations: list[Relation], names: list[str]) -> pa.Table:
    """The rows of all files, attributes by name: each file may have them in an order of its own."""
    parts = []
    for each in relations:
        columns = np.array(each.rows, dtype=object).reshape(-1, len(each.attributes)).T
        chosen = [pa.array(columns[each.attributes.index(name)], pa.string()) for name in names]
        parts.append(pa.table(chosen, names=names))
    return pa.concat_tables(parts).combine_chunks()


def _stem(path: str) -> str:
    return _PART.sub("", _stem_of(path))


def _stem_of(path: str) -> str:
    return re.sub(r"\.arff(\.gz)?$", "", os.path.basename(path), flags=re.IGNORECASE)


def _as_attributes(labels: list[str], attributes: list[str]) -> list[str]:
    """Names of labels as the table writes them; some files of Mulan keep the backslashes of ARFF in the XML."""
    return [name if name in attributes else unescaped(name) for name in labels]


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
