"""The commands as Python functions, with options named as the flags: `softlabel.train(source="folder:photos")`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from softlabel.cli.configuring.configuration import assemble
from softlabel.cli.configuring.dead_options import refuse_undrawn_splits
from softlabel.cli.configuring.run_folders import folder_to_resume, model_folder, training_run
from softlabel.cli.screens.answers import shortened
from softlabel.errors import ConfigError
from softlabel.experiments.config import CompareConfig, default_compare_config
from softlabel.training.config import RunConfig

if TYPE_CHECKING:
    from softlabel.analysis.agreement import ScoredAgainstVotes
    from softlabel.analysis.review import Review
    from softlabel.deployed.export import ExportReport
    from softlabel.deployed.loaded import LoadedModel
    from softlabel.deployed.rescore import Rescored, Split
    from softlabel.experiments.compare import CompareProgress
    from softlabel.networks.given import GivenBackbone
    from softlabel.networks.network import Network
    from softlabel.training.progress import Progress
    from softlabel.training.train import RunResult

PathLike = str | Path
MethodOptions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: its folder, and what results.json holds."""

    folder: Path
    results: dict[str, Any]

    def __repr__(self) -> str:
        """The table of `softlabel compare`, and the folder."""
        from softlabel.report.terminal import comparison_table

        return f"{comparison_table(self.results)}\nfolder   {self.folder}"


def train(
    recipe: PathLike | None = None,
    *,
    resume: PathLike | bool = False,
    method_options: MethodOptions | None = None,
    progress: Progress | None = None,
    backbone: str | GivenBackbone | None = None,
    **options: Any,
) -> RunResult:
    """Train one method once, as `softlabel train` does; silent unless `progress` is given.

    recipe          a TOML file to start from
    resume          True for the latest unfinished run, or its folder
    method_options  options of methods by name: {"label_smoothing": {"epsilon": 0.2}}
    backbone        a name, or any torch.nn.Module that ends with a linear layer, or a function of the inputs that
                    returns a network, made with `softlabel.networks.adapter.adapt`
    options         the command's options, as keywords: source="folder:photos", epochs=10

    Raises ConfigError, DataError or another SoftlabelError with what is wrong, where, and what was expected.
    Source: the command `softlabel train`.

    >>> import softlabel as sl
    >>> result = sl.train(source="digits", method="label_smoothing", backbone="mlp", epochs=1)  # doctest: +SKIP
    >>> result.folder.name, result.cell["status"]  # doctest: +SKIP
    ('digits-0001', 'finished')
    """
    folder, given = None, None if isinstance(backbone, str) else backbone
    if backbone is not None:
        from softlabel.networks.given import name_of

        options["backbone"] = backbone if isinstance(backbone, str) else name_of(backbone)
    if resume is not False:
        if recipe is not None:
            raise ConfigError("resume reads the run's own configuration; leave out recipe")
        runs = Path(options.get("runs", RunConfig().output.runs))
        folder = folder_to_resume("" if resume is True else str(resume), runs)
        recipe = folder / "config.toml"
    config = assemble(RunConfig, recipe=_path(recipe), given=options, methods=method_options or {}, spell=str)
    refuse_undrawn_splits(options, config, str)

    from softlabel.training.train import train as run

    return run(config, folder=folder, resume=folder is not None, progress=progress, backbone=given)


def compare(
    recipe: PathLike | None = None,
    *,
    method_options: MethodOptions | None = None,
    progress: CompareProgress | None = None,
    **options: Any,
) -> Comparison:
    """Compare methods, as `softlabel compare` does: compare(methods=["cross_entropy", "label_smoothing"], seeds=5).

    Without a source the digits are compared with a long-tailed training part. A stopped comparison of the same
    configuration goes on. Arguments and errors as in `train`.
    Source: the command `softlabel compare`; intervals as in docs/statistics.md.

    >>> import softlabel as sl
    >>> found = sl.compare(methods=["cross_entropy", "label_smoothing"], seeds=1)  # doctest: +SKIP
    >>> found.folder.name, found.results["baseline"]  # print(found) is the table  # doctest: +SKIP
    ('digits-0001', 'cross_entropy')
    """
    defaults = default_compare_config().model_dump(exclude_unset=True)
    config = assemble(
        CompareConfig,
        recipe=_path(recipe),
        given=options,
        methods=method_options or {},
        defaults=defaults,
        spell=str,
    )
    refuse_undrawn_splits(options, config, str)

    from softlabel.experiments.compare import compare as run
    from softlabel.experiments.results import results_of

    folder = run(config, progress=progress, command="softlabel.compare(…)")
    return Comparison(folder, results_of(folder))


@overload
def evaluate(
    run: PathLike, *, votes: Literal[True], split: Split | None = None, **options: Any
) -> ScoredAgainstVotes: ...


@overload
def evaluate(run: PathLike, *, votes: bool = False, split: Split | None = None, **options: Any) -> Rescored: ...


def evaluate(run: PathLike, *, votes: bool = False, split: Split | None = None, **options: Any) -> Rescored:
    """Score the model of a run on a split of its own data, or, with `source`, on other labelled data.

    votes     compare the distributions with the votes that the rows have, and these halved: the answer's `votes`
    options   how other data are read: source, image_column, label_column, resize, … as in `softlabel evaluate --help`
    Source: the command `softlabel evaluate`; scores before and after the temperature, as in Guo et al. 2017, table 1.

    >>> import softlabel as sl
    >>> scored = sl.evaluate("runs/digits-0001")  # a run of `train`
    >>> scored.split, scored.rows, scored.before["accuracy"] == scored.after["accuracy"]  # no answer moves
    ('test', 359, True)
    """
    from softlabel.cli.configuring.other_data import READING, other_data

    wrong = [name for name in options if name not in READING]
    if wrong:
        raise ConfigError(f"there is no option {wrong[0]}; evaluate takes {', '.join(READING)}")
    other = other_data(options, split, str)

    from softlabel.analysis.agreement import evaluate_against_votes
    from softlabel.deployed.rescore import evaluate as score

    return (evaluate_against_votes if votes else score)(model_folder(Path(run)), other, split)


def predict(
    run: PathLike,
    source: object,
    *,
    top: int | None = None,
    image_column: str | None = None,
    feature_columns: Sequence[str] = (),
    image_root: str | None = None,
    resize: bool | None = None,
    skip_bad: bool = False,
    abstain_below: float = 0.0,
) -> list[dict[str, Any]]:
    """The calibrated label distribution of an image, a folder of images or a table, one dictionary a row.

    source   a path, a data frame or Arrow table (columns by name), or an array (N, D) of features (by place), or uint8
             (N, C, H, W) of images

    Each has file or row, label, confidence, and distribution by class name; `top` keeps the most probable classes.
    An answer whose confidence is under `abstain_below` has None as its label.
    For more rows than fit in memory iterate over `softlabel.deployed.predict.predict`.
    Source: the command `softlabel predict`; probabilities after temperature scaling (Guo et al. 2017, section 4.2).

    >>> import softlabel as sl
    >>> (answer,) = sl.predict("runs/digits-0001", "digit.png", top=3)
    >>> list(answer), len(answer["distribution"])
    (['file', 'label', 'confidence', 'distribution'], 3)
    """
    from softlabel.deployed.predict import predict as answer

    predictions = answer(
        model_folder(Path(run)),
        source,
        image_column=image_column,
        feature_columns=feature_columns,
        image_root=image_root,
        resize=resize,
        skip_bad=skip_bad,
        abstain_below=abstain_below,
    )
    return [shortened(prediction, top) for prediction in predictions]


def load(run: PathLike, network: Network | None = None) -> LoadedModel:
    """The model of a run, a comparison or a safetensors export, for one's own program.

    network   the architecture, where it was a module of one's own, made by `softlabel.networks.adapter.adapt`
    Raises RunError for a folder without a whole model.
    Source: probabilities after temperature scaling (Guo et al. 2017, section 4.2).

    >>> import softlabel as sl
    >>> model = sl.load("runs/digits-0001")
    >>> answers = model.predict("digit.png")  # or a Pillow image, an array, a list of pictures, a data frame
    >>> answers.columns.tolist(), model.class_names[:3]
    (['label', 'confidence', 'distribution'], ['0', '1', '2'])
    """
    from softlabel.deployed.loaded import load as read

    return read(model_folder(Path(run)), network)


def review(run: PathLike, *, folds: int = 5) -> Review:
    """Judge every label of a training run by a model that did not see it, as `softlabel review` does.

    The folds are trained once; with the same number of folds the stored answers are used again.
    Source: the command `softlabel review`; confident learning (Northcutt, Jiang and Chuang, JAIR 2021).

    >>> import softlabel as sl
    >>> judged = sl.review("runs/digits-0001", folds=2)  # doctest: +SKIP
    >>> suspects = judged.ranked("mislabelled")  # the least confident first  # doctest: +SKIP
    >>> len(judged), list(judged.cells(suspects[0]))[:4]  # doctest: +SKIP
    (1438, ['row', 'place', 'given_label', 'suggested_label'])
    """
    from softlabel.analysis.review import review as judge

    return judge(training_run(Path(run)), folds)


def export(run: PathLike, out: PathLike, format: Literal["safetensors", "torch", "onnx"]) -> ExportReport:
    """Write the model of a run for other programs, with its temperature folded in, and check it.

    Source: the command `softlabel export`; the temperature of Guo et al. 2017, section 4.2, is folded into the head.

    >>> import softlabel as sl
    >>> report = sl.export("runs/digits-0001", "exported", "safetensors")
    >>> report.path.name, report.max_difference < 1e-5  # from the run's own answers
    ('exported', True)
    """
    from softlabel.deployed.export import export_model

    return export_model(model_folder(Path(run)), out, format)


def _path(recipe: PathLike | None) -> Path | None:
    if recipe is None or isinstance(recipe, str | Path):
        return None if recipe is None else Path(recipe)
    raise ConfigError(f"recipe must be the path of a TOML file, not {recipe!r}; options go by name: methods=[...]")
