"""A stream of batches has the errors of the whole set."""

from __future__ import annotations

import math

import pytest

from softlabel import calibration, labels
from softlabel.calibration import StreamingCalibrationError
from tests.calibration.made import K, sample, soft_sample


def test_stream_equals_the_whole_from_logits_and_probabilities() -> None:
    logits, index = sample()
    index[::7] = -100
    whole = calibration.expected_calibration_error(logits.softmax(-1), index)
    first, second = StreamingCalibrationError(), StreamingCalibrationError()
    first.update(index[:100], logits=logits[:100])
    second.update(index[100:], probabilities=logits[100:].softmax(-1))
    first.merge_(second)
    assert first.compute() == pytest.approx(whole, abs=1e-12)
    assert first.maximum() == pytest.approx(calibration.maximum_calibration_error(logits.softmax(-1), index), abs=1e-12)
    assert first.debiased() == pytest.approx(
        calibration.debiased_calibration_error(logits.softmax(-1), index), abs=1e-12
    )
    assert [one.count for one in first.reliability()] == [
        one.count for one in calibration.reliability_curve(logits.softmax(-1), index)
    ]
    restored = StreamingCalibrationError()
    restored.load_state_dict(first.state_dict())
    assert restored.compute() == first.compute()
    assert sum(value.numel() for _, value in first) == 3 * 15


def test_stream_survives_large_logits_soft_labels_and_maps() -> None:
    logits, q = soft_sample(60)
    plain, offset, mapped = (StreamingCalibrationError() for _ in range(3))
    plain.update(q, logits=logits)
    offset.update(q, logits=logits + 1e4)
    mapped.update(labels.dense(q.view(3, 4, 5, K)), logits=logits.view(3, 4, 5, K).movedim(-1, 1))
    assert offset.compute() == pytest.approx(plain.compute(), abs=1e-9)
    assert mapped.compute() == pytest.approx(plain.compute(), abs=1e-12)


def test_stream_refuses_what_is_ambiguous() -> None:
    stream = StreamingCalibrationError()
    logits, index = sample(10)
    with pytest.raises(ValueError, match="either"):
        stream.update(index)
    with pytest.raises(ValueError, match="either"):
        stream.update(index, logits=logits, probabilities=logits.softmax(-1))
    with pytest.raises(ValueError, match="softmax"):
        stream.update(index, probabilities=logits)
    assert math.isnan(stream.compute())
