"""What a planned sweep will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.pulses.inversion import transparency
from perovskite_meas.analyses.pulses.rows import series_names, shortcomings
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.analyses.spectra.setup import optional
from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

FEWEST_BELOW = 6
FEWEST_ABOVE = 6
LATE = 2.2
"""The emission takes off between the threshold of the material and about this times its <N>."""
USUAL = 0.015
"""Relative sigma of the soft knee of 40 fluences of 20 pulses beside that of the fluence itself."""
FORTY = 40.0


def forecast(planned: xr.Dataset) -> Forecast:
    """Return <N> and the expected relative sigma of the threshold for planned rows; emission may be NaN."""
    try:
        setup = Setup.of(planned)
        names = series_names(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",))
    asked = np.asarray(planned["fluence_set"].values, np.float64)
    unknown = [f"the analysis would refuse: {reason}" for reason in shortcomings(names, asked)]
    refused = bool(unknown)
    expected = optional(planned, "sample.expect.threshold_fluence", "J/cm^2")
    if setup.optical_depth is None:
        unknown.append("sample.expect.optical_depth")
    if setup.profile is None:
        unknown.append("spot.profile")
    if expected is None:
        return Forecast(unknown=(*unknown, "sample.expect.threshold_fluence"))
    sweep = asked[np.isin(names, ("up", "down")) & np.isfinite(asked) & (asked > 0)]
    if not sweep.size:
        return Forecast(unknown=tuple(unknown))
    top = transparency(0.0 if setup.charged is None else setup.charged.nominal)
    lowest, highest = (top * (f / expected.nominal) ** setup.photons for f in (sweep.min(), sweep.max()))
    late = expected.nominal * LATE ** (1.0 / setup.photons)
    notes = []
    for count, least, where in (
        ((sweep < expected.nominal).sum(), FEWEST_BELOW, f"below the expected threshold {expected}"),
        ((sweep > late).sum(), FEWEST_ABOVE, f"above {late:.3g} J/cm^2, where the emission should have taken off"),
    ):
        if count < least:
            notes.append(f"only {count} of the fluences lie {where}: the knee may not be seen")
    sigma = {}
    if not refused and not notes:
        scale = math.hypot(*setup.scale.values(), 0.0)
        sigma["threshold"] = math.hypot(scale, USUAL * math.sqrt(FORTY / np.unique(sweep).size))
    return Forecast(
        mean_excitations=(float(lowest), float(highest)), sigma=sigma, unknown=tuple(unknown), notes=tuple(notes)
    )
