"""From g2(0) at some power to the biexciton's quantum yield over that of the exciton."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, least_squares

from perovskite_meas.core.value import Value

from .rows import Group

Array = npt.NDArray[np.float64]

HIGHEST = 40
"""Excitons per pulse that the sums reach."""
FEWEST_POWERS = 3
LADDERS = ("none", "pairs")
"""Excitons above two dark, or Q_m = 2q/(m(m-1)): as many radiative as Auger channels; the mean is taken."""


def zero_of(q: float, x: float, ladder: str = "none") -> float:
    """Return g2(0) of isolated pulses with <N> = x: twice the mean pairs over the square of the mean photons.

    Without a ladder 2 P(>=2) Q_X Q_BX/(P(>=1) Q_X + P(>=2) Q_BX)^2; its limit for x -> 0 is q
    (Nair et al., Nano Lett. 11, 1136 (2011)).
    """
    m = np.arange(1, HIGHEST + 1)
    log = -x + m * math.log(max(x, 1e-12)) - np.cumsum(np.log(m))
    at_least = np.cumsum(np.exp(log)[::-1])[::-1]
    yields = np.where(m == 1, 1.0, np.where(m == 2, q, 0.0))
    if ladder == "pairs":
        yields = np.where(m == 1, 1.0, 2 * q / np.maximum(m * (m - 1), 1))
    before = np.cumsum(yields) - yields
    return float(2 * np.sum(before * yields * at_least) / np.sum(yields * at_least) ** 2)


def mean_excitations(on: Group) -> Value | None:
    """Return <N> of these chunks from their power and the linked saturation run; None where it is not known."""
    unit, sigma, order = on.mean("unit_power"), on.mean("unit_power_sigma"), on.mean("excitation_order")
    power = float(on.power.mean())
    if not (unit > 0 and power > 0):
        return None
    order = order or 1.0
    x = (power / unit) ** order
    return Value(x, x * order * sigma / unit, "1")


def excitation_order(groups: Sequence[Group], background: float) -> float:
    """Return the order of the excitation: as linked, else 1, 2 or 3 by how the rate grows with the power, else 0.

    Args:
        groups: the emitter's chunks of each power.
        background: rate of both detectors without the emitter, in cps.
    """
    if stated := groups[0].mean("excitation_order"):
        return stated
    points = [(float(one.power.mean()), sum(one.rates()) - background) for one in groups]
    lit = np.array([point for point in points if min(point) > 0])
    if len(lit) < FEWEST_POWERS or lit[:, 0].max() < 1.3 * lit[:, 0].min():
        return 0.0
    slope = float(np.polyfit(np.log(lit[:, 0]), np.log(lit[:, 1]), 1)[0])
    # Saturation makes the slope smaller, never larger.
    return float(math.ceil(slope - 0.2)) if 0.5 < slope <= 3.2 else 0.0


def biexciton_ratio(
    found: Value, x: Value | None, powers: Mapping[str, Any], order: float, survival: float
) -> tuple[Value | None, str]:
    """Return Q_BX/Q_X at <N> -> 0 and how it was found, or None and why not.

    Args:
        found: g2(0) at one power.
        x: <N> there.
        powers: power (W), g2_zero and sigma of every power used.
        order: of the excitation in the power; 0 where not known.
        survival: r = e^(-T/tau): chance of an exciton to meet the next pulse.
    """
    if survival > math.exp(-1):
        return None, (
            f"an exciton outlives the period with {survival:.0%} (lifetime above the period): stepwise re-excitation "
            "makes pairs as well, and the ratio is not told apart from it; lower the repetition rate"
        )
    if x is None and len(powers["power"]) >= FEWEST_POWERS:
        return _extrapolated(powers, order, survival)
    if x is None:
        return None, (
            "<N> is not known: state unit_power from a saturation run, or measure at three powers or more; "
            "g2_zero holds for the power used"
        )
    stepwise = (1 - survival) / (1 + survival)
    level = found.nominal * stepwise
    ratios = [_solved(level, x.nominal, ladder) for ladder in LADDERS]
    if any(not math.isfinite(ratio) for ratio in ratios):
        return None, f"g2_zero = {found} is more than one dot can give at <N> = {x}"
    ratio = float(np.mean(ratios))
    slope = (_solved(level + 1e-4, x.nominal, "none") - _solved(level - 1e-4, x.nominal, "none")) / 2e-4
    of_x = (
        0.5 * (_solved(level, x.nominal + x.sigma, "none") - _solved(level, max(x.nominal - x.sigma, 1e-6), "none"))
        if x.sigma > 0
        else 0.0
    )
    of_ladder = 0.5 * abs(ratios[1] - ratios[0])
    of_pulses = abs(level - ratio) * (1.0 if survival > 1e-3 else 0.0)
    systematic = math.sqrt((slope * stepwise * (found.systematic or 0.0)) ** 2 + of_x**2 + of_ladder**2 + of_pulses**2)
    own = found.sigma if found.statistical is None else found.statistical
    return Value.combine(ratio, abs(slope) * stepwise * own, systematic, "1"), f"corrected for <N> = {x}"


def _solved(level: float, x: float, ladder: str) -> float:
    """Return q that gives this g2(0) at <N> = x; below zero continued linearly; NaN where no q does."""
    if level <= 0:
        return level * 0.01 / zero_of(0.01, x, ladder)
    if zero_of(1.0, x, ladder) < level:
        return math.nan
    return float(brentq(lambda q: zero_of(q, x, ladder) - level, 0.0, 1.0, xtol=1e-7))


def _extrapolated(powers: Mapping[str, Any], order: float, survival: float) -> tuple[Value | None, str]:
    power, level, sigma = (np.asarray(powers[name], dtype=np.float64) for name in ("power", "g2_zero", "sigma"))
    assumed = order or 1.0
    u = (power / power.max()) ** assumed
    stepwise = (1 - survival) / (1 + survival)
    design = np.column_stack([np.ones(u.size), u]) / sigma[:, None]
    line = np.linalg.lstsq(design, level / sigma, rcond=None)[0]

    def misfit(theta: Array) -> Array:
        model = [_continued(theta[0], theta[1] * part) / stepwise for part in u]
        return np.asarray((np.array(model) - level) / sigma)

    best = least_squares(misfit, (line[0] * stepwise, 0.3), bounds=((-1.0, 1e-4), (1.0, 10.0)))
    jacobian = np.asarray(best.jac, dtype=np.float64)
    cov = np.linalg.pinv(jacobian.T @ jacobian)
    own = math.sqrt(max(float(cov[0, 0]), 0.0))
    held = math.sqrt(1 / float(np.sum(1 / sigma**2))) * stepwise
    own = max(own, held)
    spread = 0.0 if order else abs(float(best.x[0]) - float(line[0]) * stepwise)
    how = f"extrapolated to <N> = 0 from {power.size} powers"
    if not order:
        how += ", the order of the excitation taken as 1"
    return Value.combine(float(best.x[0]), own, spread, "1"), how


def _continued(q: float, x: float) -> float:
    """Return `zero_of`, continued linearly to negative ratios."""
    return zero_of(q, x) if q > 0 else q * zero_of(0.01, x) / 0.01
