"""Finds what a person means by a run: a comparison, a training run, a model, or the latest of them."""

from __future__ import annotations

from pathlib import Path

from softlabel.errors import RunError
from softlabel.text.words import nearest


def folder_to_resume(named: str, runs: Path) -> Path:
    """The named run folder, or the latest unfinished training run below `runs`. Raises RunError where there is none."""
    if named:
        folder = existing(Path(named))
        if not (folder / "config.toml").is_file():
            raise RunError(f"{folder} is not a run folder: it has no config.toml")
        return folder
    started = [path for path in _children(runs) if (path / "config.toml").is_file() and (path / "checkpoints").is_dir()]
    unfinished = [path for path in started if not (path / "result.json").exists()]
    if not unfinished:
        seen = (
            f"{len(started)} run{'s' * (len(started) != 1)} there, all finished" if started else "no training run there"
        )
        raise RunError(f"nothing to resume in {runs}: {seen}")
    return max(unfinished, key=_last_change)


def model_folder(run: Path) -> Path:
    """The folder of the model that a comparison, a run or a model folder holds. Raises RunError where there is none."""
    run = existing(run)
    for folder in (run, run / "model"):
        if (folder / "model.json").is_file():
            return folder
    if run.is_file():
        raise RunError(f"{run} is a file; RUN is the folder of a comparison, a run or a model")
    inside = [path for path in _children(run) if (path / "model" / "model.json").is_file()]
    if inside:
        raise RunError(
            f"{run} holds {len(inside)} runs; name one of them, for instance {max(inside, key=_last_change)}"
        )
    started = (run / "config.toml").is_file()
    raise RunError(f"{run} has no model" + (" yet: the run is not finished" if started else ""))


def training_run(run: Path) -> Path:
    """The folder of a training run: the named one, or of a comparison the run whose model is kept.

    Raises RunError where there is none.
    """
    run = existing(run)
    if run.is_file():
        raise RunError(f"{run} is a file; RUN is the folder of a training run or of a comparison")
    if not (run / "results.json").is_file():
        return run
    from softlabel.runs.run_folder import read_json

    kept = read_json(run / "results.json")["verdict"]["kept"]
    folder: Path | None = None if kept is None else run / kept["folder"]
    if folder is None:
        raise RunError(f"{run} keeps no model (nothing was selected); name one of the runs in {run / 'cells'}")
    if not folder.resolve().is_relative_to(run.resolve()):
        raise RunError(f"{run / 'results.json'} names a run outside of its folder: {folder}")
    return folder


def existing(path: Path) -> Path:
    """The path, if it exists. Raises RunError with the nearest name beside it."""
    if path.exists():
        return path
    near = nearest(path.name, (other.name for other in _children(path.parent)))
    raise RunError(f"there is no {str(path)!r}" + (f"; did you mean {path.parent / near}?" if near else ""))


def _children(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _last_change(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *_children(folder)))
