"""Controls beside the sweep: the same setting at another rate of pulses, and at several angles of the analyser."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.analyses.pulses.rows import Array, Mask, Rows
from perovskite_meas.core.value import Value

from .groups import Groups
from .law import Fit, Noise, averaged, variance

FLICKER = 0.01
"""Relative 1-sigma of a row's emission that is granted to the laser."""
SURE = 3.0
FEWEST_ANGLES = 3


@dataclass(frozen=True)
class Controls:
    """What the rows of the series 'heating' and 'polarised' tell."""

    heating: Value | None
    """Emission at the other rate over that at the usual one."""
    rates: tuple[float, float]
    """The usual one and the other, Hz."""
    polarisation: Value | None
    """Degree of linear polarisation of the emission above threshold."""

    def notes(self) -> list[str]:
        """Return them in words."""
        said = []
        if self.heating is not None:
            usual, other = self.rates
            sure = abs(self.heating.nominal - 1.0) > SURE * self.heating.sigma
            text = f"at {other:g} Hz the emission is {self.heating} of that at {usual:g} Hz"
            said.append(f"{text}: the film warms, and so does its threshold" if sure else f"{text}: no heating seen")
        return said


def controls(rows: Rows, each: Groups, knee: Fit, noise: Noise) -> Controls:
    """Return what the controls tell; `each` holds one group per row, all compared over the law `knee`."""
    model = averaged(knee.law, knee.theta, each)
    ratio = np.maximum(each.mean / model, 1e-6)
    sigma = np.sqrt(variance(knee.law, knee.theta, each, noise) / model**2 + FLICKER**2)
    series, rate = rows.series[each.row], rows.rate[each.row]
    heating, rates = _heating(series == "heating", rate, np.log(ratio), sigma)
    turned = (series == "polarised") & np.isfinite(rows.analyser[each.row])
    return Controls(heating, rates, _polarisation(turned, rows.analyser[each.row], ratio, sigma))


def _heating(here: Mask, rate: Array, log: Array, sigma: Array) -> tuple[Value | None, tuple[float, float]]:
    rates = np.unique(np.round(rate[here], 6))
    if rates.size < 2:
        return None, (math.nan, math.nan)
    # The usual rate is taken before and after the other.
    usual = max(rates, key=lambda one: int((np.abs(rate[here] - one) < 1e-3).sum()))
    own = here & (np.abs(rate - usual) < 1e-3)
    other = here & ~own
    means = [float(np.average(log[part], weights=sigma[part] ** -2)) for part in (other, own)]
    sigmas = [float((sigma[part] ** -2).sum()) ** -0.5 for part in (other, own)]
    nominal = math.exp(means[0] - means[1])
    return Value(nominal, nominal * math.hypot(*sigmas), "1"), (float(usual), float(rate[other].mean()))


def _polarisation(here: Mask, angle: Array, ratio: Array, sigma: Array) -> Value | None:
    """Return the degree of polarisation by I = a + b cos 2t + c sin 2t."""
    if np.unique(np.round(angle[here] % 180.0, 1)).size < FEWEST_ANGLES:
        return None
    turned = np.radians(2.0 * angle[here])
    design = np.stack([np.ones(turned.size), np.cos(turned), np.sin(turned)], axis=1) / (sigma * ratio)[here, None]
    covariance = np.linalg.pinv(design.T @ design)
    a, b, c = covariance @ design.T @ (1.0 / sigma[here])
    length = math.hypot(b, c)
    if not a > 0:
        return None
    slope = np.array([-length / a**2, b / max(length, 1e-12) / a, c / max(length, 1e-12) / a])
    return Value(length / a, math.sqrt(max(float(slope @ covariance @ slope), 0.0)), "1")
