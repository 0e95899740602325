"""The arrival histograms of a run as plain arrays: summed by series, checked, on one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.analysis import fact
from perovskite_meas.core.columns import category_names, meanings
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]

COLUMNS = {"series": "1", "live_time": "s", "period": "ps", "decay_a": "1", "decay_b": "1", "decay_bin": "ps"}
DETECTORS = ("a", "b")
CODES = {0: "on", 1: "off_emitter", 2: "dark", 3: "laser"}
"""Meaning of the series codes where the column does not explain its own."""


@dataclass(frozen=True)
class Sum:
    """All rows of one series added up."""

    live_time: float
    """s."""
    counts: tuple[Array, Array]
    """Arrival histogram of each detector, shape (m,)."""
    crowding: float
    """Mean of the squared count rate over the square of the mean, from row to row."""


@dataclass(frozen=True)
class Decays:
    """The arrival histograms of one run."""

    bin_width: float
    """ps."""
    period: float
    """ps; 0 for continuous excitation."""
    bins: int
    """Whole bins within one period."""
    series: dict[str, Sum]
    """By name; only series with rows."""
    rows: tuple[Array, Array]
    """Histogram of each row on the emitter, by detector, shape (row, m)."""
    row_live_time: Array
    """s, of each row on the emitter, shape (row,)."""
    dropped: int
    """Rows left out because a number is missing."""

    def of(self, name: str) -> Sum | None:
        """Return the sum of one series, or None where it was not taken."""
        return self.series.get(name)

    def pulses(self, name: str) -> float:
        """Return the number of excitation pulses in the rows of one series."""
        return self.series[name].live_time * 1e12 / self.period


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series.

    Raises:
        AnalysisRefused: a column is missing.
    """
    missing = [name for name in COLUMNS if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which lifetime needs")
    found = meanings(data["series"].attrs, strict=True)
    return category_names(data["series"].values, CODES if found is None else found)


def read_decays(data: xr.Dataset) -> Decays:
    """Return the usable rows of a run, summed by series.

    Raises:
        AnalysisRefused: columns are missing, no row is on the emitter, or the rows have different bins.
    """
    names = series_names(data)
    live = _column(data, "live_time")
    good = np.isfinite(live) & (live > 0)
    histograms = [np.asarray(data[f"decay_{d}"].values, dtype=np.float64) for d in DETECTORS]
    histograms = [h if h.ndim == 2 else h.reshape(names.size, h.size // max(names.size, 1)) for h in histograms]
    for table in histograms:
        good &= np.isfinite(table).all(axis=1)
    on = good & (names == "on")
    if not on.any():
        raise AnalysisRefused(f"none of the {names.size} rows is a usable row with light on the emitter (series 'on')")
    periods, widths = _column(data, "period")[on], _column(data, "decay_bin")
    period = float(np.average(periods, weights=live[on]))
    width = float(widths[on][0])
    known = good & np.isin(names, list(CODES.values()))
    if np.ptp(widths[known]) > 1e-6 * width:
        raise AnalysisRefused(
            f"the rows have different decay_bin ({widths[known].min():g} to {widths[known].max():g} ps): "
            "their arrival histograms cannot be added; analyse them apart"
        )
    length = histograms[0].shape[1]
    if not period > 0 or not width > 0:
        return Decays(width, 0.0, 0, {}, (np.zeros((0, 0)), np.zeros((0, 0))), live[on], int((~good).sum()))
    if np.ptp(periods) > 1e-3 * period:
        raise AnalysisRefused(
            f"the period changes from row to row ({periods.min():g} to {periods.max():g} ps); analyse the rows apart"
        )
    bins = min(length, int(period / width + 1e-6))
    sums = {}
    for name in CODES.values():
        own = good & (names == name)
        if own.any():
            tables = [table[own, :bins] for table in histograms]
            sums[name] = Sum(
                float(live[own].sum()),
                (tables[0].sum(axis=0), tables[1].sum(axis=0)),
                _crowding(sum(table.sum(axis=1) for table in tables), live[own]),
            )
    rows = (histograms[0][on, :bins], histograms[1][on, :bins])
    return Decays(width, period, bins, sums, rows, live[on], int((~good).sum()))


def dead_time(data: xr.Dataset) -> float | None:
    """Return the dead time of one detector channel in ps; None where the bench does not state it."""
    from perovskite_meas.core.analysis import condition

    if fact(data, "tagger.dead_time") is None:
        return None
    return condition(data, "tagger.dead_time", "ns").nominal * 1e3


def _column(data: xr.Dataset, name: str) -> Array:
    return np.atleast_1d(np.asarray(data[name].values, dtype=np.float64))


def _crowding(counts: Array, live: Array) -> float:
    total = float(counts.sum())
    if total <= 0:
        return 1.0
    # counts^2 - counts: unbiased for the square of a Poisson mean.
    return max(1.0, float(((counts**2 - counts) / live).sum()) * float(live.sum()) / total**2)
