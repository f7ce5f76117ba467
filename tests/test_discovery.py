"""What other packages bring is found by its entry point, and one at fault stops nothing but itself."""

from __future__ import annotations

import sys

import pytest

from softlabel.cli.main import main
from softlabel.data.config import DataConfig
from softlabel.data.reading.open_source import describe_source, list_sources, open_source
from softlabel.discovery import find_all
from softlabel.errors import ConfigError
from softlabel.methods.base.discovery import find_method, method_names, summary

METHOD = '''"""A method of another package (Nobody 1999)."""
from softlabel.methods.cross_entropy import CrossEntropy


class Their(CrossEntropy):
    """Cross-entropy by another name."""
'''
SOURCE = '''"""Rows out of nothing.

    theirs:NUMBER
"""


def read(config, argument):
    raise AssertionError(argument)
'''


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put modules and entry points on the path as an installed package would."""

    def package(name, modules, entries):
        for module, text in modules.items():
            (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        lines = [f"[{group}]\n{entry}\n" for group, entry in entries]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        find_all.cache_clear()

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield package
    find_all.cache_clear()


def test_a_method_of_another_package(install, capsys):
    install("theirs", {"their_method": METHOD}, [("softlabel.methods", "their = their_method")])
    assert "their" in method_names()
    assert find_method("their").__name__ == "Their"
    assert summary("their") == "A method of another package (Nobody 1999)."
    assert main(["methods", "their"]) == 0
    assert "--their.learning-rate" in capsys.readouterr().out


def test_a_source_of_another_package(install, capsys):
    install("theirs", {"their_source": SOURCE}, [("softlabel.sources", "theirs = their_source")])
    assert describe_source("theirs").startswith("Rows out of nothing.")
    assert "their_source" not in sys.modules, "a description imports nothing"
    with pytest.raises(AssertionError, match="12"):
        open_source(DataConfig(source="theirs:12"))
    assert main(["sources", "theirs"]) == 0
    assert "theirs:NUMBER" in capsys.readouterr().out


def test_the_first_tenant():
    assert "packed" in list_sources()
    assert describe_source("packed").startswith("Packed benchmark images")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise OSError('no disk')", "'broken' of the package theirs cannot be loaded: OSError: no disk"),
        ("import a_package_that_is_not_there", "cannot be loaded: ModuleNotFoundError"),
        ("", "'broken' of the package theirs: broken_method defines 0 methods, expected one class of Method"),
    ],
)
def test_a_broken_one_is_named_when_it_is_asked_for(install, monkeypatch, text, expected):
    monkeypatch.delitem(sys.modules, "broken_method", raising=False)
    install("theirs", {"broken_method": text}, [("softlabel.methods", "broken = broken_method")])
    assert "broken" in method_names()
    assert find_method("cross_entropy")
    with pytest.raises(ConfigError, match=expected.replace("(", r"\(")):
        find_method("broken")


def test_the_list_of_methods_has_a_broken_one_with_its_fault(install, capsys):
    install("theirs", {"broken_list": "1 / 0"}, [("softlabel.methods", "broken = broken_list")])
    assert main(["methods"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "cannot be used: 'broken' of the package theirs cannot be loaded: ZeroDivisionError" in shown
    assert " dasl " in shown
    assert main(["methods", "--json"]) == 0
    assert '"fault"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("package", "source", "expected"),
    [
        ("raise OSError('no disk')", SOURCE, "OSError: no disk"),
        ("", "def read(:", "SyntaxError"),
        ("", None, "ModuleNotFoundError"),
    ],
)
def test_the_list_of_sources_has_a_broken_one_with_its_fault(
    install, tmp_path, monkeypatch, capsys, package, source, expected
):
    monkeypatch.delitem(sys.modules, "their_package", raising=False)
    (tmp_path / "their_package").mkdir()
    (tmp_path / "their_package" / "__init__.py").write_text(package, encoding="utf-8")
    if source is not None:
        (tmp_path / "their_package" / "broken.py").write_text(source, encoding="utf-8")
    install("theirs", {}, [("softlabel.sources", "broken = their_package.broken")])
    assert main(["sources"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"cannot be used: 'broken' of the package theirs cannot be loaded: {expected}" in shown
    assert " csv " in shown
    assert main(["sources", "broken"]) == 2
    assert expected in capsys.readouterr().err


def test_a_name_that_is_taken_is_refused_whoever_asks(install):
    install("theirs", {"m": METHOD}, [("softlabel.methods", "dasl = m")])
    with pytest.raises(ConfigError, match="the package theirs brings 'dasl', which softlabel has already"):
        find_method("dasl")
    assert find_method("cross_entropy")


def test_two_packages_with_one_name(install):
    install("theirs", {"m": METHOD}, [("softlabel.methods", "same = m")])
    install("others", {"n": METHOD}, [("softlabel.methods", "same = n")])
    with pytest.raises(ConfigError, match="2 packages bring 'same'"):
        find_method("same")


@pytest.mark.parametrize("name", ["Bad", "two-words", "a.b", "1st"])
def test_a_name_that_is_no_option_is_refused(install, name):
    install("theirs", {"m": METHOD}, [("softlabel.methods", f"{name} = m")])
    with pytest.raises(ConfigError, match="small letters"):
        find_method(name)


def test_a_source_without_its_function(install):
    install("theirs", {"empty_source": '"""Nothing."""'}, [("softlabel.sources", "empty = empty_source")])
    with pytest.raises(ConfigError, match="empty_source has no function read"):
        open_source(DataConfig(source="empty:x"))
