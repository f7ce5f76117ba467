"""Settings for every method of a recipe, chosen on validation rows with the same budget for each, and then frozen.

    python -m benchmarks equal_budget recipes/fashion-lt.toml --source packed:DATA/fashion_mnist_train_00000_24999
        --chosen recipes/fashion-lt-tuned.toml --out benchmarks/results/equal-budget
    softlabel compare --recipe recipes/fashion-lt-tuned.toml
        --source packed:DATA/fashion_mnist_train_00000_24999,fashion_mnist_test

Four settings a method: two learning rates, each with two values of the option that matters most in it (where it has
none, of the weight decay). `softlabel compare` trains them with one seed that the final runs do not use, on a source
without the final test rows. The setting with the lowest NLL on validation rows, after temperature, is written into the
recipe; the table has all that were tried. A comparison that was stopped goes on with the same command; the settings
tried stay in RECIPE-settings.toml, where the command was given.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import tomllib
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.benchmark import Json
from benchmarks.child import SOFTLABEL
from benchmarks.options import whole

RIVAL = "the other methods of a recipe, with as many settings to choose among"
PACKAGES = ()
QUICK = None
RATES = (0.1, 0.3)
SEED = 100
OPTIONS: dict[str, tuple[str, tuple[Any, Any]]] = {
    "cross_entropy": ("weight_decay", (5e-4, 2e-3)),
    "label_smoothing": ("epsilon", (0.1, 0.2)),
    "online_label_smoothing": ("hard_weight", (0.5, 0.8)),
    "class_weighted": ("weighting", ("effective", "inverse")),
    "focal": ("gamma", (1.0, 2.0)),
    "ldam": ("margin", (0.3, 0.5)),
    "balanced_softmax": ("weight_decay", (5e-4, 2e-3)),
    "logit_adjustment": ("tau", (1.0, 1.5)),
    "label_aware_smoothing": ("head_epsilon", (0.1, 0.3)),
    "mixup": ("alpha", (0.2, 1.0)),
    "crt": ("classifier_learning_rate", (0.02, 0.1)),
    "crt_smoothed": ("epsilon", (0.1, 0.2)),
    "crt_online": ("hard_weight", (0.5, 0.8)),
    "crt_classes": ("classifier_learning_rate", (0.02, 0.1)),
    "lws": ("classifier_learning_rate", (0.02, 0.1)),
    "lws_classes": ("classifier_learning_rate", (0.02, 0.1)),
    "tau_norm": ("weight_decay", (5e-4, 2e-3)),
    "ncm": ("features", ("centred", "plain")),
    "mislas": ("head_epsilon", (0.1, 0.3)),
    "dive": ("power", (0.5, 1.0)),
    "dasl": ("scale_by_temperature", (False, True)),
    "dasl_prior": ("label_weight", (0.3, 1.0)),
}


def untunable(recipe: Json) -> list[str]:
    """Methods of which this file does not say what matters most."""
    return [name for name in recipe["comparison"]["methods"] if name not in OPTIONS]


def variants(recipe: Json) -> dict[str, Json]:
    """Every setting that is tried, by a name of its own."""
    fixed = recipe.get("methods", {})
    found = {}
    for name in recipe["comparison"]["methods"]:
        option, values = OPTIONS[name]
        for place, (rate, value) in enumerate(itertools.product(RATES, values), 1):
            own = {"method": name, **fixed.get(name, {})}
            found[f"{name}_{place}"] = {**own, "learning_rate": rate, option: value}
    return found


def toml(recipe: Json, comparison: Json, methods: dict[str, Json], head: str) -> str:
    """The recipe with another comparison and other options of methods."""
    tables = {**recipe, "comparison": comparison, "methods": methods}
    return f"{head}\n\n{tomli_w.dumps(tables)}"


def tried(results: Json) -> list[Json]:
    """Of every setting the method that it is for, its options and its validation score."""
    settings = results["settings"]["methods"]
    score = "nll" if results["settings"]["data"]["validation_weights"] == "rows" else "balanced_nll"
    return [
        {
            "name": cell["method"].rpartition("_")[0],
            "options": settings[cell["method"]],
            "nll": cell["validation"][score],
        }
        for cell in results["cells"]
        if cell["status"] == "finished"
    ]


def told(measured: Json) -> str:
    """A line a setting, best first within its method."""
    rows = measured["rows"]
    lines = [f"{'method':24}{'rate':>6}   {'option':34}{'NLL, validation':>16}"]
    methods = list(dict.fromkeys(row["name"] for row in rows))
    for row in sorted(rows, key=lambda row: (methods.index(row["name"]), row["nll"])):
        option = _tried([other["options"] for other in rows if other["name"] == row["name"]])
        shown = f"{option} {row['options'][option]}"
        lines.append(f"{row['name']:24}{row['options']['learning_rate']:>6}   {shown:34}{row['nll']:>16.4f}")
    return "\n".join(lines)


def _tried(settings: list[Json]) -> str:
    """The option besides the learning rate in which settings of a method differ."""
    (option,) = [
        name
        for name in settings[0]
        if name != "learning_rate" and any(other[name] != settings[0][name] for other in settings)
    ]
    return option


def _without_own_name(options: Json, name: str) -> Json:
    """Only a name that is no method's needs to say whose it is."""
    return {key: value for key, value in options.items() if (key, value) != ("method", name)}


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--source", required=True, help="data without the final test rows")
    parser.add_argument("--jobs", type=whole, default=2)
    parser.add_argument("--chosen", type=Path, required=True, help="the recipe to write")


def measure(options: Namespace) -> Json:
    recipe = tomllib.loads(options.recipe.read_text(encoding="utf-8"))
    if untunable(recipe):
        raise ValueError(f"{options.recipe}: there are no settings to try for {', '.join(untunable(recipe))}")
    name = f"{options.recipe.stem}-settings"
    settings = variants(recipe)
    comparison = {"methods": list(settings), "seeds": [SEED], "jobs": options.jobs}
    grid = Path(f"{name}.toml")
    grid.write_text(toml(recipe, comparison, settings, f"# Settings tried for {options.recipe.name}."), "utf-8")
    words = ["compare", "--recipe", str(grid), "--source", options.source, "--name", name]
    subprocess.run([*SOFTLABEL, *words], check=True)
    run = max(Path("runs").glob(f"{name}-*"))
    rows = tried(json.loads((run / "results.json").read_text(encoding="utf-8")))
    options.chosen.write_text(chosen(recipe, rows, options), encoding="utf-8")
    return {"rows": rows}


def chosen(recipe: Json, rows: list[Json], options: Namespace) -> str:
    """The recipe with the best setting of each method."""
    best: dict[str, Json] = {}
    for row in sorted(rows, key=lambda row: float(row["nll"])):
        best.setdefault(row["name"], _without_own_name(row["options"], row["name"]))
    head = f"# {options.recipe.name}, with settings that benchmarks/equal_budget.py chose among four a method.\n"
    head += f"#   softlabel compare --recipe recipes/{options.chosen.name} --source SOURCE"
    return toml(recipe, recipe["comparison"], {name: best[name] for name in recipe["comparison"]["methods"]}, head)
