"""What the bench must have said: that it said anything, and how often the planned light excites the emitter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.core.analysis import fact
from perovskite_meas.core.errors import AnalysisRefused

from .rows import Array, Mask
from .setup import optional

if TYPE_CHECKING:
    import xarray as xr


def excited_share(planned: xr.Dataset, own: Mask) -> tuple[Array | None, list[str]]:
    """Return the probability that a pulse excites the emitter, by row on it, (n,), and what that lacks."""
    if fact(planned, "sample.expect.saturation_power") is None:
        return None, ["sample.expect.saturation_power (power at the sample of one excitation per pulse)"]
    whole = optional(planned, "sample.expect.saturation_power", "W")
    column = "power_set" if "power_set" in planned else "power"
    if whole is None or not whole.nominal > 0 or column not in planned:
        return None, ["the power of these rows"]
    power = np.asarray(planned[column].values, np.float64)[own]
    if not np.isfinite(power).all():
        return None, ["the power of these rows"]
    return -np.expm1(-np.maximum(power, 0.0) / whole.nominal), []


def require_conditions(data: xr.Dataset) -> None:
    """Refuse rows without the bench's statements: geometry, coil, lamp and camera would be guessed.

    Raises:
        AnalysisRefused: the data carry no conditions.
    """
    if not data.attrs.get("conditions"):
        raise AnalysisRefused(
            "the data carry no conditions (calibrations, geometry, camera): read the run with load_record(folder), "
            "whose .data has them; the bare data.nc does not"
        )
