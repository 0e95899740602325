"""Power drift: a straight line through the readings."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.core import Value, analysis
from perovskite_meas.core.errors import AnalysisRefused


@dataclass(frozen=True)
class PowerDrift:
    """How steady the power was."""

    mean: Value
    """Mean power, in W; its sigma is that of the scatter alone."""
    drift: Value
    """Relative change per hour, from a straight line; sigma from the scatter about it."""


@analysis(needs={"time": "s", "power": "W"})
def power_drift(data: xr.Dataset) -> PowerDrift:
    """Return mean and drift of the power."""
    if data.sizes.get("row", 0) < 5:
        raise AnalysisRefused("a drift needs at least 5 readings; repeat the run with more")
    hours, watts = data["time"].values / 3600, data["power"].values
    (slope, _), covariance = np.polyfit(hours, watts, 1, cov=True)
    mean, error = float(watts.mean()), float(watts.std(ddof=1)) / len(watts) ** 0.5
    return PowerDrift(Value(mean, error, "W"), Value(slope / mean, covariance[0, 0] ** 0.5 / mean, "1/h"))


@power_drift.figure
def plot(data: xr.Dataset, result: PowerDrift, figure: Figure) -> None:
    """Draw the readings against time."""
    axes = figure.subplots()
    axes.plot(data["time"], data["power"] * 1e6, ".")
    axes.set(xlabel="time (s)", ylabel="power (uW)", title=f"drift {result.drift}")
