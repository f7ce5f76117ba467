"""Defaults, recipe and flags become one configuration, which can be written down and given back."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softlabel.cli.configuring.configuration import assemble, read_settings, settings_parser, settled
from softlabel.cli.configuring.options import Option, nested, options_of
from softlabel.cli.configuring.parser import spell_flag, take_method_options
from softlabel.cli.configuring.schema_words import alternatives
from softlabel.errors import ConfigError
from softlabel.experiments.config import CompareConfig, default_compare_config
from softlabel.runs.toml import to_toml
from softlabel.training.config import RunConfig
from tests.made_options import is_read

DEFAULTS = default_compare_config().model_dump(exclude_unset=True)


def from_flags(model: Any, *words: str, recipe: Path | None = None, defaults: Any = None) -> Any:
    arguments, methods = read_settings(settings_parser("train", "", "", model), list(words))
    return settled(model, arguments, methods, recipe=recipe, defaults=defaults)


def recipe_of(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_flags_go_over_the_recipe_and_the_recipe_over_defaults(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "[training]\nepochs = 5\nbatch_size = 32\n[data]\nfeature_columns = ['a', 'b']\n")
    config = from_flags(RunConfig, "--epochs", "7", recipe=recipe)
    assert (config.training.epochs, config.training.batch_size, config.training.momentum) == (7, 32, 0.9)
    assert config.data.feature_columns == ["a", "b"]


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert from_flags(RunConfig) == RunConfig()
    assert from_flags(CompareConfig) == CompareConfig()


@pytest.mark.parametrize(
    ("words", "group", "name", "value"),
    [
        (["--resize", "32,24"], "data", "resize", (32, 24)),
        (["--resize", "32x24"], "data", "resize", (32, 24)),
        (["--resize", "32", "24"], "data", "resize", (32, 24)),
        (["--resize", "32 24"], "data", "resize", (32, 24)),
        (["--resize=32,24"], "data", "resize", (32, 24)),
        (["--resize", "224"], "data", "resize", (224, 224)),
        (["--resize", "none"], "data", "resize", None),
        (["--milestones", "0.5,0.7", "--schedule", "step"], "training", "milestones", [0.5, 0.7]),
        (["--backbone", "mlp", "--hidden", "8", "--hidden", "4,2"], "network", "hidden", [8, 4, 2]),
        (["--vote-columns", "a, b", "--source", "csv:x"], "data", "vote_columns", ["a", "b"]),
        (["--skip-bad"], "data", "skip_bad", True),
        (["--skip-bad", "--no-skip-bad"], "data", "skip_bad", False),
        (["--epochs=3", "--epochs", "4"], "training", "epochs", 4),
        (["--imbalance", "none"], "data", "imbalance", None),
        (["--name=-odd"], "output", "name", "-odd"),
    ],
)
def test_how_values_are_written(words: list[str], group: str, name: str, value: object) -> None:
    assert getattr(getattr(from_flags(RunConfig, *words), group), name) == value


def test_none_unsets_what_a_recipe_says(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, "[training]\nclip_norm = 1.0\n")
    assert from_flags(RunConfig, recipe=recipe).training.clip_norm == 1.0
    assert from_flags(RunConfig, "--clip-norm", "none", recipe=recipe).training.clip_norm is None


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("5,", [5]), ("0,4", [0, 4]), ("1", [0])], ids=["count", "one", "list", "0"]
)
def test_seeds_are_a_number_of_them_or_a_list(text: str, seeds: list[int]) -> None:
    assert from_flags(CompareConfig, "--seeds", text).comparison.seed_list == seeds


@pytest.mark.parametrize("text", ["1,,2", ",1", ",", "1,2,,"])
def test_seeds_with_a_gap_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--seeds must be a whole number from 1 to 10,000 or a list"):
        from_flags(CompareConfig, "--seeds", text)


def test_the_long_tail_of_the_default_comparison_ends_where_a_source_is_named(tmp_path: Path) -> None:
    recipe = recipe_of(tmp_path, '[data]\nsource = "digits"\n')
    assert from_flags(CompareConfig, defaults=DEFAULTS) == default_compare_config()
    assert from_flags(CompareConfig, "--seeds", "2", defaults=DEFAULTS).data.imbalance == 20
    assert from_flags(CompareConfig, "--imbalance", "5", defaults=DEFAULTS).data.imbalance == 5
    assert from_flags(CompareConfig, "--imbalance", "none", defaults=DEFAULTS).data.imbalance is None
    assert from_flags(CompareConfig, "--source", "digits", defaults=DEFAULTS).data.imbalance is None
    assert from_flags(CompareConfig, recipe=recipe, defaults=DEFAULTS).data.imbalance is None


def test_options_of_methods_from_recipe_and_flags(tmp_path: Path) -> None:
    text = "method = 'online_label_smoothing'\n[methods.online_label_smoothing]\nhard_weight = 0.7\n"
    recipe = recipe_of(tmp_path, text)
    config = from_flags(RunConfig, "--online-label-smoothing.start-epsilon", "0.2", recipe=recipe)
    assert config.methods == {"online_label_smoothing": {"hard_weight": 0.7, "start_epsilon": 0.2}}
    over = from_flags(RunConfig, "--online-label-smoothing.hard-weight=0.9", recipe=recipe)
    assert over.methods["online_label_smoothing"]["hard_weight"] == 0.9


def test_a_cell_of_a_comparison_carries_only_its_own_options() -> None:
    config = from_flags(CompareConfig, "--label-smoothing.epsilon", "0.2")
    assert config.cell("label_smoothing", 1).methods == {"label_smoothing": {"epsilon": 0.2}}
    cell = config.cell("cross_entropy", 2)
    assert (cell.methods, cell.method, cell.seed, cell.data) == ({}, "cross_entropy", 2, config.data)


def test_words_of_method_options() -> None:
    words = ["--a-b.c-d", "1", "--x", "y", "--a-b.e=-2", "--a-b.on", "--a-b.no-off", "--last.one"]
    rest, options = take_method_options(words)
    assert rest == ["--x", "y"]
    assert options == {"a_b": {"c_d": "1", "e": "-2", "on": True, "off": False}, "last": {"one": True}}


def test_keywords_take_values_as_python_has_them() -> None:
    given_ = {"epochs": 3, "milestones": [0.5], "schedule": "step", "resize": (8, 8)}
    config = assemble(RunConfig, given=given_, methods={}, spell=str)
    assert (config.training.epochs, config.training.milestones, config.data.resize) == (3, [0.5], (8, 8))
    with pytest.raises(
        ConfigError, match=r"^learning_rate must be a number above 0 and up to 1,000,000, or none, not -1$"
    ):
        assemble(RunConfig, given={"learning_rate": -1}, methods={}, spell=str)
    with pytest.raises(ConfigError, match=r"^there is no option epoch; did you mean epochs [(]default: 30[)][?]$"):
        assemble(RunConfig, given={"epoch": 1}, methods={}, spell=str)
    with pytest.raises(ConfigError, match=r"^label_smoothing.epsilon must be a number from 0 to 1, not true$"):
        assemble(
            RunConfig, given={"method": "label_smoothing"}, methods={"label_smoothing": {"epsilon": True}}, spell=str
        )


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    """Values that fit an option's schema, and are not none."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return st.one_of([_kind(kind) for kind in kinds])


def _kind(kind: Any) -> st.SearchStrategy[Any]:
    if "enum" in kind or "const" in kind:
        return st.sampled_from(kind.get("enum", [kind.get("const")]))
    match kind["type"]:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(kind.get("minimum", 0), min(kind["maximum"], 10**6))
        case "number":
            low, high = kind.get("minimum", kind.get("exclusiveMinimum", 0)), kind.get("maximum", 1e6)
            return st.floats(
                low,
                kind.get("exclusiveMaximum", high),
                exclude_min="exclusiveMinimum" in kind,
                exclude_max="exclusiveMaximum" in kind,
            )
        case "array":
            if "prefixItems" in kind:
                return st.tuples(*map(_kind, kind["prefixItems"])).map(list)
            return st.lists(_kind(kind["items"]), min_size=max(1, kind.get("minItems", 0)), max_size=3, unique=True)
    return TEXT


def overrides(model: Any, leave_out: frozenset[str] = frozenset()) -> st.SearchStrategy[dict[str, Any]]:
    options = {option.name: values_of(option.schema) for option in options_of(model) if option.name not in leave_out}
    return st.fixed_dictionaries({}, optional=options)


def consistent(values: dict[str, Any]) -> bool:
    name = values.get("name", "x")
    return not (set(name) & set("/\\\0")) and bool(name.strip("."))


@given(overrides(RunConfig).filter(consistent))
def test_a_written_configuration_reads_back_equal(values: dict[str, Any]) -> None:
    config = RunConfig.model_validate(nested(values, RunConfig))
    assert RunConfig.model_validate(tomllib.loads(to_toml(config))) == config


@given(overrides(CompareConfig, frozenset({"baseline"})).filter(consistent), TEXT, TEXT)
def test_a_written_comparison_reads_back_equal(values: dict[str, Any], method: str, option: str) -> None:
    options = {"methods": {method: {option: [1, 0.5, True, "x\x7f\n\"'"]}}}
    config = CompareConfig.model_validate(nested(values, CompareConfig) | options)
    assert CompareConfig.model_validate(tomllib.loads(to_toml(config))) == config


def test_options_of_a_method_that_is_left_out_by_hand_are_passed_over(tmp_path: Path) -> None:
    wide = "[methods.wide]\nmethod = 'label_smoothing'\nepsilon = 0.3\n"
    recipe = recipe_of(tmp_path, f"[comparison]\nmethods = ['cross_entropy', 'wide']\n{wide}")
    assert from_flags(CompareConfig, recipe=recipe).methods == {"wide": {"method": "label_smoothing", "epsilon": 0.3}}
    assert from_flags(CompareConfig, "--methods", "cross_entropy", recipe=recipe).methods == {}
    unused = recipe_of(tmp_path, f"[comparison]\nmethods = ['cross_entropy', 'focal']\n{wide}")
    with pytest.raises(ConfigError, match=r"this run does not use wide|there is no method 'wide'"):
        from_flags(CompareConfig, "--methods", "focal", recipe=unused)


def test_a_run_folders_own_file_is_a_recipe(tmp_path: Path) -> None:
    config = from_flags(RunConfig, "--method", "label_smoothing", "--label-smoothing.epsilon", "0.3", "--ema", "0.9")
    assert from_flags(RunConfig, recipe=recipe_of(tmp_path, to_toml(config))) == config


def as_words(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [spell_flag(name) if value else "--no-" + spell_flag(name)[2:]]
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return [f"{spell_flag(name)}={text}"]


def free_text(option: Option) -> bool:
    kinds = [kind.get("items", kind) for kind in alternatives(option.schema)]
    return any(kind.get("type") == "string" and "enum" not in kind for kind in kinds)


NOT_DRAWN = frozenset(
    option.name
    for option in options_of(RunConfig)
    if free_text(option) or any(rule.of_parts for rule in option.rules)  # for which the source is opened
)


@given(overrides(RunConfig, NOT_DRAWN))
def test_flags_say_what_the_recipe_says(values: dict[str, Any]) -> None:
    whole = RunConfig.model_validate(nested(values, RunConfig))
    read = {name: value for name, value in values.items() if is_read(name, whole)}
    words = [word for name, value in read.items() for word in as_words(name, value)]
    assert from_flags(RunConfig, *words) == RunConfig.model_validate(nested(read, RunConfig))


WORDS = st.one_of(
    st.sampled_from([spell_flag(option.name) for option in options_of(CompareConfig)]),
    st.sampled_from(["--label-smoothing.epsilon", "--x.y", "--", "-", "--recipe", "nowhere", "3", "a,b", "none"]),
    TEXT,
)


@settings(max_examples=150)
@given(st.lists(WORDS, max_size=5))
def test_no_words_lead_to_anything_but_a_configuration_or_a_config_error(words: list[str]) -> None:
    words = [word for word in words if word not in ("-h", "--help")]
    with contextlib.suppress(ConfigError):
        assert isinstance(from_flags(CompareConfig, *words, defaults=DEFAULTS), CompareConfig)


def test_a_method_with_other_options_has_a_name_of_its_own() -> None:
    words = ["--methods", "label_smoothing,strong", "--strong.method", "label_smoothing", "--strong.epsilon", "0.4"]
    config = from_flags(CompareConfig, *words)
    assert config.methods == {"strong": {"method": "label_smoothing", "epsilon": 0.4}}
    cell = config.cell("strong", 1)
    assert (cell.method, cell.method_kind, cell.method_options) == ("strong", "label_smoothing", {"epsilon": 0.4})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "strong", "--strong.method", "label_smothing"], "did you mean label_smoothing"),
        (["--method", "crt", "--crt.method", "dasl"], "'crt' cannot be another name for dasl"),
        (["--method", "a/b"], "there is no method 'a/b'"),
        (["--method", "strong", "--strong.method", "label_smoothing", "--strong.epsilom", "1"], "--strong.epsilon"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(words: list[str], said: str) -> None:
    with pytest.raises((ConfigError, SystemExit)) as error:
        from_flags(RunConfig, *words)
    if isinstance(error.value, ConfigError):
        assert said in str(error.value)
