"""What other programs call things is understood, or told what it is called here."""

from __future__ import annotations

from pathlib import Path

import pytest

from softlabel.cli.configuring.configuration import read_settings, settings_parser, settled
from softlabel.cli.configuring.options import options_of
from softlabel.cli.configuring.other_words import OTHER_NAMES, another_command, meant, with_kind
from softlabel.errors import ConfigError
from softlabel.experiments.config import CompareConfig
from softlabel.runs.run_folder import source_name
from softlabel.training.config import RunConfig

OPTIONS = {option.name for option in options_of(RunConfig)}


def test_other_names_stand_for_options_that_there_are_and_are_none_themselves() -> None:
    assert set(OTHER_NAMES.values()) <= OPTIONS | {"recipe"}
    assert not OTHER_NAMES.keys() & OPTIONS


@pytest.mark.parametrize(
    ("name", "here"), [("lr", "learning_rate"), ("LR", "learning_rate"), ("img-size", "resize"), ("epocs", "epochs")]
)
def test_what_was_meant(name: str, here: str) -> None:
    assert meant(name, OPTIONS) == here


def test_a_name_whose_option_is_not_here_means_nothing() -> None:
    assert meant("lr", {"epochs"}) is None


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_dict.json").write_text("{}")
    (tmp_path / "odd.bin").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("photos", "folder:photos"),
        ("./photos/", "folder:./photos/"),
        ("saved", "hub:saved"),
        ("a.csv", "csv:a.csv"),
        ("A.TSV", "csv:A.TSV"),
        ("x/y.parquet", "parquet:x/y.parquet"),
        ("x.arff.gz", "arff:x.arff.gz"),
        ("x.mat", "mat:x.mat"),
        ("faces.npz", "packed:faces"),
        ("nowhere/photos", "folder:nowhere/photos"),
        ("odd.bin", "folder:odd.bin"),
        ("digits", "digits"),
        ("folder:photos", "folder:photos"),
        ("hub:some/name", "hub:some/name"),
        ("typo", "typo"),
    ],
)
def test_a_path_is_a_source(given: str, source: str, here: Path) -> None:
    assert with_kind(given) == source


@pytest.mark.parametrize("words", [["photos", "--epochs", "3"], ["--epochs", "3", "photos"], ["--source", "photos"]])
def test_a_command_takes_a_path(words: list[str], here: Path) -> None:
    arguments, methods = read_settings(settings_parser("train", "", "", RunConfig), words)
    assert settled(RunConfig, arguments, methods, recipe=None).data.source == "folder:photos"


@pytest.mark.parametrize("words", [["photos", "saved"], ["--source", "digits", "photos"], ["photos", "--nothing"]])
def test_one_source_alone(words: list[str], here: Path) -> None:
    with pytest.raises(ConfigError, match=r"unexpected argument|there is no option"):
        read_settings(settings_parser("train", "", "", RunConfig), words)


def test_the_configuration_of_the_other_command() -> None:
    assert another_command({"comparison": {}}, RunConfig.model_fields) == "compare"
    assert another_command({"method": "focal"}, CompareConfig.model_fields) == "train"
    assert another_command({"data": {}}, CompareConfig.model_fields) is None
    assert another_command({"method": "focal"}, RunConfig.model_fields) is None


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("csv:photos.csv.csv", "photos"),
        ("csv:a/faces.TSV", "faces"),
        ("arff:yeast.arff.gz", "yeast"),
        ("mat:SJAFFE.mat", "SJAFFE"),
        ("folder:my.photos", "my.photos"),
        ("csv:.csv", "run"),
        ("hub:org/set", "set"),
    ],
)
def test_the_name_of_a_run_has_no_endings(source: str, name: str) -> None:
    assert source_name(source) == name


def test_the_name_of_a_kind_is_that_kind_whatever_is_in_the_folder(here: Path) -> None:
    (here / "digits" / "a").mkdir(parents=True)
    assert with_kind("digits") == "digits"
    assert with_kind("./digits") == "folder:./digits"


def test_a_folder_says_by_its_files_which_kind_reads_it(here: Path) -> None:
    for folder in ("street/images", "street/masks", "parts/train/images", "parts/train/masks", "cut"):
        (here / folder).mkdir(parents=True)
    (here / "cut" / "X_train.txt").write_text("")
    assert [with_kind(name) for name in ("street", "parts", "cut")] == ["masks:street", "masks:parts", "lists:cut"]


def test_a_file_may_have_a_colon_in_its_name(here: Path) -> None:
    (here / "a:b.csv").write_text("")
    assert with_kind("a:b.csv") == "csv:a:b.csv"


def test_a_recipe_may_name_a_path_too(here: Path) -> None:
    recipe = here / "r.toml"
    recipe.write_text('[data]\nsource = "photos"\n')
    arguments, methods = read_settings(settings_parser("train", "", "", RunConfig), [])
    assert settled(RunConfig, arguments, methods, recipe=recipe).data.source == "folder:photos"


def test_a_recipe_of_both_commands_sends_nobody_round_in_circles() -> None:
    both = {"method": "focal", "comparison": {}}
    assert another_command(both, RunConfig.model_fields) == "compare"
    assert another_command(both, CompareConfig.model_fields) is None


def test_what_a_run_has_one_of_a_comparison_has_several_of() -> None:
    options = {option.name for option in options_of(CompareConfig)}
    assert (meant("loss", options), meant("random_state", options)) == ("methods", "seeds")


def test_parts_of_a_source_keep_no_endings_in_the_name_of_a_run() -> None:
    assert source_name("arff:p/emo-train.arff.gz,emo-test.arff.gz") == "emo-train-emo-test"
