"""The page of a review: pictures inside it, nothing that runs, and a size that no number of rows moves."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
import torch

from softlabel.analysis.review import Filters, Review
from softlabel.analysis.strength import SUSPECTED
from softlabel.data.samples import HeldSamples
from softlabel.report.review_page import PICTURES_AT_MOST, render_review_page, review_script, script_hash
from softlabel.text.visible import visible
from softlabel.training.config import RunConfig
from tests.analysis.made import images, made_review
from tests.report.page import URL_ATTRIBUTES, parse
from tests.report.payloads import PAYLOADS
from tests.report.test_hostile import ALLOWED_TAGS

MEGABYTE = 1_000_000


def counted_review() -> Review:
    """One whose models are strong enough to count."""
    return made_review(images(300, 10), [str(k) for k in range(10)], wrong=0.2)


def test_it_says_how_many_and_shows_each_row_with_its_labels() -> None:
    review = counted_review()
    html = render_review_page(review, Filters())
    page = parse(html)
    suspected = int(review.quality.suspected.sum())
    assert f"{suspected} of {len(review)} labels are suspected" in page.text
    assert SUSPECTED in page.text
    assert "probably" not in page.text.lower()
    assert len(page.tags("img")) == suspected + min(48, len(review) - suspected)
    first = int(review.ranked("mislabelled")[0])
    given, suggested = (review.class_names[k] for k in (review.given[first], review.quality.suggested[first]))
    told = " ".join(page.text.split())
    assert f"{given} → rather {suggested} made.csv, row {review.sample_id[first] + 1} confidence" in told
    assert "--corrections reviewed.csv" in page.text


def test_a_weak_reviewer_ranks_and_counts_nothing() -> None:
    review = made_review(wrong=0.6)
    assert review.too_weak is not None
    page = parse(render_review_page(review, Filters()))
    assert "Labels are ranked, but none is counted as wrong: " + review.too_weak in page.text
    assert "probably" not in page.text
    (classes,) = page.tables
    assert {row[2] for row in classes[1:]} == {"–"}
    summary = review.summary()
    assert (summary["suspected"], summary["pairs"], summary["too_weak"]) == (None, [], review.too_weak)
    assert {entry["suspected"] for entry in summary["classes"]} == {None}
    assert {review.cells(k)["suspected"] for k in range(len(review))} == {"not counted"}
    assert len(review.ranked("mislabelled")) == review.quality.suspected.sum()  # ranked all the same


def test_the_tables_have_the_numbers_of_the_summary() -> None:
    review = counted_review()
    pairs, classes = parse(render_review_page(review, Filters())).tables
    summary = review.summary()
    assert [row[2] for row in pairs[1:]] == [str(pair["rows"]) for pair in summary["pairs"]][:12]
    assert [row[:3] for row in classes[1:]] == [
        [entry["class"], str(entry["rows"]), str(entry["suspected"])] for entry in summary["classes"]
    ]
    assert sum(entry["suspected"] for entry in summary["classes"]) == summary["suspected"]
    assert sum(pair["rows"] for pair in summary["pairs"]) == summary["suspected"]


@pytest.mark.parametrize(
    ("filters", "rows", "shown"),
    [
        (Filters(kind="mislabelled"), 3, 3),
        (Filters(kind="ambiguous"), 7, 7),
        (Filters(), 5, 10),
        (Filters(min_ambiguity=1.0), None, 0),
    ],
)
def test_filters_choose_what_is_drawn(filters: Filters, rows: int | None, shown: int) -> None:
    page = parse(render_review_page(made_review(), filters, rows))
    assert len(page.tags("img")) == shown
    assert ("None." in page.text) == (shown == 0)


def test_features_stand_in_for_a_picture() -> None:
    values = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    values[3, 5] = 99.0
    samples = HeldSamples(values, torch.arange(40), torch.arange(40) % 2, torch.arange(40))
    review = made_review(samples, ["cat", "dog"])
    prepared = review.fitted.folds.prepared
    spec = prepared.inputs.__class__("features", (64,), [0.0] * 64, [1.0] * 64)
    object.__setattr__(prepared, "inputs", spec)
    page = parse(render_review_page(review, Filters(), 40))
    assert not page.tags("img")
    assert "feature 6" in page.text
    assert "99 (+99.0 sd)" in page.text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_every_field_stays_text(payload: str) -> None:
    config = RunConfig.model_validate({"data": {"source": f"csv:{payload}"}})
    samples = images(12, 3, (1, 8, 8))
    extra = {payload: np.linspace(0, 1, 12).astype(np.float32)}
    review = made_review(samples, [payload, "b", "c"], place=payload, extra=extra, config=config, wrong=0.5)
    page = parse(render_review_page(review, Filters(classes=(payload,))))
    assert {tag for tag, _ in page.elements} <= ALLOWED_TAGS | {"script"}
    assert len(page.tags("script")) == 2
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "autofocus"]
        assert "url(" not in attributes.get("style", "")
        for name in URL_ATTRIBUTES & attributes.keys():
            assert attributes[name].startswith("data:image/png;base64,")
    assert len(page.tags("meta")) == 4
    start = " ".join(visible(payload).split())[:40]
    assert " ".join(page.text.split()).count(start) >= 10


def test_it_needs_no_network_and_runs_one_script() -> None:
    html = render_review_page(made_review(), Filters())
    page = parse(html)
    policy = next(meta["content"] for meta in page.tags("meta") if "http-equiv" in meta)
    allowed = f"script-src '{script_hash(review_script())}'"
    assert policy.startswith(f"default-src 'none'; {allowed}; style-src 'unsafe-inline'; img-src data:;")
    assert len(page.tags("script")) == 2
    assert "http" not in html.replace("http-equiv", "")
    assert "url(" not in html
    read = html.partition("<script")[0]
    assert not re.search(r"\bnan\b|\bNone\b(?!\.)|\binf\b", parse(f"{read}</body></html>").text)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_page_stays_small() -> None:
    """Two hundred rows of each kind, large coloured noise, endless names."""
    names = [f"{k:03d} {'class ' * 30}" for k in range(250)]
    html = render_review_page(made_review(images(1_000, 250), names, wrong=0.5), Filters(), 10_000)
    assert len(html.encode()) <= 2 * MEGABYTE
    uris = re.findall(r'src="(data:[^"]*)"', html)
    assert len(uris) == 400
    assert sum(map(len, uris)) <= PICTURES_AT_MOST


def test_twenty_times_as_many_rows_leave_its_size() -> None:
    small, large = (
        len(render_review_page(made_review(images(count, 5, (1, 8, 8)), list("abcde")), Filters()))
        for count in (1_000, 20_000)
    )
    assert large <= 1.02 * small


def test_of_a_distribution_over_classes_the_largest_shares_are_shown() -> None:
    shares = {
        f"latent_{k}": np.full(12, share, dtype=np.float32) for k, share in zip("abc", (0.0, 0.1, 0.9), strict=True)
    }
    review = made_review(
        images(12, 3), list("abc"), extra={"alpha": np.ones(12, dtype=np.float32), **shares}, wrong=0.5
    )
    text = parse(render_review_page(review, Filters())).text
    assert "alpha 1.00 · latent_c 0.90 · latent_b 0.10 · latent_a 0.00" in text.replace("\u00a0", " ")
