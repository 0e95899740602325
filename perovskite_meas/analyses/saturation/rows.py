"""The rows of a saturation run as plain arrays, checked."""

from __future__ import annotations

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
    "power_set": "W",
    "pickoff_before": "W",
    "pickoff_after": "W",
    "counts": "1",
    "live_time": "s",
    "dose": "J/cm^2",
}
SERIES = ("up", "down", "reference", "return", "off_emitter", "dark")
ON_EMITTER = ("up", "down", "reference", "return")
FEWEST_POWERS = 6


@dataclass(frozen=True)
class Rows:
    """Usable rows: finite counts, live time and both readings of the head."""

    index: npt.NDArray[np.intp]
    """Row in the dataset."""
    series: npt.NDArray[np.str_]
    """Name of the series of each row."""
    power_set: Array
    """W at the sample, commanded."""
    before: Array
    """Reading of the head before the dwell, W."""
    after: Array
    """Reading of the head after the dwell, W."""
    counts: Array
    """Raw counts."""
    live_time: Array
    """s."""
    dose: Array
    """J/cm^2 on the emitter before this exposure."""
    dropped: int
    """Rows left out because a number is missing; those of the series 'centring' are not meant for the fit."""

    def of(self, *names: str) -> Mask:
        """Select the rows of the named series."""
        return np.isin(self.series, names)

    @property
    def emitter(self) -> Mask:
        """Rows with light on the emitter."""
        return self.of(*ON_EMITTER)


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series, from the codes and their flag attributes.

    Raises:
        AnalysisRefused: the column or its flags are missing.
    """
    missing = [name for name in COLUMNS if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which saturation needs")
    attrs = data["series"].attrs
    meaning = meanings(attrs)
    if meaning is None:
        raise AnalysisRefused("the column 'series' has no flag_values and flag_meanings: its codes mean nothing")
    codes, words = np.atleast_1d(attrs["flag_values"]), str(attrs["flag_meanings"]).split()
    if len(codes) != len(words):
        raise AnalysisRefused(f"the column 'series' has {len(codes)} flag_values but {len(words)} flag_meanings")
    return category_names(data["series"].values, meaning)


def read_rows(data: xr.Dataset) -> Rows:
    """Return the usable rows of a run.

    Raises:
        AnalysisRefused: no finite counts, no light on the emitter, too few powers or a missing series.
    """
    names = series_names(data)
    column = {name: np.asarray(data[name].values, dtype=np.float64) for name in COLUMNS if name != "series"}
    if not np.isfinite(column["counts"]).any():
        raise AnalysisRefused(f"none of the {names.size} rows has finite counts; there is nothing to analyse")
    good = np.isin(names, SERIES)
    for name in ("counts", "live_time", "pickoff_before", "pickoff_after"):
        good &= np.isfinite(column[name])
    good &= column["live_time"] > 0
    rows = Rows(
        index=np.flatnonzero(good),
        series=names[good],
        power_set=column["power_set"][good],
        before=column["pickoff_before"][good],
        after=column["pickoff_after"][good],
        counts=column["counts"][good],
        live_time=column["live_time"][good],
        dose=column["dose"][good],
        dropped=int((~good & (names != "centring")).sum()),
    )
    if missing := shortcomings(rows.series, rows.power_set):
        raise AnalysisRefused("; ".join(missing))
    return rows


def shortcomings(series: npt.NDArray[np.str_], power_set: Array) -> list[str]:
    """Return why rows of these series and commanded powers (W) support no fit; empty where they may."""
    if not np.isin(series, ON_EMITTER).any():
        return ["no row has light on the emitter (series up, down, reference or return)"]
    found = []
    sweep = np.isin(series, ("up", "down"))
    if not (series == "up").any():
        found.append("the series 'up' is missing: the sweep itself; repeat the run with it")
    if not (series == "dark").any():
        why = "without it dark counts and the zero of the power head are unknown"
        found.append(f"the series 'dark' is missing: {why}; repeat the run with it")
    powers = np.unique(np.round(np.log(np.clip(power_set[sweep], 1e-15, None)), 3))
    if powers.size < FEWEST_POWERS:
        found.append(
            f"only {powers.size} different powers on the emitter; a saturation curve needs at least {FEWEST_POWERS}"
        )
    return found
