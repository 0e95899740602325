"""The rows of a fluence sweep as plain arrays, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.columns import category_names, meanings
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Names = npt.NDArray[np.str_]

COLUMNS = {
    "series": "1",
    "fluence_set": "J/cm^2",
    "fluences": "J/cm^2",
    "shots": "1",
    "spectra": "1",
    "frames": "1",
    "paired": "1",
    "exposure": "s",
    "wavelength": "nm",
    "transmission": "1",
}
SERIES = ("dark", "scout", "up", "down", "return", "fresh", "overlap", "heating", "polarised")
SWEEP = ("up", "down", "return")
FEWEST_FLUENCES = 8
FEWEST_PIXELS = 30


@dataclass(frozen=True)
class Rows:
    """Usable exposures: n rows of up to k pulses and m frames of P pixels."""

    index: Indices
    """Row in the dataset, (n,)."""
    series: npt.NDArray[np.str_]
    """(n,)."""
    time: Array
    """s, (n,)."""
    asked: Array
    """Fluence that was asked for, J/cm^2, (n,)."""
    fluences: Array
    """Incident peak fluence of each pulse as measured, J/cm^2, padded with zeros, (n, k)."""
    shots: Array
    """Pulses on the film, (n,)."""
    uncertain: Array
    """Pulses of which it is not known whether they reached the film, (n,)."""
    spectra: Array
    """As read, in analogue-to-digital counts, (n, m, P)."""
    frames: Indices
    """Frames that hold something, (n,)."""
    paired: Mask
    """Whether frame j belongs to pulse j, (n,)."""
    exposure: Array
    """Of one frame, s, (n,)."""
    wavelength: Array
    """In vacuum, nm, (n, P)."""
    transmission: Array
    """Of the filter before the spectrometer, as stated, (n,)."""
    step: Indices
    """Place of that filter, (n,)."""
    saturated: Array
    """Pixels at full scale, (n,)."""
    rate: Array
    """Pulses per second, (n,)."""
    spot: Indices
    """0 the main one, (n,)."""
    dose: Array
    """On this spot before, J/cm^2, (n,)."""
    fired: Array
    """Pulses on this spot before, (n,)."""
    analyser: Array
    """deg, NaN without one, (n,)."""
    across: Array
    """Place on the film across the line, um, (n,)."""

    def __len__(self) -> int:
        return len(self.index)

    def of(self, *names: str) -> Rows:
        """Return the rows of the named series."""
        return self.only(np.isin(self.series, names))

    def only(self, keep: Mask | Indices) -> Rows:
        """Return the selected rows."""
        return Rows(*(getattr(self, item.name)[keep] for item in fields(self)))


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series, by its flag attributes where there are any."""
    found = meanings(data["series"].attrs)
    return category_names(data["series"].values, dict(enumerate(SERIES)) if found is None else found)


def read_rows(
    data: xr.Dataset, *, who: str = "threshold", columns: Iterable[str] = tuple(COLUMNS), main: str = "up"
) -> tuple[Rows, list[str]]:
    """Return every usable row of a run, and what was left out.

    Args:
        data: of the run.
        who: reads them, for messages.
        columns: that must be there.
        main: series without which there is nothing to read.

    Raises:
        AnalysisRefused: a column is missing, no sweep, or too few fluences.
    """
    if missing := [name for name in columns if name not in data]:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which {who} needs")
    names = series_names(data)
    spectra, wavelength = (np.asarray(data[name].values, np.float64) for name in ("spectra", "wavelength"))
    if spectra.ndim == 2:
        spectra = spectra[:, None, :]
    if not names.size or spectra.ndim != 3 or wavelength.shape != (names.size, spectra.shape[2]):
        raise AnalysisRefused(
            f"spectra {spectra.shape} must be (row, frame, pixel) and wavelength {wavelength.shape} (row, pixel)"
        )
    if spectra.shape[2] < FEWEST_PIXELS:
        raise AnalysisRefused(f"the spectra have {spectra.shape[2]} pixels; at least {FEWEST_PIXELS} are needed")
    fluences = np.nan_to_num(np.asarray(data["fluences"].values, np.float64).reshape(names.size, -1))
    analyser = _column(data, "analyser", -1000.0)
    frames = np.clip(np.nan_to_num(_column(data, "frames")), 0, spectra.shape[1]).astype(np.intp)
    every = Rows(
        np.arange(names.size), names, _column(data, "time"), _column(data, "fluence_set"), fluences,
        _column(data, "shots"), np.nan_to_num(_column(data, "uncertain")), spectra, frames,
        np.nan_to_num(_column(data, "paired")) > 0, _column(data, "exposure"), wavelength,
        _column(data, "transmission", 1.0), np.nan_to_num(_column(data, "step")).astype(np.intp),
        np.nan_to_num(_column(data, "saturated")), np.nan_to_num(_column(data, "rate")),
        np.nan_to_num(_column(data, "spot")).astype(np.intp), np.nan_to_num(_column(data, "dose")),
        np.nan_to_num(_column(data, "shots_before")), np.where(analyser > -999, analyser, np.nan),
        np.nan_to_num(_column(data, "y")),
    )  # fmt: skip
    return _usable(every, main)


def _usable(every: Rows, main: str) -> tuple[Rows, list[str]]:
    inside = np.arange(every.spectra.shape[1])[None, :] < every.frames[:, None]
    whole = (np.isfinite(every.spectra).all(axis=2) | ~inside).all(axis=1) & (every.frames > 0)
    whole &= np.isfinite(every.wavelength).all(axis=1) & (every.wavelength > 0).all(axis=1)
    dark = every.series == "dark"
    pulses = (every.fluences > 0).sum(axis=1)
    whole &= dark | ((every.shots > 0) & (every.transmission > 0) & (pulses > 0) & (pulses == every.shots))
    full = (every.saturated > 0) & ~dark
    notes = [
        f"{int(bad.sum())} row(s) {why} were left out"
        for bad, why in ((~whole, "without finite spectra or the energy of every pulse"), (full & whole, "with "
                         "saturated pixels")) if bad.any()
    ]  # fmt: skip
    rows = every.only(whole & ~full)
    if missing := shortcomings(rows.series, rows.asked, main):
        raise AnalysisRefused("; ".join([*missing, *notes]))
    if uncertain := int(rows.uncertain.sum()):
        notes.append(f"of {uncertain} pulse(s) it is not known whether they reached the film")
    return rows, notes


def shortcomings(series: npt.NDArray[np.str_], fluence: Array, main: str = "up") -> list[str]:
    """Return why rows of these series and commanded fluences (J/cm^2) support no result; empty where they may."""
    up = series == main
    if not up.any():
        return [f"the series {main!r} is missing: the sweep itself"]
    if main != "up":
        return []
    asked = np.unique(np.round(np.log(np.clip(fluence[up], 1e-15, None)), 4))
    if asked.size < FEWEST_FLUENCES:
        return [f"only {asked.size} fluences going up; a threshold needs at least {FEWEST_FLUENCES}"]
    return []


def _column(data: xr.Dataset, name: str, default: float = np.nan) -> Array:
    if name not in data:
        return np.full(data["series"].size, default)
    values: Array = np.asarray(data[name].values, np.float64)
    return values
