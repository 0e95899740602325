"""What a knife edge finds, and the calibration that a bench makes of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perovskite_meas.core.value import Value


@dataclass(frozen=True)
class KnifeEdgeResult:
    """The focus as an elliptical Gaussian: energy beyond the edge = E (1 -+ erf(sqrt2 (x - x0)/w))/2."""

    waist: Value | None
    """1/e^2 radius of the intensity along x, in um; None where refused."""
    waist_y: Value | None
    """Likewise along y; None where no edge was moved along y, or refused."""
    centre: Value | None
    """Position of the x edge at half the energy, in mm."""
    centre_y: Value | None
    """Likewise of the y edge."""
    ellipticity: Value | None
    """waist over waist_y."""
    residual: float = field(metadata={"unit": "%"})
    """Largest rms of the curves about their fits, over the full energy."""
    misfit: float
    """Largest chi2 per degree of freedom of the fits."""
    top_hat: Mapping[str, Value]
    """By axis, the width in um of the flat part that a Gaussian convolved with a rectangle would have."""
    refused: str | None
    """Why no radius is claimed; None where one is."""
    points: Mapping[str, Any]
    """axis, position (mm), ratio, sigma, fit; the curves that the figure draws."""
    date: str
    """Day of the measurement, YYYY-MM-DD."""
    notes: tuple[str, ...]
    """Everything to know before using it."""

    def calibrations(self) -> dict[str, dict[str, Any]]:
        """Return `spot` as a bench file states it; nothing where refused."""
        if self.waist is None:
            return {}
        stated: dict[str, Any] = {"date": dt.date.fromisoformat(self.date), "waist": self.waist.to("nm")}
        if self.waist_y is not None:
            stated["waist_y"] = self.waist_y.to("nm")
        return {"spot": stated | {"profile": "gauss"}}
