"""The rows of an HBT run as plain arrays, by series, checked."""

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

COLUMNS = {
    "series": "1",
    "live_time": "s",
    "singles_a": "1",
    "singles_b": "1",
    "histogram": "1",
    "bin_width": "ps",
    "period": "ps",
}
CODES = {0: "on", 1: "off_emitter", 2: "dark", 3: "laser"}
"""Series where the column carries no flags (a bare file)."""
FEWEST_PAIRS = 10
"""Coincidences in the whole window below which nothing can be said."""


@dataclass(frozen=True)
class Group:
    """Rows of one series (and power); arrays with one entry per chunk."""

    live_time: Array
    """s."""
    singles_a: Array
    """Photons on detector a."""
    singles_b: Array
    """Photons on detector b."""
    histogram: Array
    """Coincidences (chunk, bin)."""
    power: Array
    """W at the sample; 0 where not known."""
    period: float
    """Laser period, in ns; 0 for continuous light."""
    others: Mapping[str, Array]
    """The optional columns that the data hold, (chunk,) or (chunk, n)."""

    @property
    def seconds(self) -> float:
        """Total live time, in s."""
        return float(self.live_time.sum())

    def rates(self) -> tuple[float, float]:
        """Return the mean count rates of both detectors, in cps."""
        return float(self.singles_a.sum()) / self.seconds, float(self.singles_b.sum()) / self.seconds

    def counts(self) -> Array:
        """Return the coincidences of all chunks."""
        summed: Array = self.histogram.sum(axis=0)
        return summed

    def total(self, name: str) -> Array | None:
        """Return an optional column summed over chunks; None where it is missing, empty or not finite."""
        column = self.others.get(name)
        if column is None or not np.isfinite(column).all() or not column.any():
            return None
        summed: Array = column.sum(axis=0)
        return summed

    def mean(self, name: str, default: float = 0.0) -> float:
        """Return the mean of an optional scalar column, or `default`."""
        column = self.others.get(name)
        if column is None:
            return default
        good = column[np.isfinite(column)]
        return float(good.mean()) if good.size else default

    def only(self, keep: npt.NDArray[np.bool_]) -> Group:
        """Return the selected chunks."""
        return Group(
            self.live_time[keep],
            self.singles_a[keep],
            self.singles_b[keep],
            self.histogram[keep],
            self.power[keep],
            self.period,
            {name: column[keep] for name, column in self.others.items()},
        )


@dataclass(frozen=True)
class Rows:
    """An HBT run: chunks on the emitter, and what there is to correct them with."""

    on: Group
    """Light on the emitter."""
    off: Group | None
    """Spot beside the emitter."""
    dark: Group | None
    """Shutter closed."""
    laser: Group | None
    """Reference light on the detectors."""
    edges: Array
    """Edges of the lag bins, in ns."""
    dropped: int
    """Rows left out because a number is missing."""

    @property
    def bin(self) -> float:
        """Width of a lag bin, in ns."""
        return float(self.edges[1] - self.edges[0])

    @property
    def lags(self) -> Array:
        """Centres of the lag bins, in ns."""
        centres: Array = 0.5 * (self.edges[1:] + self.edges[:-1])
        return centres


OPTIONAL = (
    "pulse_pairs", "pulse_pairs_gated", "gate", "arrival_a", "arrival_b", "decay_a", "decay_b", "decay_bin",
    "slow_lag", "slow_g2", "unit_power", "unit_power_sigma", "excitation_order", "power_set",
)  # fmt: skip


def read_rows(data: xr.Dataset) -> Rows:
    """Return the usable rows of a run.

    Raises:
        AnalysisRefused: a column is missing, no row has light on the emitter, bins differ, or hardly a pair was seen.
    """
    missing = [name for name in COLUMNS if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which g2 needs")
    names = series_names(data)
    histogram = np.asarray(data["histogram"].values, dtype=np.float64)
    if histogram.ndim != 2 or not histogram.size:
        raise AnalysisRefused("the column 'histogram' holds no array of coincidences per row")
    column = {name: _scalar(data, name) for name in COLUMNS if name not in ("series", "histogram")}
    good = np.isfinite(histogram).all(axis=1) & np.isin(names, list(CODES.values())) & (column["live_time"] > 0)
    for name in ("singles_a", "singles_b", "bin_width", "live_time"):
        good &= np.isfinite(column[name])
    if not (good & (names == "on")).any():
        raise AnalysisRefused("no row of the series 'on' has finite coincidences, singles and live time")
    widths = np.unique(column["bin_width"][good])
    if widths.size != 1 or not widths[0] > 0:
        raise AnalysisRefused(
            f"the rows have bin widths of {', '.join(f'{w:g}' for w in widths)} ps; one positive width is needed"
        )
    others = {name: np.asarray(data[name].values, dtype=np.float64) for name in OPTIONAL if name in data}
    power = others.get("power_set", np.zeros(names.size))
    if "power" in data:
        measured = _scalar(data, "power")
        power = np.where(np.isfinite(measured) & (measured > 0), measured, power)

    def group(name: str) -> Group | None:
        own = good & (names == name)
        if not own.any():
            return None
        period = column["period"][own]
        usable = period[np.isfinite(period) & (period > 0)]
        return Group(
            column["live_time"][own],
            column["singles_a"][own],
            column["singles_b"][own],
            histogram[own],
            np.nan_to_num(power[own]),
            float(usable.mean()) * 1e-3 if usable.size else 0.0,
            {key: values[own] for key, values in others.items()},
        )

    on = group("on")
    if on is not None:
        for side, singles in (("a", on.singles_a), ("b", on.singles_b)):
            if not singles.any():
                raise AnalysisRefused(f"detector {side} has no photons: g2 needs two detectors")
    if on is None or on.histogram.sum() < FEWEST_PAIRS:
        seen = 0 if on is None else int(on.histogram.sum())
        raise AnalysisRefused(
            f"{seen} coincidences in the whole window (at least {FEWEST_PAIRS} are needed): count longer, or look for "
            "the emitter and for a lag of the channels beyond the window"
        )
    n = histogram.shape[1]
    edges = (np.arange(n + 1) - n / 2) * float(widths[0]) * 1e-3
    return Rows(on, group("off_emitter"), group("dark"), group("laser"), edges, int((~good).sum()))


def series_names(data: xr.Dataset) -> npt.NDArray[np.str_]:
    """Return the name of each row's series, from the codes and their flag attributes where there are any."""
    found = meanings(data["series"].attrs)
    return category_names(data["series"].values, CODES if found is None else found)


def _scalar(data: xr.Dataset, name: str) -> Array:
    values = np.asarray(data[name].values, dtype=np.float64)
    if values.ndim != 1:
        raise AnalysisRefused(f"the column {name!r} must hold one number per row")
    return values
