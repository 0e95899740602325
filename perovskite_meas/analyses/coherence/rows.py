"""The rows of a Michelson scan as plain arrays, by series, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.columns import category_names, meanings
from perovskite_meas.core.errors import AnalysisRefused

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

COLUMNS = {
    "series": "1",
    "delay": "ps",
    "fine_delay": "fs",
    "counts": "1",
    "monitor": "1",
    "sweeps": "1",
    "sweep_start": "s",
    "exposure": "s",
}
CODES = {
    0: "on", 1: "check", 2: "dark", 3: "reference", 4: "zero", 5: "arm_a", 6: "arm_b", 7: "power", 8: "off_emitter",
}  # fmt: skip
OPTIONAL = ("time", "dose", "power", "power_set", "zero", "zero_sigma", "point_time")
FRINGES = ("on", "check")
FEWEST_DELAYS = 4
FEWEST_POINTS = 3.0
"""Points per fringe below which no sine can be told from another."""


@dataclass(frozen=True)
class Bursts:
    """Rows of one or several series; n bursts of up to K sweeps over J points of the fine axis."""

    index: npt.NDArray[np.intp]
    """Row in the dataset, (n,)."""
    series: npt.NDArray[np.str_]
    """(n,)."""
    delay: Array
    """Of the coarse axis from the calibrated zero, in ps, (n,)."""
    fine: Array
    """Of the points from the middle of the fine axis, as recorded, in fs, (n, J)."""
    counts: Array
    """Photons of the emission, (n, K, J)."""
    monitor: Array
    """Photons of the monitor, (n, K, J)."""
    used: Mask
    """Which sweeps were taken, (n, K)."""
    start: Array
    """Of the sweeps since the start of the burst, in s, (n, K)."""
    exposure: Array
    """Of one point in one sweep, in s, (n,)."""
    others: Mapping[str, Array]
    """The optional scalar columns that the data hold, (n,)."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def sweeps(self) -> Array:
        """Number of sweeps of each burst, (n,)."""
        number: Array = self.used.sum(axis=1).astype(np.float64)
        return number

    @property
    def seconds(self) -> Array:
        """Exposure of each point over all sweeps, in s, (n,)."""
        return self.exposure * self.sweeps

    @property
    def stepped(self) -> bool:
        """Whether each burst is one slow sweep."""
        return len(self) > 0 and bool((self.sweeps < 2).all())

    def of(self, *names: str) -> Bursts:
        """Return the bursts of the named series."""
        return self.only(np.isin(self.series, names))

    def only(self, keep: Mask) -> Bursts:
        """Return the selected bursts."""
        return Bursts(
            self.index[keep], self.series[keep], self.delay[keep], self.fine[keep], self.counts[keep],
            self.monitor[keep], self.used[keep], self.start[keep], self.exposure[keep],
            {name: column[keep] for name, column in self.others.items()},
        )  # fmt: skip

    def other(self, name: str) -> Array:
        """Return an optional column, NaN where the data lack it."""
        return self.others.get(name, np.full(len(self), np.nan))


@dataclass(frozen=True)
class Rows:
    """A Michelson scan."""

    every: Bursts
    """All usable rows."""
    dropped: int
    """Rows left out because a number is missing."""

    @property
    def bright(self) -> Bursts:
        """Bursts with fringes of the emission."""
        return self.every.of(*FRINGES)


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series, from the codes and their flag attributes where there are any."""
    found = meanings(data["series"].attrs)
    return category_names(data["series"].values, CODES if found is None else found)


def read_rows(data: xr.Dataset) -> Rows:
    """Return the usable rows of a scan.

    Raises:
        AnalysisRefused: a column is missing, or the rows on the emitter support no fit of fringes.
    """
    missing = [name for name in COLUMNS if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which coherence needs")
    names = series_names(data)
    counts, monitor = (_array(data, name, 3) for name in ("counts", "monitor"))
    fine, start = (_array(data, name, 2) for name in ("fine_delay", "sweep_start"))
    n, sweeps, points = counts.shape
    if monitor.shape != counts.shape or fine.shape != (n, points) or start.shape != (n, sweeps):
        raise AnalysisRefused(
            f"counts {counts.shape}, monitor {monitor.shape}, fine_delay {fine.shape} and sweep_start {start.shape} "
            "do not fit together: (row, sweep, point) twice, (row, point) and (row, sweep) are needed"
        )
    delay, number, exposure = (np.asarray(data[name].values, np.float64) for name in ("delay", "sweeps", "exposure"))
    good = np.isin(names, list(CODES.values())) & np.isfinite(delay) & np.isfinite(number) & (exposure > 0)
    good &= np.isfinite(counts).all(axis=(1, 2)) & np.isfinite(fine).all(axis=1) & (number >= 1)
    used = np.arange(sweeps) < np.where(good, number, 0)[:, None]
    others = {name: np.asarray(data[name].values, np.float64) for name in OPTIONAL if name in data}
    every = Bursts(
        np.arange(n), names, delay, fine, np.where(used[:, :, None], np.nan_to_num(counts), 0.0),
        np.where(used[:, :, None], np.nan_to_num(monitor), 0.0), used, start, exposure,
        {name: column for name, column in others.items() if column.ndim == 1},
    ).only(good)  # fmt: skip
    rows = Rows(every, int((~good).sum()))
    if lacking := shortcomings(rows):
        raise AnalysisRefused("; ".join(lacking))
    return rows


def shortcomings(rows: Rows) -> list[str]:
    """Return why these rows support no fit of any decay; empty where they may."""
    on = rows.every.of("on")
    if not len(on):
        return ["no row of the series 'on' has finite counts: there is nothing to analyse"]
    found = []
    delays = np.unique(np.round(on.delay, 3)).size
    if delays < FEWEST_DELAYS:
        found.append(f"only {delays} different delays on the emitter; a decay needs at least {FEWEST_DELAYS}")
    if on.fine.shape[1] < 6:
        found.append(f"only {on.fine.shape[1]} points of the fine axis: no sine can be fitted to so few")
    if not on.counts.any():
        found.append("not one photon was counted on the emitter")
    return found


def _array(data: xr.Dataset, name: str, dimensions: int) -> Array:
    values = np.asarray(data[name].values, dtype=np.float64)
    if values.ndim != dimensions:
        if not values.size:
            raise AnalysisRefused("there are no rows to analyse")
        raise AnalysisRefused(
            f"the column {name!r} must have {dimensions} dimensions (row first), it has {values.ndim}"
        )
    return values
