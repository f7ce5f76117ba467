"""Figures in sentences of pages are those of stored files, as are the tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.benchmark import ROOT, Json
from benchmarks.stored import RESULTS, read


def measured(name: str) -> Json:
    return read(RESULTS / name).measured


def long_tail() -> list[str]:
    steps = measured("long-tail-step-cpu")["steps"]
    first = steps["dasl, stage 1"]["ratio"]
    low, high = first["middle_half"]
    second, prior, crt = (
        steps[name]["ratio"]["median"] for name in ("dasl, stage 2", "dasl_prior, stage 2", "crt, stage 2")
    )
    together = measured("shared-stages-cpu")["together"]["median"]
    return [
        f"takes {first['median']:.2f} times plain cross-entropy's (middle half {low:.2f} to {high:.2f})",
        f"one of stage 2 {second:.2f} times (`dasl_prior` {prior:.2f}, cRT {crt:.2f})",
        f"{together:.2f} times one training together",
    ]


def ambiguity() -> list[str]:
    found = measured("ambiguity-step-cpu")
    steps, bound = found["steps"], found["bound"]
    ours, loop, plain = (steps[name] for name in ("dmue", "dmue, branches in a loop", "cross_entropy"))
    shared, scn = (steps[name]["to_cross_entropy"]["median"] for name in ("dmue_shared", "scn"))
    speeds = (bound["gigaflops_a_second_of_the_loops_branches"], bound["gigaflops_a_second_of_a_product"])
    return [
        f"{ours['convolution_calls']} calls of convolutions a step where a loop over ten branches has"
        f" {loop['convolution_calls']}",
        f"{ours['kept_megabytes'] / plain['kept_megabytes']:.2f} × the memory of plain training",
        f"{ours['to_cross_entropy']['median']:.1f} × plain cross-entropy, against"
        f" {loop['to_cross_entropy']['median']:.1f} × for the loop, **{ours['to_loop']['median']:.2f} times the loop's",
        f"({found['rounds']} rounds",
        f"branches run at {speeds[0]:.0f} GFLOP/s where a large product of matrices has {speeds[1]:.0f}",
        f"would be {bound['loop_to_least']['median']:.2f} times as fast as the loop",
        f"({shared:.2f} ×; SCN {scn:.2f} × in the same rounds)",
    ]


def data() -> list[str]:
    seconds = measured("data-checks-cpu")["seconds"]
    images, features = (seconds[kind]["open"]["cpu"] + seconds[kind]["split"]["cpu"] for kind in ("images", "features"))
    readers = measured("readers-cpu")
    ratio = readers["ratios"]["images_per_second"]
    low, high = ratio["middle_half"]
    looks = sum(one["readers"]["looks"] for one in readers["watched"])
    return [
        f"took {images:.1f} seconds of one core, of which decoding alone is {seconds['images']['read']['cpu']:.1f}",
        f"20 features {features:.1f} (",
        f"no error in {looks:,.0f} looks",
        f"none in {readers['often']['readers']['looks']:,.0f}",
        f"were {ratio['median']:.2f} of those of the comparison alone, the middle half from {low:.2f} to {high:.2f}",
    ]


def spatial() -> list[str]:
    rows = measured("spatial-cpu")["rows"]

    def of(rival: str) -> list[float]:
        return [row["ratio"]["median"] for row in rows if row["rival"] == rival]

    peaks = [row["ours_memory"]["peak"] for row in rows]
    slower = [1 / ratio for ratio in of("hard")]
    return [
        f"holds {min(peaks):.1f} to {max(peaks):.1f} times the logits at its peak",
        f"({min(of('by hand')):.1f} to {max(of('by hand')):.1f} times as fast)",
        f"{min(slower):.1f} to {max(slower):.1f} times that of PyTorch's",
    ]


def readme() -> list[str]:
    peaks = measured("memory-cpu")["peaks"].values()
    factors = [max(run["plan"], 1 / run["plan"]) for run in measured("progress-cpu")["runs"].values()]
    hostile, faults = measured("hostile-models"), measured("faults")["parts"]
    assert len(factors) == 10
    assert hostile["faults"] == hostile["forbidden attempts"] == []
    assert all(part["fault"] is None for part in faults)
    return [
        f"take {100 * max(many / few - 1 for few, many in peaks):.0f} % more memory at most",
        f"within a factor of {max(factors):.1f} of the real one in ten comparisons",
        f"of {hostile['files']:,} damaged or forged ones",
    ]


def label_review() -> list[str]:
    runs = measured("label-review-cpu")["runs"]
    (uncounted,) = [run for run in runs if run["too_weak"]]
    first = [run for run in runs if run["recipe"] == runs[0]["recipe"]]

    def rise(score: str) -> float:
        return sum(run[f"{score}_after"] - run[f"{score}_before"] for run in first) / len(first)

    assert len(runs) == 6
    return [
        f"One review of six counts nothing, although its {uncounted['suspected']} suspected labels",
        f"accuracy fell by {-rise('accuracy'):.3f} and the NLL got worse by {rise('nll'):.3f}",
    ]


SENTENCES = {
    "README.md": readme,
    "docs/ambiguity.md": ambiguity,
    "docs/data.md": data,
    "docs/label-distributions.md": spatial,
    "docs/label-review.md": label_review,
    "docs/long-tail.md": long_tail,
}


@pytest.mark.parametrize("page", SENTENCES)
def test_sentences_have_the_stored_figures(page: str) -> None:
    text = " ".join((ROOT / Path(page)).read_text(encoding="utf-8").split())
    for sentence in SENTENCES[page]():
        assert re.sub(r"\s+", " ", sentence) in text, sentence
