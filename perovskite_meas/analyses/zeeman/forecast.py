"""What a planned field scan will tell, from the bench's expectations alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.excited import excited_share
from perovskite_meas.analyses.spectra.rows import EMISSION, Array, series_names
from perovskite_meas.analyses.spectra.setup import Setup, optional
from perovskite_meas.core.analysis import Forecast
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

USUAL = {"bright_dark_splitting": 3.1e-4, "g_sum": 1.3e-3, "g_diff": 1.7e-2}
"""Relative statistical 1-sigma of a scan of thirty stays to 7 T with 2e4 electrons each in Voigt geometry; goes as
1/sqrt(electrons)."""
USUAL_ELECTRONS = 112 * 5e3
USUAL_FIELD = 7.0
FEWEST_FIELDS = 4
VOIGT = 45.0
"""deg between field and view."""
LAMP = 3e-4
"""Relative 1-sigma of the dispersion that rows of the lamp leave."""


def forecast(planned: xr.Dataset) -> Forecast:
    """Return the expected count rate, what the fields span, and relative sigmas for planned rows.

    The light on the camera in electrons per second is `sample.expect.brightness` (counts of the counter if every pulse
    excited the emitter) times 1 - exp(-power_set/`sample.expect.saturation_power`) times `camera.share` (electrons per
    count of the counter). The bench states the last two or the errors stay unknown.
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
    try:
        setup = Setup.of(planned)
    except AnalysisRefused as reason:
        return Forecast(unknown=(f"the analysis would refuse: {reason}",), notes=tuple(_notes(names, tesla, seconds)))
    notes, sizes = _notes(names, tesla, seconds), np.unique(np.round(np.abs(tesla), 2))
    voigt = setup.angle is None or setup.angle.nominal > VOIGT
    if not voigt:
        notes.append("Faraday geometry: the dark line is weaker and not polarised along the field; its sigmas are open")
    excited, unknown = excited_share(planned, own)
    bright = optional(planned, "sample.expect.brightness", "cps")
    share = optional(planned, "camera.share", "1")
    unknown += [
        name for name, value in (("sample.expect.brightness", bright), ("camera.share", share)) if value is None
    ]
    rate = None if bright is None or excited is None else bright.nominal * float(excited.max())
    if bright is None or excited is None or share is None:
        return Forecast(count_rate=rate, unknown=tuple(unknown), notes=tuple(notes))
    electrons = bright.nominal * share.nominal * float((excited * seconds).sum())
    told: dict[str, float] = {}
    if sizes.size >= FEWEST_FIELDS and sizes.max() > 1 and voigt:
        scale = math.sqrt(USUAL_ELECTRONS / max(electrons, 1.0)) * (USUAL_FIELD / float(sizes.max()))
        axis = LAMP if "lamp" in names else setup.dispersion
        floor = {"bright_dark_splitting": axis, "g_sum": setup.coil.relative, "g_diff": setup.coil.relative}
        told = {name: math.hypot(value * scale, floor[name]) for name, value in USUAL.items()}
    return Forecast(count_rate=rate, sigma=told, unknown=tuple(unknown), notes=tuple(notes))


def _notes(names: np.ndarray, tesla: Array, seconds: Array) -> list[str]:
    """Return what the planned fields and series can and cannot tell."""
    sizes = np.unique(np.round(np.abs(tesla), 2))
    notes = [
        f"fields         {sizes.size} up to {sizes.max():.3g} T, {tesla.size} spectra of {np.median(seconds):.3g} s"
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
    return notes
