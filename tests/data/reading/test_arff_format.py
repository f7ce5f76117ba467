"""ARFF text: quotes, escapes and comments as Weka writes them."""

import pytest

from softlabel.data.reading.arff_format import read_relation, unescaped, values_of


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("1, 2 ,3", ["1", "2", "3"]),
        (r"'Swainson\'s Thrush',1", ["Swainson's Thrush", "1"]),
        ('"Swainson\'s Thrush" , 1', ["Swainson's Thrush", "1"]),
        (r"'a,b',\"x\"".replace("\\", ""), ["a,b", "x"]),
        (r"'say \"x\"','50\%','a\\b','t\tab','\u00e9'", ['say "x"', "50%", "a\\b", "t\tab", "é"]),
        ("'1','2'", ["1", "2"]),
        ("1,'%',2 % a comment, with 'quotes", ["1", "%", "2"]),
        ("?,'',1", ["?", "", "1"]),
        ("1,,2", ["1", "", "2"]),
        ("'a''b',1", None),
        ("'a,1", None),
        ("1,it's", None),
        ("'x'y,1", None),
    ],
)
def test_the_values_of_a_row(line, values):
    assert values_of(line) == values


def test_escapes():
    assert unescaped(r"a\'b\"c\\n\n\q") == "a'b\"c\\n\nq"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_relation(tmp_path, end):
    text = end.join(
        [
            "% made",
            "@RELATION 'a b'",
            r"@attribute 'Swainson\'s Thrush' {0,1}",
            "@attribute \"a 'b' c\" {'x\\'y', \"z\"}",
            "@attribute size{0,1} % a comment",
            "@attribute\tplain\tnumeric",
            "@data",
            r"0,'x\'y',1,2.5",
            "% a comment",
            '1,"z",0,3 % another',
        ]
    )
    (tmp_path / "a.arff").write_bytes(b"\xef\xbb\xbf" + text.encode())
    relation = read_relation(str(tmp_path / "a.arff"))
    assert relation.attributes == ["Swainson's Thrush", "a 'b' c", "size", "plain"]
    assert relation.rows == [["0", "x'y", "1", "2.5"], ["1", "z", "0", "3"]]
    assert relation.lines == [8, 10]
    assert relation.ragged == []


def test_quotes_that_do_not_pair_are_refused_by_line(tmp_path):
    (tmp_path / "a.arff").write_text("@attribute a numeric\n@attribute b string\n@data\n1,'x\n2,'y'\n")
    relation = read_relation(str(tmp_path / "a.arff"))
    assert relation.rows == [["2", "y"]]
    assert str(relation.ragged[0]).startswith('a.arff, line 4: quotation marks do not pair in "1,\'x", expected')
