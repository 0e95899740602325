"""What planned rows without field will tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.excited import excited_share
from perovskite_meas.analyses.spectra.rows import EMISSION, series_names
from perovskite_meas.analyses.spectra.setup import optional
from perovskite_meas.core.analysis import Forecast

if TYPE_CHECKING:
    import xarray as xr


def forecast(planned: xr.Dataset) -> Forecast:
    """Return the count rate on the camera, and what the angles and exposures at zero field can show."""
    field = "field_set" if "field_set" in planned else "field"
    lacking = [name for name in ("series", field, "analyser", "exposure") if name not in planned]
    if lacking:
        return Forecast(unknown=("what these rows tell: they have no " + ", ".join(lacking),))
    own = np.isin(series_names(planned), EMISSION) & (np.abs(np.asarray(planned[field].values, np.float64)) < 0.05)
    if not own.any():
        return Forecast(unknown=("the analysis would refuse: no spectrum at zero field is planned",))
    turned = np.asarray(planned["analyser"].values, np.float64)[own]
    known = turned[np.isfinite(turned) & (turned > -999)]
    count = np.unique(np.round(known % 180)).size
    notes = [f"zero field     {int(own.sum())} spectra at {count} angle(s) of the analyser"]
    if count < 3:
        notes.append("fewer than three angles of the analyser: no polarisation of the lines")
    bright = optional(planned, "sample.expect.brightness", "cps")
    excited, unknown = excited_share(planned, own)
    unknown += ["sample.expect.brightness"] if bright is None else []
    rate = None if bright is None or excited is None else bright.nominal * float(excited.max())
    return Forecast(count_rate=rate, unknown=tuple(unknown), notes=tuple(notes))
