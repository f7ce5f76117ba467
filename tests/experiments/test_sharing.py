"""Stages that runs of a comparison have in common are trained once, by whoever comes first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softlabel.experiments.cells import Cell
from softlabel.experiments.compare import compare
from softlabel.experiments.config import CompareConfig
from softlabel.experiments.sharing import with_shared_stages
from softlabel.training.build_method import build_method
from tests.training.tiny import tiny_prepared


def config(*methods: str, seeds: int = 1, **training: int) -> CompareConfig:
    values = {
        "comparison": {"methods": list(methods), "seeds": seeds},
        "training": {"epochs": 2, **training},
        "methods": {"crt": {"classifier_epochs": 1}} if "crt" in methods else {},
    }
    return CompareConfig.model_validate(values)


def planned(tmp_path: Path, asked: CompareConfig) -> dict[str, Cell]:
    cells = [
        Cell(method, seed, asked.cell(method, seed), tmp_path / "cells" / f"{method}-seed{seed}")
        for seed in asked.comparison.seed_list
        for method in asked.comparison.methods
    ]
    methods = {name: build_method(asked.cell(name, 0), tiny_prepared()) for name in asked.comparison.methods}
    return {cell.name: cell for cell in with_shared_stages(cells, methods)}


def test_only_what_others_need_too_is_shared(tmp_path: Path) -> None:
    cells = planned(tmp_path, config("cross_entropy", "crt", "label_smoothing", seeds=2))
    plain, crt = cells["cross_entropy-seed0"], cells["crt-seed0"]
    assert plain.shared[0] == crt.shared[0] is not None
    assert crt.shared[1] is None
    assert cells["label_smoothing-seed0"].shared == (None,)
    assert cells["crt-seed1"].shared[0] not in (None, crt.shared[0])
    assert (plain.given_epochs, crt.given_epochs) == (0, 2)


def test_a_run_waits_while_another_one_trains_what_it_needs(tmp_path: Path) -> None:
    cells = planned(tmp_path, config("cross_entropy", "crt", "label_smoothing"))
    plain, crt, other = cells.values()
    assert crt.waits_for([plain])
    assert not crt.waits_for([other])
    assert not other.waits_for([plain])
    crt.shared_folder.mkdir(parents=True)
    (crt.shared_folder / f"{crt.shared[0]}.json").write_text("{}")
    assert not crt.waits_for([plain])


def test_runs_of_several_processes_share_nothing(tmp_path: Path) -> None:
    cells = planned(tmp_path, config("cross_entropy", "crt", processes=2))
    assert {cell.shared for cell in cells.values()} == {()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values = {"output": {"runs": str(tmp_path_factory.mktemp("runs"))}, "data": {"imbalance": 20.0}}
    asked = config("cross_entropy", "crt", "ncm")
    return compare(CompareConfig.model_validate({**asked.model_dump(exclude_unset=True), **values}))


def test_the_first_stage_was_trained_once(folder: Path) -> None:
    logs = {name: (folder / "cells" / f"{name}-seed0" / "log.txt").read_text() for name in ("crt", "ncm")}
    assert all("goes on after 2 epochs" in log for log in logs.values())
    assert not (folder / "cells" / "shared-stages").exists()


def test_each_run_tells_all_its_epochs_under_its_own_names(folder: Path) -> None:
    cells = {cell["method"]: cell for cell in json.loads((folder / "results.json").read_text())["cells"]}
    assert [record["stage"] for record in cells["cross_entropy"]["curves"]] == ["train"] * 2
    assert [record["stage"] for record in cells["crt"]["curves"]] == ["representation"] * 2 + ["classifier"]
    shared = [[record["loss"] for record in cells[name]["curves"][:2]] for name in cells]
    assert shared[0] == shared[1] == shared[2]
