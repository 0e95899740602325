"""The rows of a magneto-PL scan as plain arrays, by series, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from perovskite_meas.core.analysis import fact
from perovskite_meas.core.columns import category_names, meanings
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

COLUMNS = {
    "series": "1",
    "time": "s",
    "field": "T",
    "analyser": "deg",
    "exposure": "s",
    "wavelength": "nm",
    "spectrum": "1",
}
CODES = {
    0: "on", 1: "polar", 2: "check", 3: "lamp", 4: "dark", 5: "background", 6: "faraday", 7: "decay", 8: "refocus",
}  # fmt: skip
EMISSION = ("on", "polar", "check")
LOST = 3
FEWEST_PIXELS = 30
MOST_FULL = 4
"""Pixels at full scale that a cosmic ray may leave in a frame."""
ASIDE = 3


@dataclass(frozen=True)
class Frames:
    """Exposures of one or several series, n of P pixels."""

    index: Indices
    """Row in the dataset, (n,)."""
    series: npt.NDArray[np.str_]
    """(n,)."""
    time: Array
    """Since the start of the run, in s, (n,)."""
    nominal: Array
    """Field that was asked for, in T, (n,)."""
    field: Array
    """Field read back, in T, (n,)."""
    change: Array
    """Of the field during the exposure, in T, (n,)."""
    branch: Array
    """+1 while |B| goes up, -1 down, 0 else, (n,)."""
    analyser: Array
    """In deg, NaN where there was none, (n,)."""
    exposure: Array
    """In s, (n,)."""
    temperature: Array
    """In K, NaN where not known, (n,)."""
    identity: Array
    """0 unknown, 1 same, 2 suspect, 3 lost, (n,)."""
    saturated: Array
    """Pixels at full scale, (n,)."""
    wavelength: Array
    """In vacuum by the bench's calibration, in nm, (n, P)."""
    full: Array
    """Counts at which a pixel is saturated, (n,)."""
    spectrum: Array
    """As read, in analogue-to-digital counts, (n, P)."""

    def __len__(self) -> int:
        return len(self.index)

    def of(self, *names: str) -> Frames:
        """Return the frames of the named series."""
        return self.only(np.isin(self.series, names))

    def only(self, keep: Mask | Indices) -> Frames:
        """Return the selected frames."""
        return Frames(*(getattr(self, item.name)[keep] for item in fields(self)))


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series, from the codes and their flag attributes where there are any."""
    found = meanings(data["series"].attrs)
    return category_names(data["series"].values, CODES if found is None else found)


def read_frames(data: xr.Dataset, needs: Sequence[str] = tuple(COLUMNS)) -> tuple[Frames, list[str]]:
    """Return every row that holds a usable spectrum, and what was left out.

    Raises:
        AnalysisRefused: a column is missing, or there is no spectrum of the emitter.
    """
    missing = [name for name in needs if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}")
    names = series_names(data)
    spectrum, wavelength = (np.asarray(data[name].values, np.float64) for name in ("spectrum", "wavelength"))
    if spectrum.ndim != 2 or wavelength.shape != spectrum.shape:
        if not names.size or not spectrum.size:
            raise AnalysisRefused("there are no rows to analyse")
        raise AnalysisRefused(
            f"spectrum {spectrum.shape} and wavelength {wavelength.shape} must both be (row, pixel): each row carries "
            "its own axis"
        )
    analyser = _column(data, "analyser")
    every = Frames(
        np.arange(len(names)), names, _column(data, "time"), _column(data, "field_set", "field"),
        _column(data, "field"), np.nan_to_num(_column(data, "field_change")), np.nan_to_num(_column(data, "branch")),
        np.where(analyser > -999, analyser, np.nan), _column(data, "exposure"), _column(data, "temperature"),
        np.nan_to_num(_column(data, "identity")), np.nan_to_num(_column(data, "saturated")), wavelength,
        np.full(len(names), _full_scale(data)), spectrum,
    )  # fmt: skip
    taken = np.isin(names, ("on", "polar", "check", "lamp", "dark", "background", "faraday"))
    whole = np.isfinite(spectrum).all(axis=1) & np.isfinite(wavelength).all(axis=1) & (wavelength > 0).all(axis=1)
    whole &= np.isfinite(every.time) & np.isfinite(every.field) & (every.exposure > 0)
    lit = np.isin(names, EMISSION)
    level = _full_scale(data)
    hit = _hit(spectrum, lit, level)
    full, lost = lit & (every.saturated > 0) & ~hit, lit & (every.identity >= LOST)
    notes = []
    for bad, why in ((taken & ~whole, "without finite numbers"), (full, "with saturated pixels"),
                     (lost, "of a lost emitter")):  # fmt: skip
        if bad.any():
            notes.append(f"{int(bad.sum())} frame(s) {why} were left out")
    if (suspect := int((lit & (every.identity == LOST - 1)).sum())) > 0:
        notes.append(f"in {suspect} frame(s) it is doubtful whether this is the same emitter; they were kept")
    kept = every.only(taken & whole & ~full & ~lost)
    if not len(kept.of(*EMISSION)):
        raise AnalysisRefused(
            f"no usable spectrum of the emitter (series {', '.join(EMISSION)}): there is nothing to analyse"
            + (f"; {'; '.join(notes)}" if notes else "")
        )
    if spectrum.shape[1] < FEWEST_PIXELS:
        raise AnalysisRefused(f"the spectra have {spectrum.shape[1]} pixels; at least {FEWEST_PIXELS} are needed")
    return kept, notes


def _full_scale(data: xr.Dataset) -> float:
    """Return the camera's full scale in counts; infinite where the bench does not state it."""
    stated = fact(data, "camera.full_scale")
    stated = stated["value"] if isinstance(stated, Mapping) else stated
    return math.inf if stated is None else float(stated)


def at_full_scale(spectrum: Array, level: Array) -> Mask:
    """Return which pixels are at full scale, and their neighbours, (n, P)."""
    full: Mask = maximum_filter1d((spectrum >= level[:, None]).astype(np.uint8), 3, axis=1).astype(bool)
    return full


def _hit(spectrum: Array, lit: Mask, level: float) -> Mask:
    """Return in which frames the pixels at full scale are a cosmic ray's: few, and where other frames are dim, (n,)."""
    found = np.zeros(len(spectrum), dtype=bool)
    if not math.isfinite(level) or lit.sum() < 3:
        return found
    usual = maximum_filter1d(np.median(spectrum[lit], axis=0), 2 * ASIDE + 1)
    for k in np.flatnonzero(lit & (spectrum >= level).any(axis=1)):
        full = spectrum[k] >= level
        found[k] = full.sum() <= MOST_FULL and bool((usual[full] < 0.5 * level).all())
    return found


def _column(data: xr.Dataset, name: str, other: str | None = None) -> Array:
    """Return a scalar column; NaN where the data lack it."""
    if name not in data and other is not None:
        name = other
    if name not in data:
        return np.full(data["series"].size, np.nan)
    values: Array = np.asarray(data[name].values, np.float64)
    return values
