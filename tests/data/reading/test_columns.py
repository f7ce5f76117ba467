import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softlabel.data.reading.columns import (
    class_names_of,
    float32_numbers,
    in_order,
    labels,
    matching_columns,
    numbers,
    one_column,
    vote_table,
)
from softlabel.data.refusals import Refusals, RefusedRowsError
from softlabel.errors import DataError
from tests.oracle import data as oracle


def refusals(n):
    return Refusals("t.csv", n, lambda position: ("t.csv", position + 1))


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


def refused(collected):
    return [str(refusal) for refusal in collected._items and [r for _, r in collected._items]]


@pytest.mark.parametrize(
    "value", ["abc", "", "nan", "inf", "-Infinity", "1_000", "0x10", "1,5", "1e999", None, "--1", "٣"]
)
def test_text_that_is_no_finite_number_is_refused(value):
    collected = refusals(3)
    values = numbers(column(["1.5", value, "-2e1"], pa.string()), "x", collected, "a finite number")
    assert values.tolist() == [1.5, 0.0, -20.0]
    assert collected.good.tolist() == [0, 2]
    (text,) = refused(collected)
    assert text.startswith("t.csv, row 2, column 'x': ")
    hint = ", with a decimal point and no other marks" if "," in (value or "") else ""
    assert text.endswith(f"expected a finite number{hint}")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_written_numbers_are_read_back_exactly(values):
    collected = refusals(len(values))
    assert numbers(column([repr(v) for v in values]), "x", collected, "").tolist() == values
    assert not collected.bad.any()


def test_spaces_and_signs_are_numbers_even_beside_bad_ones():
    assert numbers(column([" 1 ", "+2", "x"]), "x", refusals(3), "").tolist() == [1.0, 2.0, 0.0]


def test_numbers_of_every_type():
    for values in ([1, 2], [1.5, 2.5], [True, False]):
        assert numbers(column(values), "x", refusals(2), "").tolist() == [float(v) for v in values]
    collected = refusals(2)
    numbers(column([1, None], pa.int64()), "x", collected, "a number")
    assert refused(collected) == ["t.csv, row 2, column 'x': an empty value, expected a number"]
    with pytest.raises(DataError, match="holds values of type list"):
        numbers(column([[1], [2]]), "x", refusals(2), "")


@pytest.mark.parametrize("value", ["5e-324", "-1e-40", "1e38", "-1e308"])
def test_numbers_that_float32_cannot_hold_are_refused(value):
    collected = refusals(3)
    assert float32_numbers(column(["1.5", value, "0"]), "x", collected).tolist() == [1.5, 0, 0]
    assert collected.good.tolist() == [0, 2]
    (text,) = refused(collected)
    assert text.startswith("t.csv, row 2, column 'x': ")
    assert text.endswith("expected 0, or a number of a size from 1e-37 to 1e+37")


def test_labels_stay_as_written():
    collected = refusals(5)
    text = labels(column(["007", "NA", "null", " a", "7"]), "y", collected)
    assert text.to_pylist() == ["007", "NA", "null", " a", "7"]
    assert not collected.bad.any()


def test_empty_labels_and_half_classes_are_refused():
    collected = refusals(3)
    labels(column(["", None, " "]), "y", collected)
    assert collected.bad.all()
    collected = refusals(3)
    assert labels(column([1.0, None, 2.5]), "y", collected).to_pylist()[0] == "1"
    assert [text.split(": ")[1] for text in refused(collected)] == [
        "2.5, expected a class label (text or a whole number)",
        "an empty value, expected a class label",
    ]
    assert labels(column([3, 10]), "y", refusals(2)).to_pylist() == ["3", "10"]
    assert labels(column(["a", "b", "a"]).dictionary_encode(), "y", refusals(3)).to_pylist() == ["a", "b", "a"]


def votes(rows, normalise=False):
    table = np.asarray(rows, dtype=np.float64)
    collected = refusals(len(table))
    names = [f"v{k}" for k in range(table.shape[1])]
    result = vote_table([column(c) for c in table.T.tolist()], names, normalise, collected)
    return result, collected


def test_counts_and_probabilities_are_kept_as_they_are():
    for rows in ([[3, 0], [1, 5]], [[0.25, 0.75], [1.0, 0.0]], [[1, 0], [0, 1]]):
        result, collected = votes(rows)
        assert result.tolist() == rows
        assert not collected.bad.any()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[3, 0], [-2, 5], [1, 1]], "t.csv, row 2, column 'v0': -2, expected a count of votes (a whole number from 0)"),
        (
            [[3, 1], [2, 0.5], [1, 1]],
            "t.csv, row 2, column 'v1': 0.5, expected a count of votes (a whole number from 0)",
        ),
        ([[3, 1], [0, 0]], "t.csv, row 2, column 'v0 ... v1': no votes at all, expected at least one"),
        ([[0.5, 0.5], [0.5, 0.4]], "t.csv, row 2, column 'v0 ... v1': a row that sums to 0.9, expected a sum of 1"),
        ([[0.5, 0.5], [1.5, -0.5]], "t.csv, row 2, column 'v1': -0.5, expected a probability (from 0)"),
        ([[3, 1], [1e308, 1e308]], "t.csv, row 2, column 'v0': 1e+308, expected at most 1,000,000,000 votes"),
        ([[0.5, 0.5], [np.nan, 1.0]], "t.csv, row 2, column 'v0': nan, expected votes or a probability"),
    ],
)
def test_bad_votes_are_refused(rows, message):
    _, collected = votes(rows)
    assert collected.good.tolist() == [i for i in range(len(rows)) if i != 1]
    assert any(text.startswith(message) for text in refused(collected))


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any), min_size=1, max_size=9))
def test_normalise_divides_rows_by_their_sums(rows):
    result, collected = votes(rows, normalise=True)
    np.testing.assert_allclose(result, oracle.probabilities_of_votes(rows), rtol=1e-14)
    assert not collected.bad.any()


def test_normalise_still_refuses_what_has_no_sum():
    _, collected = votes([[0.2, 0.2], [0.0, 0.0], [-1.0, 2.0]], normalise=True)
    assert collected.good.tolist() == [0]


@pytest.mark.parametrize(
    ("names", "patterns", "expected"),
    [
        (["votes_happy", "votes_hate"], ["votes_*"], ["happy", "hate"]),
        (["votes_happy", "votes_hate"], ["votes_happy", "votes_hate"], ["happy", "hate"]),
        (["cat", "car"], ["cat", "car"], ["cat", "car"]),
        (["p0", "p1"], ["p*"], ["0", "1"]),
        (["p0", "p1"], ["p?"], ["p0", "p1"]),
        (["a", "a_b"], ["a*"], ["a", "a_b"]),
        (["a.b.x", "a.b.y"], ["*"], ["x", "y"]),
    ],
)
def test_class_names_of_vote_columns(names, patterns, expected):
    assert class_names_of(names, patterns) == expected


def test_classes_are_ordered_as_numbers_where_they_are():
    assert in_order(["10", "2", "-1", "2"]) == ["-1", "2", "10"]
    assert in_order(["10", "2", "a"]) == ["10", "2", "a"]
    assert in_order(["7", "007"]) == ["007", "7"]


def test_columns_by_name_and_pattern():
    columns = ["path", "p1", "p2", "p10", "label", "label"]
    assert matching_columns(["p10", "p*"], columns, "t") == ["p10", "path", "p1", "p2"]
    with pytest.raises(DataError, match="did you mean 'path'"):
        one_column("Paht", columns, "t")
    with pytest.raises(DataError, match="occurs 2 times"):
        one_column("label", columns, "t")
    with pytest.raises(DataError, match=r"no column fits 'q\*'; the columns are 'path'"):
        matching_columns(["q*"], columns, "t")
    assert one_column("a[0]", ["a[0]", "b"], "t") == "a[0]"


def test_the_message_shows_five_and_counts_all():
    collected = refusals(30)
    collected.add_where(np.arange(30) >= 10, "x", np.arange(30), "less than ten")
    with pytest.raises(RefusedRowsError) as error:
        collected.settle(False)
    lines = str(error.value).splitlines()
    assert lines[0] == "t.csv: 20 of 30 rows cannot be used"
    assert lines[1] == "  t.csv, row 11, column 'x': 10, expected less than ten"
    assert len(lines) == 8
    assert "--skip-bad" in lines[-1]
    assert len(error.value.refused) == 20
    assert len(collected.settle(True)) == 20
