"""What a wavelength calibration finds, and the calibration that a bench makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class WavelengthCalibrationResult:
    """The axis of a spectrograph: lambda = dial + offset + dispersion (u - u^3/(2 focal^2)) + curvature u^2."""

    offset: Value | None
    """Wavelength in vacuum of the middle of the sensor less the dial, in nm; None where refused."""
    dispersion: Value | None
    """nm/px in the middle of the sensor; as stated before where there is one line alone."""
    curvature: Value | None
    """nm/px^2; as stated before where there are fewer than three lines."""
    shift: Value | None
    """Offset found less the offset stated before, in nm."""
    n_lines: int
    """Lines of the lamp that the axis rests on."""
    residual: float
    """Rms of these lines about the axis, in px; 0 where nothing is left over."""
    width: float
    """Median full width at half maximum of the lines, in px; 0 where there are none."""
    centre: float
    """Dial of the monochromator, in nm."""
    systematics: Mapping[str, float]
    """1-sigma of the offset by cause, in nm."""
    refused: str | None
    """Why no axis is claimed; None where one is."""
    lines: Mapping[str, Any]
    """By line that was seen: pixel, sigma (px), area (counts), wavelength (nm in vacuum, 0 where it was not assigned),
    residual (px), element."""
    spectrum: Mapping[str, Any]
    """pixel, counts (mean of the frames, dark subtracted)."""
    stated: Mapping[str, Any]
    """What the bench stated of the axis and goes on holding: focal (px), grating, lamp."""
    date: str
    """Day of the measurement, YYYY-MM-DD."""
    notes: tuple[str, ...]
    """Everything to know before using it."""

    def calibrations(self) -> dict[str, dict[str, Any]]:
        """Return `wavelength` as a bench file states it; nothing where refused."""
        if self.offset is None:
            return {}
        return {
            "wavelength": {
                "date": dt.date.fromisoformat(self.date),
                "centre": self.centre,
                "offset": self.offset,
                "dispersion": self.dispersion,
                "curvature": self.curvature,
                **self.stated,
            }
        }
