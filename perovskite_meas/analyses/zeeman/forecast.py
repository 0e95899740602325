"""What a planned field scan will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.rows import EMISSION, series_names
from perovskite_meas.analyses.spectra.setup import field_angle, optional
from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

USUAL = {"bright_dark_splitting": 3.1e-4, "g_sum": 1.3e-3, "g_diff": 1.7e-2}
"""Relative 1-sigma of a scan of thirty stays to 7 T with 2e4 counts each in Voigt geometry; goes as 1/sqrt(counts)."""
USUAL_COUNTS = 112 * 5e3
USUAL_FIELD = 7.0
FEWEST_FIELDS = 4


def forecast(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate, what the fields span, and relative sigmas for planned rows.

    `sample.expect.brightness` is the rate in all lines on the camera, in electrons per second.
    """
    field = "field_set" if "field_set" in planned else "field"
    lacking = [name for name in ("series", field, "exposure") if name not in planned]
    if lacking:
        return Forecast(unknown=("what these rows tell: they have no " + ", ".join(lacking),))
    names = series_names(planned)
    own = np.isin(names, EMISSION)
    tesla = np.asarray(planned[field].values, np.float64)[own]
    seconds = np.asarray(planned["exposure"].values, np.float64)[own]
    if not own.any() or not np.isfinite(tesla).all():
        return Forecast(unknown=("what these rows tell: no spectrum of the emitter is planned",))
    sizes = np.unique(np.round(np.abs(tesla), 2))
    notes = [
        f"fields         {sizes.size} up to {sizes.max():.3g} T, {int(own.sum())} spectra of {np.median(seconds):.3g} s"
    ]
    if sizes.size < FEWEST_FIELDS:
        notes.append(
            f"{sizes.size} different |B| are fewer than the {FEWEST_FIELDS} that a joint fit needs: lines only"
        )
    if not (np.abs(tesla) < 0.05).any():
        notes.append("no zero field: the number of lines there and the brightening will not show")
    if not (tesla < -0.05).any():
        notes.append("one polarity only: nothing will tell trapped flux or an asymmetry of the coil")
    if "lamp" not in names:
        notes.append("no lamp rows: no diamagnetic shift, and the drift of the axis stays unknown")
    if "dark" not in names:
        notes.append("no dark rows: the camera's level will be guessed")
    try:
        angle = field_angle(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",), notes=tuple(notes))
    if angle is not None and angle.nominal < 45:
        notes.append("Faraday geometry: expect a dark line of a percent, and no verdict without ten times the light")
    bright = optional(planned, "sample.expect.brightness", "cps")
    if bright is None:
        return Forecast(unknown=("sample.expect.brightness",), notes=tuple(notes))
    counts = bright.nominal * float(seconds.sum())
    told: dict[str, float] = {}
    if sizes.size >= FEWEST_FIELDS and sizes.max() > 1 and (angle is None or angle.nominal > 45):
        scale = math.sqrt(USUAL_COUNTS / max(counts, 1.0)) * (USUAL_FIELD / float(sizes.max()))
        told = {name: value * scale for name, value in USUAL.items()}
    return Forecast(count_rate=bright.nominal, sigma=told, notes=tuple(notes))
