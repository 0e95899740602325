"""The result against what the bench expects of its emitter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perovskite_meas.core.value import Value

from .setup import optional

if TYPE_CHECKING:
    import xarray as xr

FAR = 3.0
"""Combined sigmas from which a result is called far from what was expected."""
CAUSES = {
    "cross_section": (
        "GM",
        "another emitter, or a wrong spot.waist, pulse.duration, pulse.repetition_rate or power_at_sample.ratio",
    ),
    "brightness": (
        "cps",
        "another emitter, or a wrong pulse.repetition_rate; the detection (alignment, filters, dead time) or sigma2 "
        "itself: spot, pulse duration, power calibration",
    ),
}


def surprises(data: xr.Dataset, found: dict[str, Value]) -> list[str]:
    """Return a note on each value that is far from `sample.expect`, where that is stated with a sigma."""
    notes = []
    for name, value in found.items():
        unit, causes = CAUSES[name]
        expected = optional(data, f"sample.expect.{name}", unit)
        if expected is None or not expected.sigma > 0 or not math.isfinite(value.nominal):
            continue
        away = (value.nominal - expected.nominal) / math.hypot(value.sigma, expected.sigma)
        if abs(away) > FAR:
            notes.append(f"{name} is {value}, {away:+.1f} sigma away from the expected {expected}: {causes}")
    return notes
