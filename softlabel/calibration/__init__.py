"""How far confidence can be trusted, measured and mended: calibration errors, reliability, temperature scaling."""

from __future__ import annotations

from softlabel.calibration.bins import ReliabilityBin
from softlabel.calibration.errors import (
    adaptive_calibration_error,
    classwise_calibration_error,
    debiased_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_curve,
)
from softlabel.calibration.streaming import StreamingCalibrationError
from softlabel.calibration.temperature import TemperatureScaling

__all__ = [
    "ReliabilityBin",
    "StreamingCalibrationError",
    "TemperatureScaling",
    "adaptive_calibration_error",
    "classwise_calibration_error",
    "debiased_calibration_error",
    "expected_calibration_error",
    "maximum_calibration_error",
    "reliability_curve",
]
